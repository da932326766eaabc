"""The target table: refuse older runs, read and write the ledger, and publish a staged period."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from psycopg import sql

from sqp_provider.core.contract import values_of
from sqp_provider.core.fence import refuse_older_run, refuse_replaced_attempt
from sqp_provider.core.period import SyncType
from sqp_provider.core.publish import PublishResult
from sqp_provider.core.run import SyncRun
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.staging import Staging

TURN_SECONDS = 600.0
"""How long a publish waits for another publish of the same table."""

_SYNC_COLUMNS = ("bigquery_sync_id", "sync_log_id", "last_synced_at")


class Target:
    """One period of the target, inside one transaction."""

    def __init__(self, database: Database, sync: SyncRun) -> None:
        self.database = database
        self.sync = sync
        self.staging = Staging(database, sync)
        self.table = database.table(sync.period.sync_type.target_table)
        self.label = self.staging.target_label
        self.period = {"sync_type": sync.period.sync_type.value, "period_start": sync.period.first_day}

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """The columns besides the key that make a row right or wrong."""
        calendar = [column for column in self.sync.period.columns if column != "period_start"]
        return self.staging.columns.written((*calendar, *values_of(self.sync.period.sync_type)))

    @property
    def updated(self) -> tuple[str, ...]:
        """The columns that are written into a row that is there."""
        return (*self.compared, *_SYNC_COLUMNS)

    @property
    def inserted(self) -> tuple[str, ...]:
        """The columns that are written into a new row."""
        return ("period_start", "query", "asin", *self.updated)

    def lock(self) -> None:
        """Wait for the turn to publish. This wait blocks nobody, so it may be long; later lock waits may not."""
        self.database.wait_at_most(TURN_SECONDS)
        self._run("lock_turn", self.period)
        self._run("lock_period", self.period)
        self.database.wait_at_most(self.database.settings.lock_timeout_seconds)

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
        if ledger is None or ledger["state"] != "synced" or ledger["fingerprint"] is None:
            return False
        return self._rows() == int(ledger["row_count"])

    def make_room(self) -> None:
        """Create the partitions of what will be written row by row, where they are missing."""
        self.database.wait_at_most(TURN_SECONDS)
        self._run("lock_turn", self.period)
        if self.sync.period.sync_type is SyncType.WEEKLY:
            self._lock_rollup_turns()
        self.database.wait_at_most(self.database.settings.lock_timeout_seconds)
        self._run("make_room", self.period | {"is_new": self.staging.period_is_new()})

    def period_is_new(self) -> bool:
        """Return whether the staged table can be attached. If so, nobody can write rows of the period meanwhile."""
        if not self.staging.period_is_new():
            return False
        if self.sync.period.sync_type is SyncType.WEEKLY:
            self._lock_rollup_turns()
        self._run("lock_defaults", self.period)
        return self.staging.period_is_new()  # while this waited, somebody may have written

    def attach(self, rows: int) -> PublishResult:
        """Sum a week into its month and quarter, then attach the staged table as the period's partition.

        The attach comes last, so that its locks are held for a short time only.
        """
        if self.sync.period.sync_type is SyncType.WEEKLY:
            self._run("refresh_rollups")
        schema, name = self.database.settings.schema_name, self.sync.partition_name
        self._run("move_staged", schema=sql.Identifier(schema))
        moved = sql.Identifier(schema, self.sync.staged_name)
        self._run("rename_staged", moved=moved, partition_name=sql.Identifier(name))
        self._run("attach")
        return PublishResult(how="attached", inserted=rows)

    def find_difference(self) -> PublishResult:
        """Compare the staged with the current rows, key by key, and return what would change. Nothing is written."""
        plain = not self.staging.target_is_partitioned()
        current = "current_rows_once" if plain else "current_rows"
        self._run("compare_in_memory")
        self._run(
            "find_difference",
            staged_inserted=_of("s", self.inserted),
            staged_values=_of("s", self.compared),
            current_values=_of("c", self.compared),
            current_rows=self.database.statement("publish", current, self._names()),
        )
        self._run("analyze_difference")
        found = self._one("count_difference", self.period)
        repeated = self._one("count_duplicates", self.period)["duplicates"] if plain else 0
        return PublishResult(
            how="difference",
            inserted=found["inserted"],
            updated=found["updated"],
            deleted=found["deleted"] + repeated,
            unchanged=found["rows_staged"] - found["inserted"] - found["updated"],
        )

    def apply_difference(self) -> None:
        """Write the changes that :meth:`find_difference` found. Rows that did not change are not touched."""
        if not self.staging.target_is_partitioned():
            self._run("delete_duplicates", self.period)
        self._run("delete_vanished")
        self._run("update_changed", assigned=_list(self.updated), difference_values=_of("d", self.updated))
        self._run("insert_new", inserted=_list(self.inserted))

    def record_published(self, snapshot: Snapshot) -> None:
        """Write into the ledger that the period equals the snapshot."""
        self._run(
            "record_published",
            self.period
            | {
                "period_end": self.sync.period.last_day,
                "fingerprint": snapshot.fingerprint,
                "snapshot_at": snapshot.snapshot_at,
                "row_count": snapshot.totals.row_count,
                "sync_log_id": self.sync.sync_log_id,
                "attempt": self.sync.attempt,
            },
        )

    def derive_adopted(self) -> None:
        """Sum the month and quarter that were there before the first sync, if all their weeks are synced now."""
        if self.sync.period.sync_type is SyncType.WEEKLY:
            self._run("derive_adopted", self.period)

    def mark_outdated(self, snapshot: Snapshot) -> None:
        """Write into the ledger that a synced month or quarter may lack what this week now has."""
        seen = {"snapshot_at": snapshot.snapshot_at, "fingerprint": snapshot.fingerprint}
        self._run("mark_outdated", self.period | seen)

    def record_confirmed(self, snapshot: Snapshot) -> None:
        """Write into the ledger that a later snapshot was equal. From then on an older snapshot is refused."""
        self._run("record_confirmed", self.period | {"snapshot_at": snapshot.snapshot_at})

    def _rows(self) -> int:
        return int(self._one("period_rows", self.period)["rows"])

    def _lock_rollup_turns(self) -> None:
        self.database.wait_at_most(TURN_SECONDS)
        self._run("lock_rollup_turns")
        self.database.wait_at_most(self.database.settings.lock_timeout_seconds)

    def _run(self, name: str, values: Mapping[str, Any] | None = None, **names: sql.Composable) -> int:
        return self.database.run("publish", name, values, **(self._names() | names))

    def _one(self, name: str, values: Mapping[str, Any] | None = None, **names: sql.Composable) -> dict[str, Any]:
        return self.database.one("publish", name, values, **(self._names() | names))

    def _names(self) -> dict[str, sql.Composable]:
        return {
            "target": self.table,
            "staged": self.staging.name,
        } | self.staging.period_names()


def _list(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _of(table: str, columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(table, column) for column in columns)
