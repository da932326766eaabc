"""Sources that are odd as a whole: each lands in its check or reject, with numbers, and nothing doubles."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest

from sqp_provider.core.errors import DeletesRefused
from sqp_provider.core.period import SyncType
from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages

BEFORE = [WEEK - timedelta(weeks=n) for n in (3, 2, 1)]


@pytest.fixture
def usual(landing: Landing, stages: Stages) -> Stages:
    """Three weeks of a hundred rows of four ASINs are published, and so is the week after."""
    landing.land(*(row for week in [*BEFORE, WEEK] for row in rows(week, 100)))
    for week in [*BEFORE, WEEK]:
        assert stages.sync(week).colour == "success"
    return stages


def rows(week: date, count: int) -> list[dict[str, Any]]:
    return [report_row(f"q {n}", f"B00TEST00{n % 4}", week) for n in range(count)]


def check(stages: Stages, run: Run, check_type: str) -> tuple[str, str]:
    found = stages.query(
        "select check_status, check_message from data_quality_checks where check_type = %s and sync_log_id = %s",
        check_type,
        run["log_start"],
    )
    return found[0]["check_status"], found[0]["check_message"]


def test_a_source_that_lost_half_its_rows_is_refused_with_numbers(landing: Landing, usual: Stages) -> None:
    before = usual.target()
    landing.replace(*rows(WEEK, 49))
    run = usual.sync(WEEK)
    status, message = check(usual, run, "volume_anomaly")
    assert (status, message[:58]) == ("warning", "49 rows, the median of the last 3 periods is 100; rows may")
    assert isinstance(run.errors["publish"].__cause__, DeletesRefused)
    assert "would delete 51 of 100 rows of sqp.weekly_summary, and 49 rows arrive" in str(run.errors["publish"])
    assert usual.target() == before
    allowed = usual.sync(WEEK, max_delete_fraction=1)
    assert (allowed["publish"]["deleted"], len(usual.target())) == (51, 349)


def test_a_source_with_ten_times_its_rows_is_published_with_a_warning(landing: Landing, usual: Stages) -> None:
    landing.replace(*rows(WEEK, 1000))
    run = usual.sync(WEEK)
    assert run.colour == "success"
    status, message = check(usual, run, "volume_anomaly")
    assert (status, message[:60]) == ("warning", "1,000 rows, the median of the last 3 periods is 100; rows ma")
    assert run["publish"]["inserted"] == 900


def test_a_source_of_nothing_but_malformed_rows_says_where_their_reasons_are(landing: Landing, stages: Stages) -> None:
    landing.land(*(report_row(f"q {n}", asin_click_count=-1) for n in range(6)))
    run = stages.sync(WEEK)
    message = stages.log(run)["error_message"]
    said = re.search(r"All 6 rows are malformed: 6 negative_count .*\. BigQuery table (\S+) has each of them", message)
    assert said
    rows = landing.client.query_and_wait(f"select reject_reason from `{said[1]}`")
    assert [row["reject_reason"] for row in rows] == ["negative_count"] * 6
    assert "The target is unchanged. Clear 'extract' when the source is corrected" in message


def test_an_asin_that_is_late_is_named_and_comes_with_the_next_sync(landing: Landing, usual: Stages) -> None:
    late = [row for row in rows(WEEK + timedelta(weeks=1), 100) if row["asin"] == "B00TEST003"]
    on_time = [row for row in rows(WEEK + timedelta(weeks=1), 100) if row["asin"] != "B00TEST003"]
    landing.land(*on_time)
    run = usual.sync(WEEK + timedelta(weeks=1))
    assert check(usual, run, "asin_coverage") == (
        "warning",
        "1 of the 4 ASINs of 2026-11-08 are missing (B00TEST003); reports arrive ASIN by ASIN and may be late: "
        "sqp_restatements syncs them when they arrive",
    )
    (again,) = usual.query(
        "select check_query from data_quality_checks where check_type = 'asin_coverage' and sync_log_id = %s",
        run["log_start"],
    )
    assert usual.query(again["check_query"]) == [{"asin": "B00TEST003"}]
    landing.land(*late)
    run = usual.sync(WEEK + timedelta(weeks=1))
    assert (run["publish"]["inserted"], check(usual, run, "asin_coverage")[0]) == (25, "passed")


def test_periods_that_overlap_are_rejects_of_each_week_they_begin_in(landing: Landing, stages: Stages) -> None:
    landing.land(
        *rows(WEEK, 300),
        report_row("monday week", start_date="2026-11-09", end_date="2026-11-15"),
        report_row("fortnight", start_date="2026-11-08", end_date="2026-11-21"),
        report_row("one day", start_date="2026-11-10", end_date="2026-11-10"),
    )
    run = stages.sync(WEEK)
    assert run.colour == "success"
    assert len(stages.target()) == 300
    rejects = stages.query("select reason, raw ->> 'search_query' as query from sync_rejects order by query")
    assert [row["query"] for row in rejects] == ["fortnight", "monday week", "one day"]
    assert {row["reason"] for row in rejects} == {"misaligned_period"}
    assert check(stages, run, "reject_rate")[0] == "warning"


def test_forty_spellings_add_up_once_in_week_month_and_quarter(landing: Landing, stages: Stages) -> None:
    spellings = [f"{' ' * (n % 3)}{'Yoga' if n % 2 else 'yOGA'}{' ' * (1 + n // 6)}mat" for n in range(40)]
    assert len(set(spellings)) == 40
    landing.land(*(report_row(spelling, asin_click_count=1) for spelling in spellings))
    for sync_type, first_day in (
        (SyncType.WEEKLY, WEEK),
        (SyncType.MONTHLY, date(2026, 11, 1)),
        (SyncType.QUARTERLY, date(2026, 10, 1)),
    ):
        assert stages.sync(first_day, sync_type).errors == {}
        assert [(row["query"], row["total_clicks"]) for row in stages.target(sync_type)] == [("yoga mat", 40)]


def test_counts_beyond_an_integer_and_below_zero(landing: Landing, stages: Stages) -> None:
    landing.land(
        *rows(WEEK, 200),
        report_row("many", asin_impression_count=2**31, total_query_impression_count=2**33),
        report_row("negative", asin_click_count=-1),
        report_row("absurd", asin_click_count=10**12),
    )
    assert stages.sync(WEEK).colour == "success"
    assert stages.sync("2026-11-01", SyncType.MONTHLY).colour == "success"
    for sync_type in (SyncType.WEEKLY, SyncType.MONTHLY):
        (many,) = (row for row in stages.target(sync_type) if row["query"] == "many")
        assert (many["total_impressions"], str(many["impression_share"])) == (2**31, "0.250000")
    reasons = stages.query("select sync_log_id, array_agg(reason order by reason) as why from sync_rejects group by 1")
    assert [row["why"] for row in reasons] == [["count_too_large", "negative_count"]] * 2
