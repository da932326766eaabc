"""Which rows that say started are overdue, and the failure they get when they are closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from sqp_provider.core.stale import OpenRun

OURS = OpenRun(
    sync_log_id=12,
    attempt=2,
    sync_type="weekly",
    period_start=date(2026, 11, 8),
    started_at=datetime(2026, 11, 19, tzinfo=UTC),
    age=timedelta(minutes=16),
    dag_id="sqp_weekly_sync",
    run_id="scheduled__2026-11-19",
)
STRANGE = replace(OURS, dag_id=None, run_id=None)


@pytest.mark.parametrize(
    ("run", "age", "after", "overdue"),
    [
        (OURS, timedelta(minutes=15), timedelta(minutes=15), False),
        (OURS, timedelta(minutes=15, seconds=1), timedelta(minutes=15), True),
        (OURS, timedelta(hours=3), timedelta(hours=4), False),
        (STRANGE, timedelta(hours=24), timedelta(minutes=15), False),
        (STRANGE, timedelta(hours=24, seconds=1), timedelta(minutes=15), True),
        (STRANGE, timedelta(hours=30), timedelta(hours=48), False),
        (replace(OURS, run_id=None), timedelta(hours=1), timedelta(minutes=15), False),
        (OURS, timedelta(minutes=-5), timedelta(minutes=15), False),
    ],
)
def test_a_row_is_overdue_after_its_time(run: OpenRun, age: timedelta, after: timedelta, overdue: bool) -> None:
    assert replace(run, age=age).is_overdue(after) is overdue


def test_a_closed_row_says_what_since_when_and_what_to_do() -> None:
    assert OURS.failure.details == {
        "stage": None,
        "type": "Stale",
        "message": (
            "weekly 2026-11-08 (sync_log 12): the row says started since 2026-11-19 00:00:00 UTC, but run "
            "scheduled__2026-11-19 of sqp_weekly_sync is neither queued nor running in Airflow. "
            "The run stopped before log_finish: its Dag run was deleted or timed out, or its scheduler died. "
            "See sqp.period_status for what is published. "
            "Clear the run, or trigger sqp_weekly_sync with period_start 2026-11-08."
        ),
        "traceback": [],
        "try": None,
        "log_url": None,
    }


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (replace(STRANGE, period_start=None), "weekly without a period"),
        (replace(OURS, run_id=None), "weekly 2026-11-08"),
        (replace(OURS, dag_id=None), "weekly 2026-11-08"),
    ],
)
def test_a_row_of_somebody_else_says_so(row: OpenRun, named: str) -> None:
    assert row.failure.message == (
        f"{named} (sync_log 12): the row says started since 2026-11-19 00:00:00 UTC and names no Dag run. "
        "Another program wrote it and did not close it. See sqp.period_status for what is published. "
        "There is nothing to do. If the other program is still running, let it finish."
    )


def test_a_run_without_a_period_is_triggered_without_one() -> None:
    assert replace(OURS, period_start=None).failure.message.endswith("Clear the run, or trigger sqp_weekly_sync.")
