"""The log of runs: start or resume a run's row, read it, write its counts and finish it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqp_provider.core.attempt import Attempt
from sqp_provider.core.errors import TargetUnusable
from sqp_provider.core.failure import Failure
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.publish import PublishResult
from sqp_provider.core.run import SyncOptions, SyncRun
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.hooks.postgres import Database


@dataclass(frozen=True)
class DagRunIdentity:
    """Airflow's two ids of a run. They stay the same when tasks of the run are cleared."""

    dag_id: str
    run_id: str


@dataclass(frozen=True)
class SyncLog:
    """``sync_log`` inside one transaction."""

    database: Database

    def start(
        self,
        run: DagRunIdentity,
        sync_type: SyncType,
        period: Period | None,
        source_table: str,
        options: SyncOptions,
    ) -> tuple[int, int]:
        """Insert the run's row, or start a new attempt on the row it has; return the row's id and the attempt.

        :param period: None only if the requested date starts no period; the row is then finished as failed.
        """
        row = self.database.one(
            "sync_log",
            "start_sync",
            {
                "sync_type": sync_type.value,
                "source_table": source_table,
                "target_table": f"{self.database.settings.schema_name}.{sync_type.target_table}",
                "period_start": period and period.first_day,
                "period_end": period and period.last_day,
                "dag_id": run.dag_id,
                "run_id": run.run_id,
                "options": options.model_dump_json(),
            },
        )
        return row["id"], row["attempt"]

    def reopen(self, sync: SyncRun, source_table: str) -> SyncRun:
        """Start a new attempt on a closed row, for the same period and with the same options."""
        run = DagRunIdentity(sync.dag_id, sync.run_id)
        self.start(run, sync.period.sync_type, sync.period, source_table, sync.options)
        return self.read(sync.sync_log_id)

    def read(self, sync_log_id: int) -> SyncRun:
        """Return the run of a row.

        :raises TargetUnusable: there is no such row.
        """
        row = self.database.row("sync_log", "read_sync", {"sync_log_id": sync_log_id})
        if row is None:
            raise TargetUnusable(
                f"sync_log has no row {sync_log_id}: it was deleted while the run was running. "
                "The target is unchanged. Clear the whole run, so that it writes the row again."
            )
        return SyncRun.from_row(row)

    def record_snapshot(self, sync: SyncRun, snapshot: Snapshot) -> None:
        """Write the number of rejects and the snapshot, without its totals."""
        self.database.run(
            "sync_log",
            "record_snapshot",
            {
                "sync_log_id": sync.sync_log_id,
                "attempt": sync.attempt,
                "rejects": snapshot.reject_count,
                "snapshot": snapshot.model_dump_json(exclude={"totals"}),
            },
        )

    def record_counts(self, sync: SyncRun, result: PublishResult, metadata: dict[str, Any]) -> None:
        """Write how many rows were processed (staged or deleted), inserted and updated.

        The table has no columns for deleted and unchanged rows, so these counts go into ``sync_metadata``.
        """
        self.database.run(
            "sync_log",
            "record_counts",
            {
                "sync_log_id": sync.sync_log_id,
                "attempt": sync.attempt,
                "processed": result.inserted + result.updated + result.deleted + result.unchanged,
                "inserted": result.inserted,
                "updated": result.updated,
                "metadata": json.dumps({"deleted": result.deleted, "unchanged": result.unchanged} | metadata),
            },
        )

    def attempt(self, sync: SyncRun) -> Attempt | None:
        """Return the outcome and the snapshot of the attempt so far; None if a newer attempt has taken over."""
        run = {"sync_log_id": sync.sync_log_id, "attempt": sync.attempt}
        row = self.database.row("sync_log", "read_attempt", run)
        return Attempt.model_validate(row) if row else None

    def finish(self, sync: SyncRun, failure: Failure | None) -> None:
        """Close the attempt as completed, or as failed with an error, unless a newer attempt has taken over."""
        self.close(sync.sync_log_id, sync.attempt, failure)

    def close(self, sync_log_id: int, attempt: int, failure: Failure | None) -> None:
        """Close the row of a run that could not start, or that died without log_finish."""
        self.database.run(
            "sync_log",
            "finish_sync",
            {
                "sync_log_id": sync_log_id,
                "attempt": attempt,
                "sync_status": "failed" if failure else "completed",
                "error_message": failure.message if failure else None,
                "error_details": json.dumps(failure.details) if failure else None,
            },
        )
