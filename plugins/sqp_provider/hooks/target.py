"""The target table: fencing, the ledger, and publishing a staged period into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import sql

from sqp_provider.core.contract import MEASURES
from sqp_provider.core.errors import Superseded
from sqp_provider.core.publish import PublishResult
from sqp_provider.core.run import SyncRun
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.hooks.postgres import Database
from sqp_provider.hooks.staging import Staging

_SYNC_COLUMNS = ("bigquery_sync_id", "sync_log_id", "last_synced_at")
_INSERTED = ("period_start", "period_end", "query", "asin", *MEASURES)


class Target:
    """One period of the target, inside one transaction."""

    def __init__(self, database: Database, sync: SyncRun) -> None:
        self.database = database
        self.sync = sync
        self.staging = Staging(database, sync)
        self.table = database.table(sync.period.sync_type.target_table)
        self.label = f"{database.settings.schema_name}.{sync.period.sync_type.target_table}"
        self.period = {"sync_type": sync.period.sync_type.value, "period_start": sync.period.first_day}

    def lock(self) -> None:
        """Wait until no other transaction publishes this period, but not for ever."""
        milliseconds = str(int(self.database.settings.lock_timeout_seconds * 1000))
        self._run("wait_at_most", {"milliseconds": milliseconds})
        self._run("lock_period", self.period)

    def refuse_if_superseded(self) -> None:
        """Let only the newest attempt of the newest run of a period go on.

        :raises Superseded: says which run has taken over.
        """
        run = {"sync_log_id": self.sync.sync_log_id, "started_at": self.sync.started_at} | self.period
        current = self.database.one("sync_log", "current_attempt", run)["attempt"]
        if current != self.sync.attempt:
            raise Superseded(
                f"{self.sync}: attempt {current} of the same run has taken over, this one is attempt "
                f"{self.sync.attempt}. Nothing was changed. There is nothing to do: the newer attempt goes on."
            )
        newer = self.database.row("sync_log", "newer_run", run)
        if newer:
            raise Superseded(
                f"{self.sync}: run {newer['run_id']} (sync_log {newer['id']}) of the same period started later, at "
                f"{newer['started_at']:%Y-%m-%d %H:%M:%S %Z}, and is {newer['sync_status']}. Nothing was changed. "
                "There is nothing to do unless that run fails; then clear it, or this one."
            )

    def ledger(self) -> dict[str, Any] | None:
        """Return the ledger's row of the period, or None."""
        return self.database.row("publish", "ledger_row", self.period)

    def holds(self, snapshot: Snapshot) -> bool:
        """Tell whether the ledger says that exactly this snapshot is published, and its rows are there."""
        ledger = self.ledger()
        if ledger is None or ledger["state"] != "synced" or ledger["fingerprint"] != snapshot.fingerprint:
            return False
        return self._has_rows() == (snapshot.totals.row_count > 0)

    def period_is_new(self) -> bool:
        """Tell whether the staged table can become the period's partition as it is."""
        if not self.staging.target_is_partitioned() or self._has_rows():
            return False
        found = self._one("partition_exists", self.period, target_text=sql.Literal(self.label))["found"]
        return not found

    def ensure_rollup_partitions(self) -> None:
        """Create the partitions of the period's month and quarter, where they are missing."""
        self._run("ensure_rollup_partitions", self.period)

    def attach(self, rows: int) -> PublishResult:
        """Roll up, then make the staged table the period's partition: the last statement that takes locks."""
        self._run("refresh_rollups", staged_text=sql.Literal(self.staging.label))
        schema, name = self.database.settings.schema_name, self.sync.partition_name
        partition, bounds = sql.Identifier(schema, name), sql.Identifier(f"{self.sync.staged_name}_bounds")
        self._run("move_staged", staged=self.staging.name, schema=sql.Identifier(schema))
        moved = sql.Identifier(schema, self.sync.staged_name)
        self._run("rename_staged", moved=moved, partition_name=sql.Identifier(name))
        self._run("attach", partition=partition)
        self._run("drop_bounds", partition=partition, bounds=bounds)
        return PublishResult(how="attached", inserted=rows)

    def find_difference(self) -> PublishResult:
        """Compare staged with current, key by key, and return what would change; nothing is written yet."""
        duplicates = 0
        if not self.staging.target_is_partitioned():
            duplicates = self._run("delete_duplicates", self.period)
        self._run("find_difference", staged_values=_of("s", MEASURES), current_values=_of("c", MEASURES))
        found = self._one("count_difference", self.period)
        changed = {key: found[key] for key in ("inserted", "updated")}
        unchanged = found["rows_staged"] - found["inserted"] - found["updated"]
        return PublishResult(how="difference", deleted=found["deleted"] + duplicates, unchanged=unchanged, **changed)

    def apply_difference(self) -> None:
        """Write what :meth:`find_difference` found; rows that did not change are not touched."""
        updated = (*MEASURES, *_SYNC_COLUMNS)
        inserted = (*_INSERTED, *_SYNC_COLUMNS)
        self._run("delete_vanished")
        self._run("update_changed", assigned=_list(updated), staged_values=_of("s", updated))
        self._run("insert_new", inserted=_list(inserted), staged_inserted=_of("s", inserted))

    def record_published(self, snapshot: Snapshot) -> None:
        """Write into the ledger that the period is what the snapshot holds."""
        self._run(
            "record_published",
            self.period
            | {
                "period_end": self.sync.period.last_day,
                "fingerprint": snapshot.fingerprint,
                "row_count": snapshot.totals.row_count,
                "sync_log_id": self.sync.sync_log_id,
                "attempt": self.sync.attempt,
            },
        )

    def _has_rows(self) -> bool:
        return bool(self._one("period_has_rows", self.period)["found"])

    def _run(self, name: str, values: Mapping[str, Any] | None = None, **names: sql.Composable) -> int:
        return self.database.run("publish", name, values, **(self._names() | names))

    def _one(self, name: str, values: Mapping[str, Any] | None = None, **names: sql.Composable) -> dict[str, Any]:
        return self.database.one("publish", name, values, **(self._names() | names))

    def _names(self) -> dict[str, sql.Composable]:
        return {
            "target": self.table,
            "staged": self.staging.name,
            "first_day": sql.Literal(self.sync.period.first_day),
            "next_first_day": sql.Literal(self.sync.period.next_first_day),
        }


def _list(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _of(table: str, columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(table, column) for column in columns)
