"""When a run should have finished."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk.definitions.deadline import BaseDeadlineReference


class RunCreated(BaseDeadlineReference):
    """A deadline that counts from the time at which the run was created.

    Airflow's own DAGRUN_QUEUED_AT cannot be used. With it, Airflow 3.3.2 answers every attempt to clear a run with an
    error 500, because ``_recalculate_dagrun_queued_at_deadlines`` expects the interval to be a number.
    """

    required_kwargs: frozenset[str] = frozenset()

    def _evaluate_with(self, *, session: Any, **kwargs: Any) -> datetime:
        return datetime.now(UTC)
