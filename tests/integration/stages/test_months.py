"""Months and quarters: Amazon's own where the source has them, else summed from weeks, and which replaces which."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sqp_provider.core.contract import EXTRAS
from sqp_provider.core.errors import DeletesRefused
from sqp_provider.core.period import Period, SyncType
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.source.table import Source
from tests.fixtures import settings_for
from tests.landing import COLUMNS, Landing, report_row
from tests.stages import Stages

MONTHLY, QUARTERLY = SyncType.MONTHLY, SyncType.QUARTERLY
NOVEMBER = date(2026, 11, 1)
OCTOBER = date(2026, 10, 1)
WEEKS_OF_NOVEMBER = [date(2026, 11, day) for day in (1, 8, 15, 22, 29)]


@pytest.fixture
def native(landing: Landing, dataset: str, stages: Stages) -> Stages:
    """The stages over a landing whose rows say which report they are of."""
    landing.create(COLUMNS | {"report_period": "STRING"})
    columns = {"ingested_at": "ingested_at", "report_period": "report_period"}
    return Stages(settings_for(landing.table, dataset, source={"columns": columns}), stages.dsn)


def native_row(query: str, report_period: str, first_day: str, last_day: str, **other: Any) -> dict[str, Any]:
    return report_row(query, start_date=first_day, end_date=last_day, **other) | {"report_period": report_period}


def test_a_month_is_amazons_own_where_the_source_has_it(landing: Landing, native: Stages) -> None:
    landing.land(
        native_row("q", "MONTH", "2026-11-01", "2026-11-30", asin_click_count=51),
        native_row("q", "WEEK", "2026-11-01", "2026-11-07", asin_click_count=7),
        native_row("q", "QUARTER", "2026-10-01", "2026-12-31", asin_click_count=300),
    )
    assert native.sync(NOVEMBER, MONTHLY).colour == "success"
    assert native.sync(OCTOBER, QUARTERLY).colour == "success"
    (month,) = native.target(MONTHLY)
    assert month["total_clicks"] == 51
    assert (month["period_start"], month["period_end"]) == (date(2026, 11, 1), date(2026, 11, 30))
    assert (month["year"], month["month"], month["active_weeks"]) == (2026, 11, None)
    (quarter,) = native.target(QUARTERLY)
    assert quarter["total_clicks"] == 300
    assert (quarter["year"], quarter["quarter"], quarter["active_weeks"]) == (2026, 4, None)
    assert native.target() == []
    (log,) = native.query("select * from sync_log where sync_type = 'monthly'")
    assert (log["dag_id"], log["target_table"]) == ("sqp_monthly_sync", "sqp.monthly_summary")
    assert (str(log["period_start"]), str(log["period_end"])) == ("2026-11-01", "2026-11-30")


def test_a_month_row_whose_dates_are_no_month_is_a_reject(landing: Landing, native: Stages) -> None:
    landing.land(
        *(native_row(f"good {n}", "MONTH", "2026-11-01", "2026-11-30") for n in range(200)),
        native_row("late start", "MONTH", "2026-11-08", "2026-11-30"),
        native_row("thirty days", "MONTH", "2026-11-01", "2026-11-29"),
    )
    run = native.sync(NOVEMBER, MONTHLY)
    assert run.colour == "success"
    assert len(native.target(MONTHLY)) == 200
    rejects = native.query("select reason, raw ->> 'search_query' as query from sync_rejects order by query")
    assert rejects == [
        {"reason": "misaligned_period", "query": "late start"},
        {"reason": "misaligned_period", "query": "thirty days"},
    ]


def test_a_month_is_summed_from_the_weeks_that_begin_in_it(landing: Landing, stages: Stages) -> None:
    landing.land(
        report_row("q", week=date(2026, 10, 25), asin_click_count=1000),
        *(report_row("q", week=week, search_query_score=9 - n) for n, week in enumerate(WEEKS_OF_NOVEMBER)),
        report_row("once", week=date(2026, 11, 29), search_query_volume=None, asin_click_count=None),
        report_row("Once ", week=date(2026, 11, 29), search_query_volume=7),
        report_row("volume unknown", week=date(2026, 11, 1), search_query_volume=None),
        report_row("volume unknown", week=date(2026, 11, 8)),
    )
    run = stages.sync(NOVEMBER, MONTHLY)
    assert run.colour == "success"
    once, q, unknown = stages.target(MONTHLY)
    assert q == {
        "period_start": date(2026, 11, 1),
        "period_end": date(2026, 11, 30),
        "query": "q",
        "asin": "B00TEST001",
        "total_impressions": 3825,
        "total_clicks": 250,
        "total_cart_adds": 50,
        "total_purchases": 25,
        "market_impressions": 50000,
        "market_clicks": 5000,
        "market_cart_adds": 1000,
        "market_purchases": 500,
        "query_score": 5,
        "query_volume": 75000,
        "avg_ctr": Decimal("0.065359"),
        "avg_cvr": Decimal("0.100000"),
        "impression_share": Decimal("0.076500"),
        "click_share": Decimal("0.050000"),
        "cart_add_share": Decimal("0.050000"),
        "purchase_share": Decimal("0.050000"),
        "year": 2026,
        "month": 11,
        "active_weeks": 5,
    } | dict.fromkeys(EXTRAS)
    assert (once["active_weeks"], once["query_volume"]) == (1, 7)
    assert (once["total_clicks"], once["total_impressions"]) == (50, 1530)
    assert (unknown["active_weeks"], unknown["query_volume"]) == (2, None)


def test_synced_from_weeks_and_derived_by_the_trigger_are_the_same_rows(landing: Landing, stages: Stages) -> None:
    """Two ways to the same figures: in BigQuery from the landed rows, in Postgres from the published weeks."""
    landing.land(
        *(
            report_row(f"Q {n % 3}", f"B00TEST00{n % 2}", week=week, asin_click_count=n * 7 % 11, search_query_score=n)
            for n, week in enumerate(WEEKS_OF_NOVEMBER * 4)
        ),
        *(report_row(f"more than one {n}", week=week, total_click_count=n) for n, week in enumerate(WEEKS_OF_NOVEMBER)),
        report_row("no volume", week=date(2026, 11, 8), search_query_volume=None, search_query_score=None),
        report_row("clicks of nothing", week=date(2026, 11, 8), asin_click_count=20_000, asin_impression_count=0),
        report_row("clicks of nothing", week=date(2026, 11, 15), asin_click_count=0, asin_impression_count=1),
    )
    for week in WEEKS_OF_NOVEMBER:
        assert stages.sync(week).colour == "success"
    derived = {kind: stages.target(kind) for kind in (MONTHLY, QUARTERLY)}
    absurd = [row["avg_ctr"] for row in derived[MONTHLY] if row["query"] == "clicks of nothing"]
    assert absurd == [None]
    for first_day, kind in ((NOVEMBER, MONTHLY), (OCTOBER, QUARTERLY)):
        run = stages.sync(first_day, kind)
        assert run.errors == {}
        assert run["publish"] == {
            "how": "difference",
            "inserted": 0,
            "updated": 0,
            "deleted": 0,
            "unchanged": len(derived[kind]),
        }
        assert stages.target(kind) == derived[kind]
    states = stages.query("select sync_type, state from synced_period where sync_type <> 'weekly' order by 1")
    assert states == [{"sync_type": "monthly", "state": "synced"}, {"sync_type": "quarterly", "state": "synced"}]


def test_a_landing_that_names_only_the_last_day_gives_the_same_months(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    """The week from 2026-11-29 ends in December and belongs to November."""
    landing.land(*(report_row("q", week=week) for week in [date(2026, 10, 25), *WEEKS_OF_NOVEMBER, date(2026, 12, 6)]))
    columns = {"period_start": None, "ingested_at": "ingested_at"}
    only_end = Stages(settings_for(landing.table, dataset, source={"columns": columns}), stages.dsn)
    assert only_end.sync(NOVEMBER, MONTHLY).colour == "success"
    (month,) = only_end.target(MONTHLY)
    assert (month["active_weeks"], month["total_clicks"]) == (5, 250)


def test_weeks_leave_a_synced_month_alone_and_go_on_with_a_derived_quarter(landing: Landing, native: Stages) -> None:
    landing.land(
        native_row("q", "MONTH", "2026-11-01", "2026-11-30", asin_click_count=51),
        native_row("q", "WEEK", "2026-11-01", "2026-11-07", asin_click_count=7),
    )
    native.sync(NOVEMBER, MONTHLY)
    native.sync(NOVEMBER)
    assert [row["total_clicks"] for row in native.target(MONTHLY)] == [51]
    assert [row["total_clicks"] for row in native.target(QUARTERLY)] == [7]
    ledger = native.query("select sync_type, state, fingerprint from synced_period order by sync_type")
    assert ledger[0]["fingerprint"]  # a month of Amazon's own does not follow the weeks
    assert [(row["sync_type"], row["state"]) for row in ledger] == [
        ("monthly", "synced"),
        ("quarterly", "derived"),
        ("weekly", "synced"),
    ]


def test_amazons_month_replaces_a_derived_one_however_many_rows_go(landing: Landing, native: Stages) -> None:
    """Query lists are cut short for each report: the month of one's own has other rows than the weeks, no lost ones."""
    landing.land(
        *(native_row(f"week only {n}", "WEEK", "2026-11-01", "2026-11-07") for n in range(9)),
        native_row("both", "WEEK", "2026-11-01", "2026-11-07"),
        native_row("both", "MONTH", "2026-11-01", "2026-11-30"),
    )
    native.sync(NOVEMBER)
    assert len(native.target(MONTHLY)) == 10
    run = native.sync(NOVEMBER, MONTHLY)
    assert run.errors == {}
    assert (run["publish"]["deleted"], run["publish"]["updated"]) == (9, 1)
    assert [row["query"] for row in native.target(MONTHLY)] == ["both"]

    landing.replace()
    landing.create(COLUMNS | {"report_period": "STRING"})
    landing.land(native_row("other", "MONTH", "2026-11-01", "2026-11-30"))
    again = native.sync(NOVEMBER, MONTHLY)
    assert isinstance(again.errors["publish"].__cause__, DeletesRefused)


def test_a_late_week_reaches_its_month_and_the_same_again_changes_nothing(landing: Landing, stages: Stages) -> None:
    landing.land(*(report_row("q", week=week) for week in WEEKS_OF_NOVEMBER[:4]))
    stages.sync(NOVEMBER, MONTHLY)
    assert stages.sync(NOVEMBER, MONTHLY).states["publish"] == "skipped"
    landing.land(report_row("q", week=WEEKS_OF_NOVEMBER[4]))
    run = stages.sync(NOVEMBER, MONTHLY)
    assert (run["publish"]["updated"], stages.target(MONTHLY)[0]["active_weeks"]) == (1, 5)


@pytest.mark.parametrize("sync_type", SyncType)
def test_a_check_of_a_window_finds_the_fingerprint_that_each_period_is_published_with(
    sync_type: SyncType, landing: Landing, stages: Stages
) -> None:
    periods = [Period.containing(sync_type, date(2026, 5, 4)), Period.containing(sync_type, date(2026, 11, 8))]
    between = Period.containing(sync_type, date(2026, 8, 12))
    landing.land(
        *(report_row(f"q {n}", week=date(2026, 11, 8), asin_click_count=n) for n in range(400)),
        *(report_row(f"q {n}", week=date(2026, 5, 3), asin_click_count=n) for n in range(100)),
        *(report_row(f"q {n}", week=date(2026, 8, 9)) for n in range(5)),
        report_row("no dates", start_date=None, end_date=None),
        report_row("no start", start_date=None),
        report_row("monday", start_date="2026-11-09"),
    )
    source = Source(SqpBigQueryHook(), stages.settings.source)
    found = source.window_totals(sync_type, periods)
    assert set(found) == set(periods)
    for period in periods:
        run = stages.sync(period.first_day, sync_type)
        assert run.errors == {}
        assert {"fingerprint", "reject_count", "source_rows", "totals"} <= set(run["extract"])
        assert found[period].model_dump() == {key: run["extract"][key] for key in found[period].model_dump()}
    assert found[periods[0]].reject_count == 1
    assert found[periods[1]].reject_count == 3
    (alone,) = source.window_totals(sync_type, [between]).values()
    assert (alone.totals.row_count, alone.reject_count) == (5, 1)


def test_an_empty_report_does_not_empty_a_month_summed_from_weeks(landing: Landing, native: Stages) -> None:
    """Allow empty alone may not delete what weeks have filled: a synced month no longer follows them."""
    landing.land(*(native_row(f"q {n}", "WEEK", "2026-11-01", "2026-11-07") for n in range(3)))
    native.sync(NOVEMBER)
    refused = native.sync(NOVEMBER, MONTHLY, allow_empty=True)
    assert isinstance(refused.errors["publish"].__cause__, DeletesRefused)
    assert len(native.target(MONTHLY)) == 3
    assert native.sync(NOVEMBER, MONTHLY, allow_empty=True, max_delete_fraction=1).errors == {}
    assert native.target(MONTHLY) == []


def test_a_month_stamped_with_other_days_is_put_right(landing: Landing, stages: Stages) -> None:
    """Rows of an adopted table may bear the month they were written in, with figures that are right."""
    landing.land(*(report_row("q", week=week) for week in WEEKS_OF_NOVEMBER))
    stages.sync(NOVEMBER, MONTHLY)
    stages.sync(WEEKS_OF_NOVEMBER[0])
    right = stages.target(MONTHLY), stages.target()
    for partition in ("monthly_summary_20261101", "weekly_summary_20261101"):  # an adopted table has no such check
        stages.query(f"alter table {partition} drop constraint {partition}_period_check")
    stages.query("update monthly_summary set year = 2025, month = 1, period_end = '2026-11-07'")
    stages.query("update weekly_summary set period_end = '2026-11-08'")
    for run in (stages.sync(NOVEMBER, MONTHLY), stages.sync(WEEKS_OF_NOVEMBER[0])):
        assert (run["publish"]["updated"], run["publish"]["unchanged"]) == (1, 0)
    assert (stages.target(MONTHLY), stages.target()) == right
