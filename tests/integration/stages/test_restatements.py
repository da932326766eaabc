"""The check for restatements on a real source and target: what it finds, and what it would start."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqp_provider.core.period import SyncType
from tests.landing import WEEK, Landing, report_row
from tests.restatements import check, stands
from tests.stages import Run, Stages

TEN = [report_row(f"query {n}") for n in range(10)]


def status(stages: Stages) -> list[str]:
    rows = stages.query("select status from period_status where sync_type = 'weekly' and period_start = '2026-11-08'")
    return [row["status"] for row in rows]


def test_a_week_that_nobody_synced_is_triggered_under_a_name_of_its_own(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    triggered = {
        "trigger_dag_id": "sqp_weekly_sync",
        "trigger_run_id": "restatement__weekly_2026-11-08__2026-11-23T06:00:00",
        "conf": {"period_start": "2026-11-08"},
    }
    assert check(stages) == check(stages) == [triggered]
    seen = "select period_start, period_end, row_count, reject_count, length(fingerprint) as hash from source_period"
    assert stages.query(seen) == [
        {"period_start": WEEK, "period_end": date(2026, 11, 14), "row_count": 10, "reject_count": 0, "hash": 32}
    ]
    assert status(stages) == ["missing"]


def test_a_synced_week_is_left_until_the_source_restates_it(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    stages.sync(WEEK)
    assert check(stages) == []
    assert status(stages) == ["synced"]
    landing.land(report_row("query 0", asin_click_count=51, ingested_at="2026-11-21T00:00:00Z"))
    assert len(check(stages)) == 1
    assert status(stages) == ["restated"]
    stages.sync(WEEK)
    assert status(stages) == ["synced"]
    assert check(stages) == []


def test_a_week_that_somebody_else_wrote_to_is_synced_again(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    stages.sync(WEEK)
    stages.query("update weekly_summary set total_clicks = 0 where query = 'query 3'")
    assert status(stages) == ["overwritten"]
    assert len(check(stages)) == 1


def test_an_empty_or_vanished_week_is_never_triggered(landing: Landing, stages: Stages) -> None:
    landing.land(report_row("older", week=date(2026, 11, 1)))
    assert check(stages) == []
    landing.land(*TEN)
    stages.sync(WEEK)
    landing.replace(report_row("older", week=date(2026, 11, 1)))
    assert check(stages) == []
    assert len(stages.target()) == 10
    assert stages.query("select row_count from source_period") == [{"row_count": 0}]


def test_a_running_week_is_left_and_one_whose_run_died_is_not(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    for run_id, triggered in (("running", 0), ("dead", 1)):
        run = Run(run_id, {"period_start": "2026-11-08"})
        stages.run_task(run, "log_start")
        stages.query("update sync_log set started_at = now() - interval '1 hour'")
        assert len(check(stages)) == triggered
        stages.query("delete from sync_log")


def test_rows_that_a_run_refused_are_not_synced_again_until_they_change(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN, report_row("bad", asin="?"))
    assert len(check(stages)) == 1
    refused = stages.sync(WEEK)
    assert stages.log(refused)["error_details"]["type"] == "ChecksFailed"
    assert check(stages) == []
    landing.replace(*TEN)
    assert len(check(stages)) == 1


def test_a_publish_that_would_delete_too_much_is_not_asked_for_again(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    stages.sync(WEEK)
    landing.replace(*TEN[:7])
    assert len(check(stages)) == 1
    assert stages.log(stages.sync(WEEK))["error_details"]["type"] == "DeletesRefused"
    assert check(stages) == []
    stages.sync(WEEK, max_delete_fraction=1)
    assert check(stages) == []
    assert status(stages) == ["synced"]


def test_a_dry_run_writes_down_what_it_saw_and_triggers_nothing(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    assert check(stages, dry_run=True) == []
    assert stages.query("select row_count from source_period") == [{"row_count": 10}]


def test_the_window_ends_with_the_newest_week_due(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    day_before = datetime(2026, 11, 18, 6, tzinfo=UTC)  # its four days pass at the end of 2026-11-18
    assert check(stages, due=day_before) == []
    assert check(stages, due=day_before, periods=2) == []
    assert len(check(stages, due=datetime(2026, 11, 19, tzinfo=UTC), periods=2)) == 1
    weeks = "select period_start::text as week from source_period order by 1"
    assert [row["week"] for row in stages.query(weeks)] == ["2026-10-25", "2026-11-01", "2026-11-08"]


def test_every_type_is_checked_as_far_back_as_configured(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN, report_row("q", week=date(2026, 10, 4)))
    restatements = stages.settings.restatements.model_copy(
        update={"periods": {SyncType.WEEKLY: 2, SyncType.QUARTERLY: 0}}
    )
    stages.settings = stages.settings.model_copy(update={"restatements": restatements})
    found = check(stages, sync_types=["weekly", "monthly", "quarterly"], periods=None)
    assert [run["trigger_run_id"].split("__")[1] for run in found] == ["weekly_2026-11-08", "monthly_2026-10-01"]
    assert found[1]["trigger_dag_id"] == "sqp_monthly_sync"
    seen = "select sync_type, count(*)::int as periods from source_period group by 1 order by 1"
    assert stages.query(seen) == [{"sync_type": "monthly", "periods": 3}, {"sync_type": "weekly", "periods": 2}]


def test_a_week_published_as_empty_that_somebody_else_wrote_to_stays_overwritten_until_it_is_synced(
    landing: Landing, stages: Stages
) -> None:
    landing.land(report_row("older", week=date(2026, 11, 1)))
    stages.sync(WEEK, allow_empty=True)
    stages.query(
        "insert into weekly_summary (period_start, period_end, query, asin)"
        " values ('2026-11-08', '2026-11-14', 'x', 'y')"
    )
    assert check(stages) == []
    assert status(stages) == ["overwritten"]
    assert stages.sync(WEEK, allow_empty=True, max_delete_fraction=1).errors == {}
    assert (stages.target(), status(stages)) == ([], ["synced"])


def test_the_cause_says_what_differs(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN, report_row("older", week=date(2026, 11, 1)))
    stages.sync(WEEK)
    landing.land(report_row("query 0", asin_click_count=51, ingested_at="2026-11-21T00:00:00Z"))
    check(stages)
    assert stands(stages) == ("restated", "the source has other rows than those published")
    landing.replace(report_row("older", week=date(2026, 11, 1)))
    check(stages)
    assert stands(stages) == ("restated", "the source has no rows for it any more")
    stages.query("delete from weekly_summary where query = 'query 3'")
    assert stands(stages) == ("overwritten", "somebody else wrote to it after it was published")


def test_a_cleared_old_run_that_made_way_does_not_make_its_period_failed(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    old = stages.sync(WEEK)
    landing.land(report_row("query 0", asin_click_count=51, ingested_at="2026-11-21T06:00:00Z"))
    stages.sync(WEEK)
    stages.clear(old, "publish")
    assert stages.log(old)["error_details"]["type"] == "Superseded"
    assert status(stages) == ["synced"]
    landing.replace(TEN[0])
    refused = stages.sync(WEEK)
    assert stages.log(refused)["error_details"]["type"] == "DeletesRefused"
    stages.clear(old, "publish")
    assert status(stages) == ["failed"]
    assert check(stages) == []
