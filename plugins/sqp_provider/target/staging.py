"""The staged table: create it, fill it by binary COPY and add its key. It later becomes the partition."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.errors import UniqueViolation

from sqp_provider.core.contract import EXTRAS
from sqp_provider.core.errors import ChecksFailed
from sqp_provider.core.run import SyncRun
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.columns import StoredColumns

if TYPE_CHECKING:
    import pyarrow as pa

REJECTS_KEPT = 10_000
"""How many rejects of one attempt are kept as rows; all of them are counted."""


PIECE_BYTES = 256 * 1024


class Staging:
    """The staged table of one run, inside one transaction."""

    def __init__(self, database: Database, sync: SyncRun) -> None:
        self.database = database
        self.sync = sync
        self.name = database.staged(sync.staged_name)
        self.difference = database.staged(sync.name_of("difference"))
        self.partition = database.staged(sync.name_of("partition"))
        self.history = database.staged(sync.name_of("history"))
        self.asins = database.staged(sync.beside_staged("asins"))
        self.label = f"{database.settings.staging_schema}.{sync.staged_name}"
        self.target_label = f"{database.settings.schema_name}.{sync.period.sync_type.target_table}"
        self.target = database.table(sync.period.sync_type.target_table)

    @cached_property
    def columns(self) -> StoredColumns:
        """The columns of the target."""
        return StoredColumns.read(self.database, self.sync.period.sync_type)

    def copied(self, extras: Collection[str] = ()) -> tuple[str, ...]:
        """Return the columns that are copied, in their order."""
        return self.columns.copied(self.sync.period.sync_type, extras)

    def create(self, *, bigquery_sync_id: str) -> None:
        """Create the table empty, in place of one that an earlier attempt of this run left."""
        self.lock()
        self.drop()
        self.drop(self.asins)
        if self.period_is_new():
            self._run("create_partition_to_be", **self.period_names())
        elif self.target_is_partitioned():
            self._run("create_to_compare", target=self.target)
        else:
            columns = (*self._constants(bigquery_sync_id), *self.copied(EXTRAS))
            self._run("create_plain", target=self.target, columns=self._list(columns))
        constants = self._constants(bigquery_sync_id)
        self._alter(self._action("set_constant", column, value) for column, value in constants.items())

    def lock(self) -> None:
        """Be the only try of this run that stages rows, until this transaction ends."""
        self._run("lock_staged", staged_text=sql.Literal(self.label))

    def copy(self, pieces: Generator[bytes], columns: Iterable[str], into: sql.Identifier | None = None) -> int:
        """Write encoded rows and return how many Postgres stored. ``pieces`` is always closed, also after an error.

        :param into: a table that this transaction has created; the staged one unless given.
        """
        from sqp_provider.target.encoding import END, HEADER

        names = {"staged": into or self.name, "columns": self._list(columns)}
        statement = self.database.statement("staging", "copy_rows", names)
        with closing(pieces), self.database.connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                copy.write(HEADER)
                for piece in pieces:
                    copy.write(piece)
                copy.write(END)
            return cursor.rowcount

    def add_key(self) -> None:
        """Add the key, drop the load's defaults, and collect statistics.

        The target's other indexes are of no use to a period that will be compared, so only a new period gets them.

        :raises ChecksFailed: the snapshot repeats a key.
        """
        self._run("speed_up_index")
        key = self.database.statement("staging", "add_key")
        try:
            self._alter([key, *(self._action("drop_constant", column) for column in self._constants(""))])
        except UniqueViolation as error:
            raise ChecksFailed(
                f"{self.sync.period}: duplicate_check failed on {self.label}: the snapshot repeats a key "
                f"({error.diag.message_detail}). The target is unchanged. "
                "Clear 'extract' to take a new snapshot."
            ) from error
        if self.period_is_new():
            self._run("add_indexes", **self.period_names())
        self._run("analyze_staged")

    def create_partition(self, constants: Mapping[str, Any]) -> None:
        """Create the table of a new partition empty, beside the staged one.

        :param constants: what every row has; until the partition is complete these are defaults, and are not copied.
        """
        self.drop(self.partition)
        self._run("create_partition_to_be", **self.period_names(self.partition))
        self._alter((self._action("set_constant", *constant) for constant in constants.items()), self.partition)

    def copy_partition(self, reading: Database, query: sql.Composed, columns: Iterable[str]) -> None:
        """Copy the rows of a query on another connection into the new partition."""
        source = self.database.statement("staging", "copy_query", {"query": query})
        target = self.database.statement(
            "staging", "copy_rows", {"staged": self.partition, "columns": self._list(columns)}
        )
        with reading.connection.cursor().copy(source) as rows, self.database.connection.cursor().copy(target) as copy:
            for piece in pieces(rows):
                copy.write(piece)

    def complete_partition(self, constants: Iterable[str]) -> None:
        """Add what a filled partition needs before it is attached: key, indexes, statistics."""
        self._run("speed_up_index")
        key = self.database.statement("staging", "add_key")
        self._alter([key, *(self._action("drop_constant", column) for column in constants)], self.partition)
        self._run("add_indexes", **self.period_names(self.partition))
        self._run("analyze_staged", staged=self.partition)

    def add_foreign_keys(self, name: str) -> None:
        """Add the keys by which the summary table refers to others; nothing is read yet."""
        names = self.period_names(self.database.staged(name))
        found = self.database.connection.execute(self.database.statement("publish", "foreign_keys", names)).fetchall()
        for row in found:
            definition = sql.SQL(row["definition"])
            self.database.run("publish", "add_foreign_key", staged=self.database.staged(name), definition=definition)

    def prove_foreign_keys(self, name: str) -> None:
        """Read all rows of a new partition to prove its keys."""
        names = self.period_names(self.database.staged(name))
        statement = self.database.statement("publish", "unproved_foreign_keys", names)
        for row in self.database.connection.execute(statement).fetchall():
            key = sql.Identifier(row["name"])
            self.database.run("publish", "prove_foreign_key", staged=self.database.staged(name), key=key)

    def drop_made(self) -> None:
        """Drop what publishing has made, but for rows that came from the source."""
        made = [self.difference, self.partition, self.history, *([self.name] if self.sync.is_sum else [])]
        texts = sql.Literal([table.as_string() for table in made])
        found = self.database.connection.execute(self.database.statement("staging", "made", {"texts": texts}))
        for row in found.fetchall():
            self._run("drop_staged", staged=sql.SQL(row["name"]))

    def period_is_new(self) -> bool:
        """Return whether the staged table can become the period's partition as it is.

        If it does not exist yet: whether one that is created now can.
        """
        return bool(self.database.one("staging", "period_is_new", None, **self.period_names())["is_new"])

    def keep_rejects(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Write up to :data:`REJECTS_KEPT` rejects with their raw rows and return how many were kept."""
        attempt = {"sync_log_id": self.sync.sync_log_id, "attempt": self.sync.attempt}
        self.database.run("staging", "forget_rejects", attempt)
        rows = [attempt | reject for reject in first_rejects(batches, REJECTS_KEPT)]
        with self.database.connection.cursor() as cursor:
            cursor.executemany(self.database.statement("staging", "keep_reject"), rows)
        return len(rows)

    def exists(self, table: sql.Identifier | None = None) -> bool:
        """Return whether a table exists, the staged one unless another is named."""
        text = sql.Literal((table or self.name).as_string())
        return bool(self.database.one("staging", "staged_exists", staged_text=text)["found"])

    def job_id(self) -> str | None:
        """Return the snapshot of the staged rows, or None if there is no row; all rows are of one snapshot."""
        row = self.database.row("staging", "staged_snapshot", staged=self.name)
        return row["job_id"] if row else None

    def drop(self, table: sql.Identifier | None = None) -> None:
        """Drop a table if it exists, the staged one unless another is named.

        Without one, nothing is run that an event trigger would see.
        """
        table = table or self.name
        if self.exists(table):
            self._run("drop_staged", staged=table)

    def drop_leftovers(self, *, of_finished_runs: bool) -> None:
        """Drop what this run has staged, and what finished runs of the same period have left."""
        values = {
            "staging_schema": self.database.settings.staging_schema,
            "sync_log_id": self.sync.sync_log_id,
            "prefix": f"{self.sync.partition_name}_",
            "of_finished_runs": of_finished_runs,
        }
        left = self.database.connection.execute(self.database.statement("staging", "leftovers"), values).fetchall()
        for row in left:
            self.database.run("staging", "drop_staged", staged=self.database.staged(row["name"]))

    def target_is_partitioned(self) -> bool:
        """Return whether the target is partitioned, as ours is, or a plain table that was adopted."""
        target = sql.Literal(self.target_label)
        return bool(self.database.one("staging", "target_kind", target_text=target)["partitioned"])

    def _constants(self, bigquery_sync_id: str) -> dict[str, Any]:
        constants = self.sync.period.columns | {
            "bigquery_sync_id": bigquery_sync_id,
            "sync_log_id": self.sync.sync_log_id,
            "last_synced_at": self.sync.started_at,
        }
        return {column: constants[column] for column in self.columns.written(constants)}

    def period_names(self, staged: sql.Identifier | None = None) -> dict[str, sql.Composable]:
        """Return what the functions of partitions are called with: both tables and the days of the period.

        :param staged: the table that becomes the partition; the staged one unless given.
        """
        period = self.sync.period
        return {
            "staged_text": sql.Literal((staged or self.name).as_string()),
            "target_name": sql.Literal(period.sync_type.target_table),
            "target_text": sql.Literal(self.target.as_string()),
            "first_day": sql.Literal(period.first_day),
            "last_day": sql.Literal(period.last_day),
        }

    def _action(self, name: str, column: str, value: Any = None) -> sql.Composed:
        names = {"column": sql.Identifier(column), "value": sql.Literal(value)}
        return self.database.statement("staging", name, names)

    def _alter(self, actions: Iterable[sql.Composed], table: sql.Identifier | None = None) -> None:
        self._run("alter_staged", staged=table or self.name, actions=sql.SQL(", ").join(actions))

    def _run(self, name: str, **names: sql.Composable) -> None:
        self.database.run("staging", name, None, **({"staged": self.name} | names))

    @staticmethod
    def _list(columns: Iterable[str]) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, columns))


def pieces(rows: Iterable[bytes | bytearray | memoryview]) -> Iterator[bytes]:
    """Join rows, which arrive one by one, into pieces of a quarter of a megabyte."""
    piece = bytearray()
    for row in rows:
        piece += row
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def first_rejects(batches: Iterable[pa.RecordBatch], limit: int) -> Iterator[dict[str, str]]:
    """Yield up to ``limit`` rejects as ``{"reason": …, "raw": …}``, raw as JSON that Postgres can store."""
    kept = 0
    for batch in batches:
        for row in batch.to_pylist():
            if kept == limit:
                return
            kept += 1
            yield {"reason": row["reject_reason"], "raw": json.dumps(_without_nul(json.loads(row["raw"])))}


def _without_nul(row: dict[str, Any]) -> dict[str, Any]:
    # jsonb cannot store U+0000, so its visible symbol takes its place
    return {
        key: value.replace("\0", "\N{SYMBOL FOR NULL}") if isinstance(value, str) else value
        for key, value in row.items()
    }
