"""The rows of ``sync_log`` that say ``started``: read them, and close one that is over."""

from __future__ import annotations

from dataclasses import dataclass

from sqp_provider.core.period import SyncType
from sqp_provider.core.stale import OpenRun
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.sync_log import SyncLog


@dataclass(frozen=True)
class OpenRuns:
    """Runs that have begun and not ended, inside one transaction."""

    database: Database

    def read(self, sync_type: SyncType | None) -> list[OpenRun]:
        """Return them, oldest first; of all types where none is named."""
        statement = self.database.statement("stale", "open_runs")
        rows = self.database.connection.execute(statement, {"sync_type": sync_type and sync_type.value})
        return [OpenRun(**row) for row in rows]

    def close(self, run: OpenRun) -> bool:
        """Write the row as failed and drop what the run staged; False when it is no longer what was read.

        :raises TargetUnreachable: a session still holds the staged table, so somebody is at work after all.
        """
        seconds = self.database.settings.lock_timeout_seconds
        self.database.run("publish", "wait_at_most", {"milliseconds": str(int(seconds * 1000))})
        seen = {"sync_log_id": run.sync_log_id, "attempt": run.attempt, "started_at": run.started_at}
        if self.database.row("stale", "lock_open", seen) is None:
            return False
        self._drop_staged(run)
        SyncLog(self.database).refuse(run.sync_log_id, run.attempt, run.failure)
        return True

    def _drop_staged(self, run: OpenRun) -> None:
        values = {"staging_schema": self.database.settings.staging_schema, "sync_log_id": run.sync_log_id}
        staged = self.database.connection.execute(self.database.statement("stale", "staged_of"), values).fetchall()
        for row in staged:
            self.database.run("staging", "drop_staged", staged=self.database.staged(row["name"]))
