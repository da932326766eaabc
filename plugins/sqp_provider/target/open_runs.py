"""The rows of ``sync_log`` that say ``started``: read them, and close the row of a dead run."""

from __future__ import annotations

from dataclasses import dataclass

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.stale import OpenRun
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.completeness import Completeness
from sqp_provider.target.sync_log import SyncLog


@dataclass(frozen=True)
class OpenRuns:
    """The runs that have started and not finished, inside one transaction."""

    database: Database

    def read(self, sync_type: SyncType | None) -> list[OpenRun]:
        """Return these runs, oldest first; None means all types."""
        statement = self.database.statement("stale", "open_runs")
        rows = self.database.connection.execute(statement, {"sync_type": sync_type and sync_type.value})
        return [OpenRun(**row, schema=self.database.settings.schema_name) for row in rows]

    def close(self, run: OpenRun) -> str | None:
        """Close the row and drop the run's staged table. If it was published, judge the period as log_finish does.

        :return: ``failed``; ``completed`` if the run died after its period was right; None if the row has changed since
            it was read, so that nothing was written.
        :raises TargetUnreachable: a session has locked the staged table, so the run is still running.
        """
        self.database.wait_patiently()
        seen = {"sync_log_id": run.sync_log_id, "attempt": run.attempt, "started_at": run.started_at}
        row = self.database.row("stale", "lock_open", seen)
        if row is None:
            return None
        self._drop_staged(run)
        failure = None if row["outcome"] else run.failure
        SyncLog(self.database).close(run.sync_log_id, run.attempt, failure)
        if run.period_start and failure is None:
            sync_type = SyncType(run.sync_type)
            Completeness(self.database, sync_type).judge_around(Period.starting(sync_type, run.period_start))
        return "failed" if failure else "completed"

    def _drop_staged(self, run: OpenRun) -> None:
        values = {"staging_schema": self.database.settings.staging_schema, "sync_log_id": run.sync_log_id}
        staged = self.database.connection.execute(self.database.statement("stale", "staged_of"), values).fetchall()
        for row in staged:
            self.database.run("staging", "drop_staged", staged=self.database.staged(row["name"]))
