"""Rows of ``sync_log`` that still say ``started`` although their run is no longer running."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqp_provider.core.failure import Failure

STRANGER_AFTER = timedelta(hours=24)
"""How long a row without Dag and run id may say ``started``. Airflow cannot say whether its writer is still running."""


@dataclass(frozen=True)
class OpenRun:
    """A row that says ``started``, and its age.

    ``period_start`` is None, or a day that starts no period, only if somebody else wrote the row.
    """

    sync_log_id: int
    attempt: int
    sync_type: str
    period_start: date | None
    started_at: datetime
    age: timedelta
    dag_id: str | None
    run_id: str | None
    schema: str = "sqp"
    own_dag_id: str | None = None
    """The Dag that syncs this type now. That of the row is another if the feed had another name, or none."""

    @property
    def is_of_another_dag(self) -> bool:
        """Return whether the row's Dag is not the one that syncs this feed now."""
        return None not in (self.dag_id, self.own_dag_id) and self.dag_id != self.own_dag_id

    @property
    def may_be_abandoned(self) -> bool:
        """Return whether Airflow may call the run running for ever: it starts no task of a Dag without a file."""
        return self.is_of_another_dag and self.age > STRANGER_AFTER

    def is_overdue(self, after: timedelta) -> bool:
        """Return whether the row is old enough to ask Airflow about its run, or to close it if it names no run."""
        return self.age > (after if self.dag_id and self.run_id else max(after, STRANGER_AFTER))

    @property
    def failure(self) -> Failure:
        """The failure that ``sync_log`` keeps when the row is closed."""
        message = f"{self}: {self._found()} See {self.schema}.period_status for what is published. {self._remedy()}"
        return Failure(stage=None, type="Stale", message=message)

    def _found(self) -> str:
        since = f"the row says started since {self.started_at:%Y-%m-%d %H:%M:%S %Z}"
        if not (self.dag_id and self.run_id):
            return f"{since} and names no Dag run. Another program wrote it and did not close it."
        if self.is_of_another_dag:
            found = f"{since}, but no task of run {self.run_id} of {self.dag_id} is running in Airflow"
            return f"{found}, and {self.own_dag_id} syncs this table now."
        return (
            f"{since}, but run {self.run_id} of {self.dag_id} is neither queued nor running in Airflow. "
            "The run stopped before log_finish: its Dag run was deleted or timed out, or its scheduler died."
        )

    def _remedy(self) -> str:
        if not (self.dag_id and self.run_id):
            return "There is nothing to do. If the other program is still running, let it finish."
        period = f" with period_start {self.period_start}" if self.period_start else ""
        if self.is_of_another_dag:
            return f"Trigger {self.own_dag_id}{period}."
        return f"Clear the run, or trigger {self.dag_id}{period}."

    def __str__(self) -> str:
        return f"{self.sync_type} {self.period_start or 'without a period'} (sync_log {self.sync_log_id})"
