"""Runs the check for restatements, and reads how a period stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqp_provider.core.period import SyncType
from sqp_provider.operators.restatements import RestatementCheckOperator
from tests.stages import Run, Stages


def check(stages: Stages, *, due: datetime = datetime(2026, 11, 23, 6, tzinfo=UTC), **params: Any) -> list[Any]:
    """Check the newest week, or what the params say, and return the runs that would start, in their order."""
    run = Run("check", {"sync_types": ["weekly"], "periods": 1, "dry_run": False} | params, running={"running"})
    context: Any = run.context("check")
    context["dag_run"].run_after = due
    operators = [
        RestatementCheckOperator(task_id=f"check_{sync_type}", sync_type=sync_type, settings=stages.settings)
        for sync_type in SyncType
    ]
    return [triggered for operator in operators for triggered in operator.execute(context)]


def stands(stages: Stages, sync_type: SyncType = SyncType.WEEKLY) -> tuple[str, str | None]:
    """Status and cause of the newest period of a type that the ledger has."""
    (row,) = stages.query(
        "select status, cause from period_status where sync_type = %s and state is not null"
        " order by period_start desc limit 1",
        sync_type.value,
    )
    return row["status"], row["cause"]
