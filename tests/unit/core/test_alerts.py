"""The alert of each event: what it is sent once for, and every word of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest

from sqp_provider.core.alerts import (
    Alert,
    callback_alert,
    failed_task_alert,
    fresh_alert,
    late_alert,
    logged_alert,
    stale_alert,
    unlogged_alert,
    working_task_alert,
)
from sqp_provider.core.freshness import Freshness

LINK = "http://airflow/run"
LONG = "x" * 1500
FRESH = Freshness(
    sync_type="weekly",
    table_name="weekly_summary",
    period_start=date(2026, 11, 8),
    period_end=date(2026, 11, 14),
    state="synced",
    days_old=9,
    days_allowed=14,
    is_stale=False,
    synced_period_start=date(2026, 11, 8),
    synced_period_end=date(2026, 11, 14),
    last_sync_log_id=None,
    last_status=None,
    last_finished_at=None,
    last_error=None,
)
STALE = replace(FRESH, is_stale=True, days_old=16)
TI = SimpleNamespace(dag_id="sqp_weekly_sync", task_id="log_start", run_id="manual__1")  # only its names are read


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("failed", "failure"),
        ("stale", "failure"),
        ("warning", "warning"),
        ("late", "warning"),
        ("recovered", "success"),
    ],
)
def test_the_kind_of_an_alert_decides_its_colour(kind: str, level: str) -> None:
    assert Alert(kind, "weekly_summary", "cause", "title", "body").level == level


def test_a_stale_table_is_sent_with_what_to_do() -> None:
    assert stale_alert(STALE, LINK) == Alert(
        kind="stale",
        subject="weekly_summary",
        cause="stale",
        title="SQP table stale: weekly_summary",
        body="weekly_summary is stale: newest period 2026-11-08..2026-11-14, synced, 16 days old (14 days are allowed)."
        " No weekly sync has run yet.\n"
        "The target is unchanged. Check whether sqp_weekly_sync runs, or trigger the Dag.\n"
        "Run: http://airflow/run",
    )


def test_a_table_that_is_fresh_again_is_sent_with_its_newest_period() -> None:
    assert fresh_alert(FRESH, LINK) == Alert(
        kind="recovered",
        subject="weekly_summary",
        cause="newest period 2026-11-08",
        title="SQP table fresh again: weekly_summary",
        body="weekly_summary is fresh: newest period 2026-11-08..2026-11-14, synced, 9 days old (14 days are allowed)."
        " No weekly sync has run yet.\n"
        "Run: http://airflow/run",
    )


def test_a_run_that_waits_long_is_sent_with_what_to_check() -> None:
    assert late_alert("sqp_weekly_sync", "manual__1", 15.0, LINK, is_queued=True) == Alert(
        kind="late",
        subject="sqp_weekly_sync",
        cause="manual__1",
        title="SQP sync waiting long: sqp_weekly_sync",
        body="Run manual__1 of sqp_weekly_sync was created more than 15 minutes ago and is still queued. "
        "No task has started.\n"
        "The published rows are not affected. Check which runs are ahead of it, and whether the scheduler and its "
        "workers are running.\n"
        "Run: http://airflow/run",
    )


def test_a_run_that_takes_long_is_sent_with_what_to_check() -> None:
    assert late_alert("sqp_weekly_sync", "manual__1", 2.5, LINK, is_queued=False) == Alert(
        kind="late",
        subject="sqp_weekly_sync",
        cause="manual__1",
        title="SQP sync running long: sqp_weekly_sync",
        body="Run manual__1 of sqp_weekly_sync was created more than 2.5 minutes ago, its wait in the queue included, "
        "and is still running.\n"
        "The published rows are not affected. Check which task it waits in.\n"
        "Run: http://airflow/run",
    )


def test_a_daily_task_that_fails_is_sent_once_for_each_type_of_error() -> None:
    error = "BigQuery does not answer."
    assert failed_task_alert("sqp_restatements", "compare", error, "SourceUnreachable", LINK) == Alert(
        kind="failed",
        subject="sqp_restatements compare",
        cause="SourceUnreachable",
        title="SQP task failed: compare of sqp_restatements",
        body="Task: compare of sqp_restatements. Error: SourceUnreachable.\n"
        "Reason: BigQuery does not answer.\n"
        "The target is unchanged. The next run tries again. To try earlier, remove the cause and clear the task.\n"
        "Run: http://airflow/run",
    )


def test_a_daily_task_that_works_again_is_sent() -> None:
    assert working_task_alert("sqp_restatements", "compare", "scheduled__1", LINK) == Alert(
        kind="recovered",
        subject="sqp_restatements compare",
        cause="scheduled__1",
        title="SQP task works again: compare of sqp_restatements",
        body="compare has succeeded.\nRun: http://airflow/run",
    )


def test_a_run_that_cannot_write_its_log_is_sent() -> None:
    assert unlogged_alert(TI, "Postgres does not answer.", "TargetUnreachable", LINK) == Alert(
        kind="failed",
        subject="sqp_weekly_sync",
        cause="log_start TargetUnreachable",
        title="SQP sync failed: sqp_weekly_sync could not use its log",
        body="Stage: log_start. The run could not be written into sync_log.\n"
        "Reason: Postgres does not answer.\n"
        "Run: manual__1 of sqp_weekly_sync. http://airflow/run",
    )


def test_a_dag_that_can_write_its_log_again_is_sent() -> None:
    assert logged_alert("sqp_weekly_sync", "manual__2", LINK) == Alert(
        kind="recovered",
        subject="sqp_weekly_sync",
        cause="manual__2",
        title="SQP sync recovered: sqp_weekly_sync can use its log again",
        body="A run has written its outcome into sync_log. If it failed, another alert says so.\n"
        "Run: manual__2. http://airflow/run",
    )


@pytest.mark.parametrize(
    ("kind", "task_id", "error", "subject", "title", "body"),
    [
        (
            "failed",
            "sum_up",
            ValueError("no rows"),
            "sum_up of report",
            "sum_up of report failed",
            "Reason: no rows\nRun: manual__1. http://airflow/run",
        ),
        ("recovered", None, None, "report", "report works again", "Run: manual__1. http://airflow/run"),
        ("warning", None, None, "report", "report needs attention", "Run: manual__1. http://airflow/run"),
    ],
)
def test_another_dag_is_sent_with_its_task_and_reason(
    kind: str, task_id: str | None, error: Exception | None, subject: str, title: str, body: str
) -> None:
    alert = callback_alert(kind, "report", task_id, "manual__1", error, LINK)
    assert alert == Alert(kind, subject, "manual__1", title, body)


def test_a_long_error_that_sync_log_does_not_have_is_cut_and_names_the_tasks_log() -> None:
    alerts = [
        unlogged_alert(TI, LONG + "y", "Unknown", LINK),
        failed_task_alert("sqp_restatements", "compare", LONG + "y", "SourceUnreachable", LINK),
        callback_alert("failed", "report", "sum_up", "manual__1", LONG + "y", LINK),
    ]
    reasons = [line for alert in alerts for line in alert.body.splitlines() if line.startswith("Reason: ")]
    assert reasons == [f"Reason: {LONG} … (the rest is in the task's log)"] * 3


def test_an_error_of_1500_characters_is_not_cut() -> None:
    assert f"Reason: {LONG}" in unlogged_alert(TI, LONG, "Unknown", LINK).body.splitlines()


def test_a_long_error_of_the_last_sync_is_cut_and_names_sync_log() -> None:
    last = replace(STALE, last_sync_log_id=12, last_status="failed", last_error=LONG)
    first_line = stale_alert(last, LINK).body.splitlines()[0]
    assert first_line == f"{str(last)[:1500]} … (the rest is in sync_log)"
