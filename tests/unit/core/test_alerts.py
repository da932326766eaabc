"""The words of an alert."""

from __future__ import annotations

from datetime import date

import pytest

from sqp_provider.core.alerts import FinishedRun, ordinal


def failed_run(error_type: str) -> FinishedRun:
    """The first failed run of a week, with an error of that type."""
    return FinishedRun(
        sync_log_id=12,
        attempt=1,
        sync_type="weekly",
        sync_status="failed",
        period_start=date(2026, 11, 8),
        period_end=date(2026, 11, 14),
        dag_id="sqp_weekly_sync",
        run_id="manual__1",
        records_processed=0,
        records_inserted=0,
        records_updated=0,
        records_failed=0,
        error_message="the reason",
        stage="publish",
        error_type=error_type,
        outcome=None,
        is_dry=False,
        failures_in_a_row=1,
        warnings=[],
        warned_of=[],
    )


def test_a_run_that_made_way_for_a_newer_one_sends_no_alert() -> None:
    run = failed_run("Superseded")
    assert (run.made_way, run.alert("http://airflow/run")) == (True, None)


def test_a_run_that_was_closed_while_it_was_running_is_a_failure() -> None:
    run = failed_run("RunClosed")
    alert = run.alert("http://airflow/run")
    assert alert is not None
    assert (run.made_way, alert.kind, alert.cause) == (False, "failed", "publish RunClosed")


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (2, "second"),
        (3, "third"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (20, "20th"),
        (21, "21st"),
        (22, "22nd"),
        (23, "23rd"),
        (101, "101st"),
        (111, "111th"),
        (113, "113th"),
    ],
)
def test_ordinals_are_those_of_english(number: int, word: str) -> None:
    assert ordinal(number) == word
