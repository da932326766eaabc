"""The target table: refuse older runs, read and write the ledger, compare a period and write what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from psycopg import sql

from sqp_provider.core.contract import PRICED, values_of
from sqp_provider.core.fence import refuse_older_run, refuse_replaced_attempt
from sqp_provider.core.publish import PublishResult, Way
from sqp_provider.core.run import SyncRun
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.changes import Changes

_SYNC_COLUMNS = ("bigquery_sync_id", "sync_log_id", "last_synced_at")


class Target:
    """One period of the target, inside one transaction.

    :param derived: whether its rows are summed from weeks.
    """

    def __init__(self, database: Database, sync: SyncRun, *, derived: bool = False) -> None:
        self.derived = derived
        self.database = database
        self.sync = sync
        self.changes = Changes(database, sync)
        self.staging = self.changes.staging
        self.table = database.table(sync.period.sync_type.target_table)
        self.label = self.staging.target_label
        self.period = {"sync_type": sync.period.sync_type.value, "period_start": sync.period.first_day}

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """The columns besides the key that make a row right or wrong."""
        calendar = [column for column in self.sync.period.columns if column != "period_start"]
        return self.staging.columns.written((*calendar, *values_of(self.sync.period.sync_type)))

    @property
    def judged(self) -> tuple[str, ...]:
        """The columns that are compared: a sum of weeks belongs to no sync, and must not say so."""
        return self.updated if self.derived else self.compared

    @property
    def updated(self) -> tuple[str, ...]:
        """The columns that are written into a row that is there."""
        return (*self.compared, *_SYNC_COLUMNS)

    @property
    def inserted(self) -> tuple[str, ...]:
        """The columns that are written into a new row."""
        return ("period_start", "query", "asin", *self.updated)

    @property
    def constants(self) -> dict[str, Any]:
        """What is the same in every row of the period: its days, and all that a sum of weeks does not have."""
        unknown = dict.fromkeys((*_SYNC_COLUMNS, *(each.column for each in PRICED)) if self.derived else ())
        constants = self.sync.period.columns | unknown
        return {column: constants[column] for column in self.staging.columns.written(constants)}

    def lock(self) -> None:
        """Wait until nobody else publishes the period. Whoever waits here keeps nobody from reading."""
        self.database.wait_at_most(self.database.settings.lock_timeout_seconds)
        self.lock_periods()

    def lock_periods(self) -> None:
        """Be the only one who publishes the period and, of a week, its month and quarter."""
        self._run("lock_periods", self.period)

    def version(self) -> str | None:
        """Return what tells whether anybody has written to the period since; None where the ledger has no row of it."""
        row = self.database.row("publish", "ledger_version", self.period)
        return str(row["version"]) if row else None

    def is_stale(self, version: str | None) -> bool:
        """Return whether only changes are staged, and the period is not what they were compared with.

        A partition that is dropped or detached changes no version, so the rows are counted too.

        :param version: what the ledger had before this was asked.
        """
        kept = self.changes.kept
        return kept is not None and (kept.version != version or self._rows() != kept.row_count + kept.gone)

    def locked_version(self) -> tuple[str | None, bool]:
        """Return the same, and keep everybody from writing to the period until this transaction ends.

        :return: besides, whether somebody had written to the period since it was published.
        """
        row = self.database.row("publish", "lock_ledger", self.period, **self._names())
        if row is None:
            return ("rows of others" if self.has_rows() else None), False
        return row["version"], row["is_doubted"]

    def has_rows(self) -> bool:
        """Return whether the target has a row of the period."""
        return bool(self._one("has_rows")["found"])

    def refuse_if_superseded(self) -> None:
        """Stop unless this is the newest attempt of the newest run of its period. A dry run stands in nobody's way.

        :raises Superseded: names the attempt that has taken over.
        :raises NewerRun: names the run that does it.
        :raises RunClosed: the run was closed while this stage was running.
        """
        run = {"sync_log_id": self.sync.sync_log_id, "started_at": self.sync.started_at} | self.period
        refuse_replaced_attempt(self.sync, self.database.one("sync_log", "current_attempt", run))
        if not self.sync.options.dry_run:
            refuse_older_run(self.sync, self.database.row("sync_log", "newer_run", run))

    def ledger(self) -> dict[str, Any] | None:
        """Return the ledger's row of the period, or None."""
        return self.database.row("publish", "ledger_row", self.period)

    def published_by_this_attempt(self) -> bool:
        """Return whether an earlier try of this attempt committed, but failed before it could return."""
        ledger = self.ledger()
        mine = (self.sync.sync_log_id, self.sync.attempt)
        return ledger is not None and (ledger["sync_log_id"], ledger["attempt"]) == mine

    def holds(self, snapshot: Snapshot) -> bool:
        """Return whether the ledger says that exactly this snapshot is published, and its rows are still there."""
        ledger = self.ledger()
        return ledger is not None and ledger["fingerprint"] == snapshot.fingerprint and self.is_intact(ledger)

    def is_intact(self, ledger: Mapping[str, Any] | None) -> bool:
        """Return whether a sync published the period and, as far as we know, nobody wrote to it since."""
        return ledger is not None and self.is_ours(ledger) and self._rows() == int(ledger["row_count"])

    @staticmethod
    def is_ours(ledger: Mapping[str, Any] | None) -> bool:
        """Return whether the ledger says that a sync published the period, and of nobody who wrote to it since."""
        return ledger is not None and ledger["state"] == "synced" and ledger["fingerprint"] is not None

    def adopt_unknown(self) -> None:
        """Note rows that nobody accounts for: of the period and, of a week, of its month and quarter."""
        self._run("adopt_unknown", self.period)

    def way_as_a_whole(self) -> Way | None:
        """Return how a partition that is built elsewhere can become the period's, or None if it cannot."""
        way = self._one("way_as_a_whole")["way"]
        return Way(way) if way else None

    def make_room(self) -> bool:
        """Create the period's partition, with what the default partition has of it, and return whether it is new."""
        return bool(self._one("make_room")["made"])

    def find_difference(self, rows: sql.Composable | None = None, most: int | None = None) -> PublishResult:
        """Compare rows with the current ones, key by key, and return what would change. The target is not written.

        The changes are kept in a table of the staging schema.

        :param rows: a table or a query in brackets; the staged table unless given.
        :param most: keep no more than so many changes; beyond that the result is counted only.
        """
        compared = self._compared(rows)
        if not self.changes.kept:  # few rows of a period are found by its key
            self.database.run("sums", "prefer_hash_joins")
        self.forget_difference()
        limit = sql.Literal(None if most is None else most + 1)
        self._run("create_difference", None, staged_inserted=_of("s", self.inserted), limit=limit, **compared)
        self._run("analyze_difference")
        found = self._one("count_difference", None, **compared)
        if most is not None and found["inserted"] + found["updated"] + found["deleted"] > most:
            self.forget_difference()
            found = self._one("count_changes", None, **compared)
        plain = not self.staging.target_is_partitioned()
        repeated = self._one("count_duplicates", self.period)["duplicates"] if plain else 0
        kept = self.changes.kept.row_count if self.changes.kept else 0
        return PublishResult(
            how="difference",
            inserted=found["inserted"],
            updated=found["updated"],
            deleted=found["deleted"] + repeated,
            unchanged=kept + found["rows_staged"] - found["inserted"] - found["updated"],
        )

    def forget_difference(self) -> None:
        """Drop the table of changes, if there is one."""
        self.staging.drop(self.staging.difference)

    def apply_difference(self) -> None:
        """Write the changes that :meth:`find_difference` has kept. Rows that did not change are not touched."""
        if not self.staging.target_is_partitioned():
            self._run("delete_duplicates", self.period)
        self._run("delete_vanished")
        self._run("update_changed", assigned=_list(self.updated), difference_values=_of("d", self.updated))
        self._run("insert_new", inserted=_list(self.inserted))

    def stage_rows(self, rows: sql.Composable) -> int:
        """Write the rows of a query in brackets into the staged table, and return how many there are."""
        self.database.run("sums", "prefer_hash_joins")
        count = self._run("create_from_rows", rows=rows)
        self._run("analyze_rows")
        return count

    def build(self, reading: Database, rows: sql.Composable, *, replaces: bool) -> None:
        """Build the new partition apart, from rows that are the whole period.

        The rows are copied from one connection to another, because only rows that are copied into a new table are
        visible to every transaction that is open: one that repeats its reads sees all of a publish, or nothing.

        :param reading: a transaction that reads the rows.
        :param rows: a table or a query in brackets.
        :param replaces: a partition that is there; what did not change keeps all its columns.
        """
        constants = self.constants
        stored = self.staging.columns.all if replaces else self.inserted
        columns = [column for column in stored if column not in constants]
        if replaces:
            query = self.database.statement("publish", "finished_rows", self._compared(rows) | self._finished(columns))
        else:
            query = self.database.statement("publish", "new_rows", {"rows": rows, "columns": _list(columns)})
        reading.run("sums", "prefer_hash_joins")
        self.staging.create_partition(constants)
        self.staging.copy_partition(reading, query, columns)
        self.staging.complete_partition(constants)

    def lock_readers_out(self, way: Way, until: float) -> None:
        """Lock what attaching or swapping the partition locks, to wait for all of it before anything is changed.

        :param until: when to give up, by ``time.monotonic``: who reads waits behind all of these locks together.
        """
        statement = self.database.statement("publish", "default_partition", self._names())
        defaults = [sql.SQL(row["name"]) for row in self.database.connection.execute(statement).fetchall()]
        table, partition = self.table, self.database.table(self.sync.partition_name)
        locks: list[tuple[str, sql.Composable]] = [("lock_writers_out", table)]
        if way is Way.SWAP:
            locks = [("lock_table", table), ("lock_table", partition)]
        for name, locked in (*locks, *(("lock_table", default) for default in defaults)):
            self.database.wait_until(until)
            self._run(name, table=locked)

    def put_in_place(self, way: Way, name: str) -> None:
        """Make a table of the staging schema the period's partition, in place of the one that is there."""
        if way is Way.SWAP:
            self._run("drop_partition", partition=self.database.table(self.sync.partition_name))
        schema = self.database.settings.schema_name
        self._run("move_staged", staged=self.database.staged(name), schema=sql.Identifier(schema))
        moved = sql.Identifier(schema, name)
        self._run("rename_staged", moved=moved, partition_name=sql.Identifier(self.sync.partition_name))
        self._run("attach")

    def record_published(self, snapshot: Snapshot) -> None:
        """Write into the ledger that the period equals the snapshot."""
        asins: sql.Composable = sql.SQL("null::text[]")
        if self.staging.exists(self.staging.asins):
            asins = self.database.statement("completeness", "published_asins", {"asins": self.staging.asins})
        self._run(
            "record_published",
            self.period
            | {
                "period_end": self.sync.period.last_day,
                "fingerprint": snapshot.fingerprint,
                "snapshot_at": snapshot.snapshot_at,
                "row_count": snapshot.totals.row_count,
                "row_hash": snapshot.totals.row_hash,
                "sync_log_id": self.sync.sync_log_id,
                "attempt": self.sync.attempt,
            },
            asins=asins,
        )

    def record_derived(self, way: Way | None) -> None:
        """Write into the ledger that the month or quarter is the sum of its weeks."""
        self._run("record_derived", self.period | {"has_rows": True if way else None})

    def mark_derived(self) -> None:
        """Write into the ledger that the month or quarter is to be summed anew."""
        self._run("mark_derived", self.period)

    def mark_outdated(self, snapshot: Snapshot) -> None:
        """Write into the ledger that a synced month or quarter may lack what this week now has."""
        seen = {"snapshot_at": snapshot.snapshot_at, "fingerprint": snapshot.fingerprint}
        self._run("mark_outdated", self.period | seen)

    def record_confirmed(self, snapshot: Snapshot) -> None:
        """Write into the ledger that a later snapshot was equal. From then on an older snapshot is refused."""
        self._run("record_confirmed", self.period | {"snapshot_at": snapshot.snapshot_at})

    def _rows(self) -> int:
        return int(self._one("period_rows", self.period)["rows"])

    def _compared(self, rows: sql.Composable | None) -> dict[str, sql.Composable]:
        plain = not self.staging.target_is_partitioned()
        current = self.database.statement("publish", "current_rows_once" if plain else "current_rows", self._names())
        return {
            "rows": rows or self.staging.name,
            "staged_values": _of("s", self.judged),
            "current_values": _of("c", self.judged),
            "current_rows": self.changes.not_kept if self.changes.kept else current,
        }

    def _finished(self, columns: Iterable[str]) -> dict[str, sql.Composable]:
        """Return the columns of a finished row: as it was, if it did not change."""
        # What is compared is right either way, so that only the others ask whether it changed.
        asking = (*(column for column in self.updated if column not in self.judged), "updated_at")
        found = self.staging.columns.by_name
        finished, kept = [], []
        for number, column in enumerate(columns):
            name, old = sql.Identifier(column), sql.Identifier(f"kept_{number}")
            if column in self.inserted and column not in asking:
                finished.append(sql.SQL("row.{}").format(name))
                continue
            kept.append(sql.SQL("c.{} as {}").format(name, old))
            if column in asking:
                new = sql.Identifier("row", column) if column in self.updated else sql.SQL("current_timestamp")
                finished.append(sql.SQL("case when row.same then row.{} else {} end as {}").format(old, new, name))
            else:
                default = sql.SQL(found[column].default or "null")
                finished.append(
                    sql.SQL("case when row.was_there then row.{} else {} end as {}").format(old, default, name)
                )
        listed = sql.SQL(", ").join
        return {
            "finished_columns": listed(finished),
            "kept_columns": listed(kept),
            "staged_inserted": _of("s", self.inserted),
        }

    def _run(self, name: str, values: Mapping[str, Any] | None = None, **names: sql.Composable) -> int:
        return self.database.run("publish", name, values, **(self._names() | names))

    def _one(self, name: str, values: Mapping[str, Any] | None = None, **names: sql.Composable) -> dict[str, Any]:
        return self.database.one("publish", name, values, **(self._names() | names))

    def _names(self) -> dict[str, sql.Composable]:
        return {
            "target": self.table,
            "staged": self.staging.name,
            "difference": self.staging.difference,
        } | self.staging.period_names()


def _list(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _of(table: str, columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(table, column) for column in columns)
