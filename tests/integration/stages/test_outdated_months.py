"""Months and quarters that are synced before a week of theirs: whether they have it, and what is said meanwhile."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sqp_provider.core.period import SyncType
from tests.landing import Landing, report_row
from tests.restatements import check, stands
from tests.stages import NO_OPTIONS, Run, Stages


def test_a_month_summed_from_weeks_is_synced_once_and_again_when_a_week_is_restated(
    landing: Landing, stages: Stages
) -> None:
    october = date(2026, 10, 25)
    landing.land(report_row("q", week=october))
    stages.sync(october)
    month = {"sync_types": ["monthly"], "periods": 1, "due": datetime(2026, 11, 23, tzinfo=UTC)}
    (triggered,) = check(stages, **month)
    assert triggered["conf"] == {"period_start": "2026-10-01"}
    stages.sync("2026-10-01", SyncType.MONTHLY)
    assert check(stages, **month) == []
    landing.land(report_row("q", week=october, asin_click_count=51, ingested_at="2026-11-21T00:00:00Z"))
    assert check(stages, **month) == [triggered]


@pytest.mark.parametrize(
    "written",
    [
        "update monthly_summary set total_clicks = 0",
        "delete from monthly_summary",
        "insert into monthly_summary (period_start, period_end, query, asin)"
        " values ('2026-10-01', '2026-10-31', 'x', 'y')",
        "truncate monthly_summary",
    ],
)
def test_a_synced_month_that_somebody_else_wrote_to_is_synced_again(
    written: str, landing: Landing, stages: Stages
) -> None:
    landing.land(report_row("q", week=date(2026, 10, 25)))
    stages.sync("2026-10-01", SyncType.MONTHLY)
    stages.sync("2026-10-01", SyncType.QUARTERLY)
    before = stages.target(SyncType.MONTHLY)
    stages.query(written)
    stands = "select sync_type, status from period_status where period_start = '2026-10-01' and sync_type <> 'weekly'"
    assert {row["sync_type"]: row["status"] for row in stages.query(stands)} == {
        "monthly": "overwritten",
        "quarterly": "synced",
    }
    assert len(check(stages, sync_types=["monthly"])) == 1
    assert stages.sync("2026-10-01", SyncType.MONTHLY, max_delete_fraction=1).errors == {}
    assert stages.target(SyncType.MONTHLY) == before
    assert check(stages, sync_types=["monthly"]) == []


def test_a_late_week_heals_its_synced_month_and_quarter_however_old_they_are(landing: Landing, stages: Stages) -> None:
    october, long_after = date(2026, 10, 25), datetime(2027, 11, 23, tzinfo=UTC)
    landing.land(report_row("q", week=october))
    stages.sync("2026-10-01", SyncType.MONTHLY)
    stages.sync("2026-10-01", SyncType.QUARTERLY)
    landing.land(report_row("late", week=date(2026, 10, 4)))
    stands = "select status from period_status where period_start = '2026-10-01' and sync_type <> 'weekly'"
    assert stages.query(stands) == [{"status": "synced"}] * 2
    types = {"sync_types": ["monthly", "quarterly"], "due": long_after, "periods": 1}
    assert check(stages, **types) == []

    stages.sync(date(2026, 10, 4))

    assert stages.query(stands) == [{"status": "outdated"}] * 2
    assert [run["trigger_dag_id"] for run in check(stages, **types)] == ["sqp_monthly_sync", "sqp_quarterly_sync"]
    for sync_type in (SyncType.MONTHLY, SyncType.QUARTERLY):
        assert stages.sync("2026-10-01", sync_type)["publish"]["inserted"] == 1
    assert stages.query(stands) == [{"status": "synced"}] * 2
    assert check(stages, **types) == []
    stages.sync(date(2026, 10, 4), force=True)  # writes no row
    stages.sync(date(2026, 10, 4))
    assert stages.query(stands) == [{"status": "synced"}] * 2


@pytest.mark.parametrize("month_is_summed", ["before the check", "after the check"])
def test_a_month_that_had_its_late_week_already_stays_synced(
    month_is_summed: str, landing: Landing, stages: Stages
) -> None:
    """The check saw the week's rows at the source: the month that was summed since, or was the same then, has them."""
    october = date(2026, 10, 25)
    landing.land(report_row("q", week=october))
    before, after = ((SyncType.MONTHLY,), ()) if month_is_summed == "before the check" else ((), (SyncType.MONTHLY,))
    for sync_type in before:
        stages.sync("2026-10-01", sync_type)
    check(stages, sync_types=["weekly", "monthly"], periods=4)
    for sync_type in after:
        stages.sync("2026-10-01", sync_type)
    stages.sync(october)
    assert stands(stages, SyncType.MONTHLY) == ("synced", None)


def test_a_month_may_lack_a_late_week_until_a_check_finds_it_equal(landing: Landing, stages: Stages) -> None:
    october, month = date(2026, 10, 25), {"sync_types": ["monthly"], "periods": 1}
    landing.land(report_row("q", week=october))
    check(stages, **month)
    stages.sync("2026-10-01", SyncType.MONTHLY)
    stages.sync(october)
    assert stands(stages, SyncType.MONTHLY) == ("outdated", "a week of it was published with a later snapshot")
    assert check(stages, **month) == []
    assert stands(stages, SyncType.MONTHLY) == ("synced", None)
    assert stages.query("select count(*)::int as runs from sync_log where sync_type = 'monthly'") == [{"runs": 1}]


def test_a_sync_that_finds_an_outdated_month_unchanged_settles_it(landing: Landing, stages: Stages) -> None:
    october = date(2026, 10, 25)
    landing.land(report_row("q", week=october))
    stages.sync("2026-10-01", SyncType.MONTHLY)
    stages.sync(october)
    assert stands(stages, SyncType.MONTHLY)[0] == "outdated"
    assert stages.sync("2026-10-01", SyncType.MONTHLY).states["publish"] == "skipped"
    assert stands(stages, SyncType.MONTHLY) == ("synced", None)


def test_a_week_that_is_older_than_its_months_snapshot_leaves_the_month_synced(
    landing: Landing, stages: Stages
) -> None:
    """The month was added up after the week's snapshot was taken, so it has the week."""
    landing.land(report_row("q", week=date(2026, 10, 25)))
    week = Run("week", NO_OPTIONS | {"period_start": "2026-10-25"})
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(week, task)
    stages.sync("2026-10-01", SyncType.MONTHLY)
    assert stages.run_task(week, "publish")
    assert stages.query("select state from synced_period where sync_type = 'monthly' and fingerprint is not null") == [
        {"state": "synced"}
    ]
