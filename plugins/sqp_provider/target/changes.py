"""Which rows of a published period a snapshot changes, found by the hashes of both sides before any row is loaded.

Only the rows that arrive are staged then. Until the period is published, it consists of two parts: the published rows
that are kept, and the staged ones. Whoever checks or sums it reads both.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property

from psycopg import sql

from sqp_provider.core.errors import StagedMissing, Superseded
from sqp_provider.core.run import SyncRun
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.staging import Staging


@dataclass(frozen=True)
class Kept:
    """The published rows that a snapshot has too.

    :param job_id: of the snapshot.
    :param version: what the ledger had before the rows were read; if it has changed, somebody has written since.
    :param gone: how many other rows are published.
    """

    job_id: str
    version: str
    gone: int
    row_count: int
    row_hash: int


class Changes:
    """The comparison of one run, inside one transaction."""

    def __init__(self, database: Database, sync: SyncRun) -> None:
        self.database = database
        self.sync = sync
        self.staging = Staging(database, sync)
        self.hashes = database.staged(sync.beside_staged("hashes"))
        self.differing = database.staged(sync.beside_staged("differing"))
        self.kept_rows = database.staged(sync.beside_staged("kept"))

    def find(
        self, hashes: Generator[bytes], row_hash: sql.Composable, snapshot: Snapshot, version: str, most: int
    ) -> tuple[Kept, list[int]] | None:
        """Compare the snapshot's rows with the published ones; return what stays, and the hashes of what arrives.

        :param hashes: of the snapshot's rows, encoded for a COPY.
        :param row_hash: the expression that gives the hash of a published row.
        :param most: return None, and leave nothing behind, if more rows than so many differ on either side.
        """
        self.staging.lock()
        self.staging.drop()
        self.forget()
        self._run("create_hashes")
        self.staging.copy(hashes, ("row_hash",), self.hashes)
        self._run("analyze_hashes")
        self.database.run("sums", "prefer_hash_joins")
        self._run("create_differing", row_hash=row_hash)
        found = self.database.one("changes", "count_differing", None, **self._names)
        if max(found["arrived"], found["gone"]) > most:
            self.forget()
            return None
        self._run("analyze_differing")
        values = {"job_id": snapshot.job_id, "version": version} | found
        self._run("create_kept", **{name: sql.Literal(value) for name, value in values.items()})
        self.staging.drop(self.hashes)
        statement = self.database.statement("changes", "arrived", self._names)
        arrived = [row["arrived"] for row in self.database.connection.execute(statement)]
        return (self.kept, arrived) if self.kept else None

    def forget(self) -> None:
        """Drop the tables of a comparison, so that what is staged is a whole period."""
        for table in (self.hashes, self.differing, self.kept_rows):
            self.staging.drop(table)

    @cached_property
    def kept(self) -> Kept | None:
        """The published rows that stay, or None if a whole period is staged.

        :raises StagedMissing: the server has restarted since the rows were compared.
        """
        if self.sync.is_sum or not self.staging.exists(self.kept_rows):
            return None
        row = self.database.row("changes", "read_kept", None, **self._names)
        if row is None:
            raise self._emptied()
        return Kept(**row)

    def refuse_unless_of(self, snapshot: Snapshot) -> None:
        """Stop a stage whose snapshot is not staged, because the stage was cleared alone.

        :raises StagedMissing: the staged table is gone, or it has the rows of another snapshot.
        """
        label = self.staging.label
        if not self.staging.exists():
            raise StagedMissing(
                f"{self.sync}: {label} does not exist, because a finished run drops its staged table. "
                "The target is unchanged. Clear 'load' to stage the rows again."
            )
        job_id = self.kept.job_id if self.kept else self.staging.job_id()
        if job_id is None and snapshot.totals.row_count:
            raise self._emptied()
        if job_id and job_id != snapshot.job_id:
            raise StagedMissing(
                f"{self.sync}: {label} has the rows of BigQuery job {job_id}, but the run's snapshot is "
                f"of {snapshot.job_id}: 'extract' ran again, 'load' did not. The target is unchanged. Clear 'load'."
            )

    def refuse_unless_kept(self, kept: Kept) -> None:
        """Stop a try whose comparison is gone: another try of the same task has staged the period since.

        :raises Superseded: there is nothing to do.
        """
        if self.kept != kept:
            raise Superseded(
                f"{self.sync}: another try of this task has staged the period meanwhile. The target is unchanged. "
                "There is nothing to do: that try continues."
            )

    def _emptied(self) -> StagedMissing:
        return StagedMissing(
            f"{self.sync}: {self.staging.label} is empty, because the server has restarted since the rows were staged. "
            "The target is unchanged. Clear 'load' to stage them again."
        )

    @property
    def whole(self) -> sql.Composable:
        """All rows of the period as it will be: the staged table, or a query in brackets."""
        if self.kept is None:
            return self.staging.name
        return self.database.statement("changes", "whole", self._names)

    @property
    def published(self) -> sql.Composable:
        """The rows that are published: a query in brackets."""
        return self.database.statement("changes", "published", self._names)

    @property
    def asins(self) -> sql.Composable:
        """A query for the ASINs of the period as it will be."""
        if self.kept is None:
            return sql.SQL("select distinct asin from {}").format(self.staging.name)
        return self.database.statement("changes", "asins", self._names)

    @property
    def not_kept(self) -> sql.Composable:
        """The published rows that do not stay: a query in brackets."""
        return self.database.statement("changes", "differing_rows", self._names)

    def repeated(self) -> int:
        """Return how many staged rows have the key of a row that stays. There is none, unless two hashes are equal."""
        return int(self.database.one("changes", "count_repeated", None, **self._names)["repeated"])

    @cached_property
    def _names(self) -> dict[str, sql.Composable]:
        return {
            "hashes": self.hashes,
            "differing": self.differing,
            "kept": self.kept_rows,
            "staged": self.staging.name,
            "target": self.staging.target,
            "first_day": sql.Literal(self.sync.period.first_day),
            "columns": sql.SQL(", ").join(map(sql.Identifier, self.staging.columns.by_name)),
        }

    def _run(self, name: str, **names: sql.Composable) -> None:
        self.database.run("changes", name, None, **(self._names | names))
