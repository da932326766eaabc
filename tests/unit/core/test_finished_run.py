"""The alert of a finished run, and the runs that send none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sqp_provider.core.alerts import Alert, FinishedRun, ordinal

LINK = "http://airflow/run"
COMPLETED = FinishedRun(
    sync_log_id=12,
    attempt=2,
    sync_type="weekly",
    sync_status="completed",
    period_start=date(2026, 11, 8),
    period_end=date(2026, 11, 14),
    dag_id="sqp_weekly_sync",
    run_id="manual__1",
    records_processed=19_001,
    records_inserted=1_002,
    records_updated=2_003,
    records_failed=3_004,
    error_message=None,
    stage=None,
    error_type=None,
    outcome="difference",
    is_dry=False,
    failures_in_a_row=0,
    is_checked=True,
    warnings=[],
    warned_of=[],
    warned_before=[],
    warnings_sent=[],
)
WARNED = replace(
    COMPLETED,
    warnings=["1 rows have a share outside 0 to 1", "asin is NULL in 2 source rows"],
    warned_of=["null_check asin", "range_check share"],
)
FAILED = replace(
    COMPLETED,
    sync_status="failed",
    outcome=None,
    error_message="the reason",
    stage="publish",
    error_type="TargetUnreachable",
    failures_in_a_row=1,
)
UNKNOWN = replace(
    FAILED,
    dag_id=None,
    run_id=None,
    error_message=None,
    stage=None,
    error_type=None,
    failures_in_a_row=0,
)
SUPERSEDED = replace(FAILED, error_type="Superseded")

COUNTS = "Rows: 19,001 processed, 1,002 inserted, 2,003 updated, 3,004 rejects.\n"
RUN = "Run: manual__1 of sqp_weekly_sync (sync_log 12). http://airflow/run"


@pytest.mark.parametrize(
    ("run", "alert"),
    [
        (
            WARNED,
            Alert(
                kind="warning",
                subject="weekly 2026-11-08..2026-11-14",
                cause="null_check asin, range_check share",
                title="SQP sync completed with warnings: weekly 2026-11-08..2026-11-14",
                body="1 rows have a share outside 0 to 1\nasin is NULL in 2 source rows\n" + COUNTS + RUN,
            ),
        ),
        (
            FAILED,
            Alert(
                kind="failed",
                subject="weekly 2026-11-08..2026-11-14",
                cause="publish TargetUnreachable",
                title="SQP sync failed: weekly 2026-11-08..2026-11-14",
                body="Stage: publish. Error: TargetUnreachable.\nReason: the reason\n" + COUNTS + RUN,
            ),
        ),
        (
            replace(FAILED, failures_in_a_row=2, warnings=["1 rows have a share outside 0 to 1"]),
            Alert(
                kind="failed",
                subject="weekly 2026-11-08..2026-11-14",
                cause="publish TargetUnreachable again",
                title="SQP sync failed: weekly 2026-11-08..2026-11-14 (second failure in a row)",
                body="Stage: publish. Error: TargetUnreachable.\nReason: the reason\n"
                "In a row: this is the second failed run of this period since one completed.\n"
                + COUNTS
                + "1 rows have a share outside 0 to 1\n"
                + RUN,
            ),
        ),
        (
            UNKNOWN,
            Alert(
                kind="failed",
                subject="weekly 2026-11-08..2026-11-14",
                cause="no stage Unknown",
                title="SQP sync failed: weekly 2026-11-08..2026-11-14",
                body="Stage: none. Error: Unknown.\nReason: no message\n"
                + COUNTS
                + "Run: none of no Dag (sync_log 12). http://airflow/run",
            ),
        ),
        (
            replace(FAILED, error_type="RunClosed", period_start=None, period_end=None),
            Alert(
                kind="failed",
                subject="weekly run manual__1",
                cause="publish RunClosed",
                title="SQP sync failed: weekly run manual__1",
                body="Stage: publish. Error: RunClosed.\nReason: the reason\n" + COUNTS + RUN,
            ),
        ),
        (COMPLETED, None),
        (replace(WARNED, warned_before=WARNED.warned_of, warnings_sent=["null_check asin, range_check share"]), None),
        (replace(WARNED, is_dry=True), None),
        (replace(FAILED, is_dry=True), None),
        (SUPERSEDED, None),
        (replace(WARNED, outcome="skipped"), None),
        (replace(FAILED, error_type="InvalidPeriod", period_start=None, period_end=None), None),
        (replace(FAILED, error_type="InvalidTrigger", period_start=None, period_end=None), None),
    ],
    ids=[
        "warnings",
        "failure",
        "another failure, with warnings",
        "failure of a row that another program wrote",
        "failure without a period",
        "no warnings",
        "the same warnings as of the period before",
        "dry run with warnings",
        "dry run that failed",
        "made way for newer data",
        "skipped for a newer run, with warnings",
        "mistyped date",
        "mistyped key",
    ],
)
def test_a_run_sends_its_failure_or_its_warnings(run: FinishedRun, alert: Alert | None) -> None:
    assert run.alert(LINK) == alert


def test_a_recovery_is_of_one_attempt() -> None:
    assert COMPLETED.recovery(LINK) == Alert(
        kind="recovered",
        subject="weekly 2026-11-08..2026-11-14",
        cause="sync_log 12 attempt 2",
        title="SQP sync recovered: weekly 2026-11-08..2026-11-14",
        body="weekly 2026-11-08..2026-11-14 is synced again (difference).\n" + COUNTS + RUN,
    )


@pytest.mark.parametrize(
    ("run", "made_way"),
    [
        (SUPERSEDED, True),
        (replace(COMPLETED, outcome="skipped"), True),
        (FAILED, False),
        (replace(SUPERSEDED, sync_status="completed"), False),
    ],
)
def test_only_what_was_left_to_newer_data_or_a_newer_run_makes_way(run: FinishedRun, made_way: bool) -> None:
    assert run.made_way is made_way


@pytest.mark.parametrize(
    ("warned_of", "warned_before", "again"),
    [
        (["null_check asin"], ["null_check asin"], True),
        (["null_check asin"], [], False),
        (["null_check asin"], ["null_check asin", "reject_rate"], False),
        (["null_check asin", "reject_rate"], ["null_check asin"], False),
        (["range_check share", "superseded_copies"], ["range_check share", "superseded_copies"], True),
        (["asin_coverage asin"], ["asin_coverage asin"], False),
        (["reject_rate", "volume_anomaly"], ["reject_rate", "volume_anomaly"], False),
    ],
)
def test_only_the_same_warnings_of_how_the_report_lands_are_not_sent_for_the_next_period(
    warned_of: list[str], warned_before: list[str], again: bool
) -> None:
    run = replace(WARNED, warned_of=warned_of, warned_before=warned_before, warnings_sent=[", ".join(warned_of)])
    assert run.warns_again is again
    assert not replace(run, warnings_sent=[]).warns_again  # the channel had refused it


@pytest.mark.parametrize(
    ("run", "is_clean"),
    [
        (COMPLETED, True),
        (WARNED, False),
        (FAILED, False),
        (replace(COMPLETED, is_dry=True), False),
        (replace(COMPLETED, outcome="unchanged", is_checked=False), False),
        (replace(COMPLETED, outcome="already published", is_checked=False), False),
        (replace(COMPLETED, outcome="skipped", is_checked=False), False),
    ],
)
def test_only_checks_without_a_warning_make_a_run_clean(run: FinishedRun, is_clean: bool) -> None:
    assert run.is_clean is is_clean


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
