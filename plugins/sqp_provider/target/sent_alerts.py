"""What the alerts read and remember: how a run finished, and which alerts were sent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqp_provider.core.alerts import Alert, FinishedRun
from sqp_provider.core.completeness import Answer
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.restated import Restated
from sqp_provider.hooks.postgres import Database


@dataclass(frozen=True)
class SentAlerts:
    """``sent_alert`` inside one transaction."""

    database: Database

    def finished_run(self, sync_log_id: int) -> FinishedRun:
        """Return what an alert says of a run."""
        run = FinishedRun(**self.database.one("alerts", "finished_run", {"sync_log_id": sync_log_id}))
        period = {"sync_type": run.sync_type, "period_start": run.period_start}
        row = self.database.row("completeness", "answer", period)
        return replace(run, answer=Answer(**row)) if row else run

    def restated(self, run: FinishedRun) -> Restated | None:
        """Return what a run changed in its period, if an earlier sync had published it."""
        if run.sync_status != "completed" or run.is_dry or run.period_start is None:
            return None
        period = Period.starting(SyncType(run.sync_type), run.period_start)
        key = {"sync_type": run.sync_type, "period_start": run.period_start}
        row = self.database.row("alerts", "restated", key | {"sync_log_id": run.sync_log_id, "attempt": run.attempt})
        return Restated.from_row(period, run.sync_log_id, row) if row else None

    def failed_run(self, dag_id: str, run_id: str) -> int | None:
        """Return the ``sync_log`` id of a run whose row says failed, or None."""
        row = self.database.row("alerts", "run_of", {"dag_id": dag_id, "run_id": run_id})
        return int(row["sync_log_id"]) if row and row["sync_status"] == "failed" else None

    def is_unfinished(self, dag_id: str, run_id: str) -> bool:
        """Return whether a run has not written its outcome, or not even its row."""
        row = self.database.row("alerts", "run_of", {"dag_id": dag_id, "run_id": run_id})
        return row is None or row["sync_status"] == "started"

    def claim(self, alert: Alert) -> int | None:
        """Write the alert before it is sent, and return its id; None if its cause is open and was sent already."""
        names = ("kind", "subject", "cause", "title")
        row = self.database.row("alerts", "claim", {name: getattr(alert, name) for name in names})
        return int(row["id"]) if row else None

    def take_back(self, alert_id: int) -> None:
        """Delete an alert that could not be sent."""
        self.database.run("alerts", "take_back", {"id": alert_id})

    def is_open(self, kind: str, subject: str) -> bool:
        """Return whether an alert of the subject was sent and is not resolved."""
        return bool(self.database.one("alerts", "is_open", {"kind": kind, "subject": subject})["is_open"])

    def resolve(self, kind: str, subject: str, cause: str | None = None) -> None:
        """Resolve the alerts of the subject: of that cause, or all but that the period is late."""
        self.database.run("alerts", "resolve", {"kind": kind, "subject": subject, "cause": cause})

    def resolve_overtaken(self, run: FinishedRun) -> None:
        """Resolve the alerts that were sent before the failed run's period was last synced."""
        self.database.run("alerts", "resolve_overtaken", {"sync_log_id": run.sync_log_id, "subject": run.subject})

    def recovered_runs(self) -> list[FinishedRun]:
        """Return the run that completed each period whose failure was sent and whose recovery was not."""
        rows = self.database.connection.execute(self.database.statement("alerts", "recovered_runs")).fetchall()
        return [self.finished_run(row["sync_log_id"]) for row in rows]
