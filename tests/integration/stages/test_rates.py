"""Rates that their column cannot hold and shares of an unknown market: weeks, months and quarters have one rule."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sqp_provider.core.period import SyncType
from tests.fixtures import settings_for
from tests.landing import COLUMNS, WEEK, Landing, report_row
from tests.stages import Run, Stages

FIRST_DAYS = {SyncType.WEEKLY: WEEK, SyncType.MONTHLY: date(2026, 11, 1), SyncType.QUARTERLY: date(2026, 10, 1)}
LAST_DAYS = {SyncType.WEEKLY: "2026-11-14", SyncType.MONTHLY: "2026-11-30", SyncType.QUARTERLY: "2026-12-31"}
BOUNDARY = {
    "largest": {"asin_impression_count": 2_000_000, "asin_click_count": 19_999_999_998, "total_click_count": 2**35},
    "tie above it": {
        "asin_impression_count": 2_000_000,
        "asin_click_count": 19_999_999_999,
        "total_click_count": 2**35,
    },
    "far above it": {"asin_impression_count": 1, "asin_click_count": 20_000},
}
CLICK_RATES = {"largest": Decimal("9999.999999"), "tie above it": None, "far above it": None}


def one_figure(stages: Stages, column: str, sync_type: SyncType) -> dict[str, Any]:
    return {row["query"]: row[column] for row in stages.target(sync_type)}


def warned(stages: Stages, run: Run, check: str) -> dict[str, Any]:
    """The warnings of a check by column, with how many rows each counts."""
    checks = stages.query(
        "select column_name, greatest(source_value, target_value) as found from data_quality_checks"
        " where sync_log_id = %s and check_type = %s and check_status = 'warning'",
        run["log_start"],
        check,
    )
    return {row["column_name"]: row["found"] for row in checks}


@pytest.fixture
def native(landing: Landing, dataset: str, stages: Stages) -> Stages:
    """The stages over a landing that has Amazon's own months and quarters."""
    landing.create(COLUMNS | {"report_period": "STRING"})
    columns = {"ingested_at": "ingested_at", "report_period": "report_period"}
    return Stages(settings_for(landing.table, dataset, source={"columns": columns}), stages.dsn)


@pytest.mark.parametrize("sync_type", SyncType)
def test_a_rate_that_its_column_cannot_hold_is_null_and_counted(
    sync_type: SyncType, landing: Landing, stages: Stages
) -> None:
    landing.land(*(report_row(query, **figures) for query, figures in BOUNDARY.items()))
    run = stages.sync(FIRST_DAYS[sync_type], sync_type)
    assert run.colour == "success"
    assert one_figure(stages, "avg_ctr", sync_type) == CLICK_RATES
    assert warned(stages, run, "range_check")["rate"] == 2
    assert stages.log(run)["records_failed"] == 0


@pytest.mark.parametrize("sync_type", SyncType)
def test_amazons_own_period_follows_the_same_rule(sync_type: SyncType, landing: Landing, native: Stages) -> None:
    first, report = FIRST_DAYS[sync_type], sync_type.period_type.report_period
    days = {"start_date": first.isoformat(), "end_date": LAST_DAYS[sync_type]}
    landing.land(
        *(report_row(query, **days, **figures) | {"report_period": report} for query, figures in BOUNDARY.items()),
        report_row("unknown", **days, total_click_count=None) | {"report_period": report},
    )
    run = native.sync(first, sync_type)
    assert run.colour == "success"
    assert one_figure(native, "avg_ctr", sync_type) == CLICK_RATES | {"unknown": Decimal("0.065359")}
    assert one_figure(native, "market_clicks", sync_type)["unknown"] is None
    assert one_figure(native, "click_share", sync_type)["unknown"] is None


def test_a_month_that_follows_its_weeks_follows_the_same_rule(landing: Landing, stages: Stages) -> None:
    landing.land(*(report_row(query, **figures) for query, figures in BOUNDARY.items()))
    assert stages.sync(WEEK).colour == "success"
    for sync_type in (SyncType.MONTHLY, SyncType.QUARTERLY):
        assert one_figure(stages, "avg_ctr", sync_type) == CLICK_RATES


def test_weeks_that_are_absurd_alone_make_a_month_that_is_not(landing: Landing, stages: Stages) -> None:
    landing.land(
        report_row("q", asin_impression_count=1, asin_click_count=20_000),
        report_row("q", week=date(2026, 11, 15), asin_impression_count=39_999, asin_click_count=0),
    )
    for week in (WEEK, date(2026, 11, 15)):
        assert stages.sync(week).colour == "success"
    assert one_figure(stages, "avg_ctr", SyncType.MONTHLY) == {"q": Decimal("0.500000")}
    run = stages.sync(date(2026, 11, 1), SyncType.MONTHLY)
    assert run["publish"]["unchanged"] == 1
    assert run["publish"]["updated"] == 0


@pytest.mark.parametrize("sync_type", SyncType)
def test_an_unknown_market_total_stays_unknown_with_its_share(
    sync_type: SyncType, landing: Landing, stages: Stages
) -> None:
    landing.land(
        report_row("known"),
        report_row("none", total_click_count=0, asin_click_count=0),
        report_row("unknown", total_click_count=None, total_purchase_count=None),
        report_row("Half known", total_click_count=None),
        report_row("half  known", total_click_count=70),
    )
    run = stages.sync(FIRST_DAYS[sync_type], sync_type)
    assert run.colour == "success"
    market = {"known": 1000, "none": 0, "unknown": None, "half known": None}
    assert one_figure(stages, "market_clicks", sync_type) == market
    shares = {"known": Decimal("0.05"), "none": 0, "unknown": None, "half known": None}
    assert one_figure(stages, "click_share", sync_type) == shares
    assert one_figure(stages, "purchase_share", sync_type)["unknown"] is None
    assert warned(stages, run, "null_check") == {"market_clicks": 2, "market_purchases": 1}


def test_an_own_count_that_is_missing_still_loads_as_zero(landing: Landing, stages: Stages) -> None:
    landing.land(report_row("q", asin_click_count=None))
    run = stages.sync(WEEK)
    assert one_figure(stages, "total_clicks", SyncType.WEEKLY) == {"q": 0}
    assert warned(stages, run, "null_check") == {"total_clicks": 1}
