"""Rows of ``sync_log`` that still say ``started`` although nobody is at work on them any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqp_provider.core.failure import Failure

STRANGER_AFTER = timedelta(hours=24)
"""How long a row without Dag and run id, which nobody can be asked about, may say ``started``."""


@dataclass(frozen=True)
class OpenRun:
    """A row that says ``started``, and for how long it has.

    ``period_start`` is None, or a day that starts no period, only in rows that somebody else wrote.
    """

    sync_log_id: int
    attempt: int
    sync_type: str
    period_start: date | None
    started_at: datetime
    age: timedelta
    dag_id: str | None
    run_id: str | None

    def is_overdue(self, after: timedelta) -> bool:
        """Tell whether it is old enough to ask Airflow about; age alone closes only what Airflow cannot know."""
        return self.age > (after if self.dag_id and self.run_id else max(after, STRANGER_AFTER))

    @property
    def failure(self) -> Failure:
        """Why it failed, as ``sync_log`` says once it is closed."""
        message = f"{self}: {self._found()} See sqp.period_status for what is published. {self._remedy()}"
        return Failure(stage=None, type="Stale", message=message)

    def _found(self) -> str:
        since = f"it said started since {self.started_at:%Y-%m-%d %H:%M:%S %Z}"
        if not (self.dag_id and self.run_id):
            return f"{since} and names no Dag run, so somebody else wrote it and never closed it."
        return (
            f"{since}, but Airflow has run {self.run_id} of {self.dag_id} neither queued nor running. It ended without "
            "log_finish: its Dag run was deleted or timed out, or its scheduler died."
        )

    def _remedy(self) -> str:
        if not (self.dag_id and self.run_id):
            return "There is nothing to do unless its writer is still at work; then let it write its end."
        period = f" with period_start {self.period_start}" if self.period_start else ""
        return f"Clear the run, or trigger {self.dag_id}{period}."

    def __str__(self) -> str:
        return f"{self.sync_type} {self.period_start or 'without a period'} (sync_log {self.sync_log_id})"
