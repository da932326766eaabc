"""When a run is due to have ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk.definitions.deadline import BaseDeadlineReference


class RunCreated(BaseDeadlineReference):
    """A deadline that counts from the moment the run was created.

    Airflow's own DAGRUN_QUEUED_AT cannot be used: in 3.3.2 it makes each attempt to clear a run end with an error 500
    (``_recalculate_dagrun_queued_at_deadlines`` takes the interval for a number).
    """

    required_kwargs: frozenset[str] = frozenset()

    def _evaluate_with(self, *, session: Any, **kwargs: Any) -> datetime:
        return datetime.now(UTC)
