"""The rest of Amazon's report: counts by speed of shipping, which add, and median prices, which do not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from sqp_provider.core.contract import EXTRAS
from sqp_provider.core.period import Period, SyncType
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.migrations import migrate
from sqp_provider.revisions import MigrationError
from sqp_provider.source.table import Source
from tests.conftest import new_database
from tests.fixtures import connection_to, settings_for
from tests.integration.sql.conftest import SEED_SCHEMA
from tests.landing import (
    COLUMNS,
    EVERY_EXTRA,
    EXTRA_COLUMNS,
    MEDIAN_PRICES,
    SHIPPING_COUNTS,
    WEEK,
    Landing,
    report_row,
)
from tests.stages import Run, Stages

MONTHLY, QUARTERLY = SyncType.MONTHLY, SyncType.QUARTERLY
NEXT = date(2026, 11, 15)
COUNTS = {name: number for number, name in enumerate(SHIPPING_COUNTS, start=1)}
AMOUNTS = dict(zip(MEDIAN_PRICES, ("24.99", 19.99, "1980", "1,234.5", 0.1, "9.995"), strict=True))
EVERYTHING: dict[str, Any] = COUNTS | AMOUNTS | {"currency_code": "usd"}
STORED_COUNTS = {column: COUNTS[name] for name, column in SHIPPING_COUNTS.items()}
STORED = STORED_COUNTS | {
    "market_click_price": Decimal("24.9900"),
    "click_price": Decimal("19.9900"),
    "market_cart_add_price": Decimal("1980.0000"),
    "cart_add_price": Decimal("1234.5000"),
    "market_purchase_price": Decimal("0.1000"),
    "purchase_price": Decimal("9.9950"),
    "currency": "USD",
}
SUMMED = dict.fromkeys(EXTRAS) | {column: 2 * count for column, count in STORED_COUNTS.items()}
NOTHING = dict.fromkeys(EXTRAS)


@pytest.fixture
def full(landing: Landing, dataset: str, stages: Stages) -> Stages:
    """The stages over a landing that has every figure."""
    landing.create(COLUMNS | EXTRA_COLUMNS)
    return mapping(stages, landing, dataset, EVERY_EXTRA)


def mapping(stages: Stages, landing: Landing, dataset: str, columns: dict[str, Any], **source: Any) -> Stages:
    """The same stages with other columns mapped."""
    source = {"columns": {"ingested_at": "ingested_at"} | columns} | source
    return Stages(settings_for(landing.table, dataset, source=source), stages.dsn)


def extras(stages: Stages, sync_type: SyncType = SyncType.WEEKLY) -> dict[str, dict[str, Any]]:
    """The extras of each row by its query."""
    return {row["query"]: {column: row[column] for column in EXTRAS} for row in stages.target(sync_type)}


def snapshot_columns(run: Run) -> set[str]:
    table = SqpBigQueryHook().client.get_table(run["extract"]["table"])
    return {field.name for field in table.schema}


def seen_now(stages: Stages, first_day: date = WEEK, sync_type: SyncType = SyncType.WEEKLY) -> str:
    """What the daily check finds at the source."""
    period = Period.starting(sync_type, first_day)
    found = Source(SqpBigQueryHook(), stages.settings.source).window_totals(sync_type, [period])
    return found[period].fingerprint


def test_every_figure_arrives_exactly_from_each_type(landing: Landing, full: Stages) -> None:
    landing.land(report_row("q", **EVERYTHING), report_row("none of them"))
    run = full.sync(WEEK)
    assert run.errors == {}
    assert extras(full) == {"q": STORED, "none of them": NOTHING}
    assert run["extract"]["fingerprint"] == seen_now(full)
    sums = full.query("select column_name, target_value from data_quality_checks where check_type = 'sum_validation'")
    assert STORED_COUNTS.items() <= {check["column_name"]: check["target_value"] for check in sums}.items()
    assert full.sync(WEEK).states["load"] == "skipped"


def test_amazons_own_objects_are_read_by_path(landing: Landing, dataset: str, stages: Stages) -> None:
    """``clickData`` as a record with a FLOAT64 amount, ``purchaseData`` as JSON text."""
    price = "struct<amount float64, currencyCode string>"
    record = f"struct<totalSameDayShippingClickCount int64, asinMedianClickPrice {price}>"
    landing.create(COLUMNS | {"clickData": record, "purchaseData": "JSON"})
    purchases = {"totalMedianPurchasePrice": {"amount": 24.5}, "totalTwoDayShippingPurchaseCount": 3}
    clicks = {"totalSameDayShippingClickCount": 7, "asinMedianClickPrice": {"amount": 19.99, "currencyCode": "USD"}}
    landing.land(report_row("q") | {"clickData": clicks, "purchaseData": json.dumps(purchases)})
    columns = {
        "market_same_day_clicks": "clickData.totalSameDayShippingClickCount",
        "click_price": "clickData.asinMedianClickPrice.amount",
        "currency": "clickData.asinMedianClickPrice.currencyCode",
        "market_purchase_price": "purchaseData.totalMedianPurchasePrice.amount",
        "market_two_day_purchases": "purchaseData.totalTwoDayShippingPurchaseCount",
    }
    own = mapping(stages, landing, dataset, columns)
    assert own.sync(WEEK).errors == {}
    found = {name: value for name, value in extras(own)["q"].items() if value is not None}
    assert found == {
        "market_same_day_clicks": 7,
        "market_two_day_purchases": 3,
        "click_price": Decimal("19.9900"),
        "market_purchase_price": Decimal("24.5000"),
        "currency": "USD",
    }


def test_what_is_not_mapped_is_neither_in_the_snapshot_nor_in_the_hash(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    """The hash is the one that the row had before there were extras, so that nothing is published again."""
    landing.create(COLUMNS | EXTRA_COLUMNS)
    landing.land(report_row("q", **EVERYTHING))
    own = mapping(stages, landing, dataset, {})
    run = own.sync(WEEK)
    assert run.errors == {}
    assert extras(own) == {"q": NOTHING}
    assert snapshot_columns(run).isdisjoint(EXTRAS)
    figures = "(765,50,10,5,10000,1000,200,100,5,15000,0.065359,0.100000,0.076500,0.050000,0.050000,0.050000)"
    row_hash = int(hashlib.md5(f"B00TEST001{figures}q".encode(), usedforsecurity=False).hexdigest()[:15], 16)
    assert run["extract"]["totals"]["row_hash"] == row_hash
    assert not [name for name in run["extract"]["totals"]["sums"] if name in EXTRAS]
    landing.create(COLUMNS | EXTRA_COLUMNS)
    landing.land(report_row("q"))
    all_mapped = mapping(stages, landing, dataset, EVERY_EXTRA).sync(WEEK)
    assert all_mapped["extract"]["totals"]["row_hash"] == row_hash
    assert all_mapped["publish"]["unchanged"] == 1


def test_mapping_an_extra_later_fills_published_rows_and_unmapping_it_empties_them(
    landing: Landing, dataset: str, full: Stages
) -> None:
    landing.land(report_row("q", **EVERYTHING))
    bare = mapping(full, landing, dataset, {})
    for stages, expected in ((bare, NOTHING), (full, STORED), (bare, NOTHING)):
        run = stages.sync(WEEK)
        assert (run.errors, extras(stages)) == ({}, {"q": expected})
    some = mapping(full, landing, dataset, {"click_price": "asin_median_click_price", "currency": {"value": "eur"}})
    assert some.sync(WEEK).errors == {}
    assert extras(some) == {"q": NOTHING | {"click_price": Decimal("19.9900"), "currency": "EUR"}}


def test_merged_spellings_keep_a_price_only_where_all_agree(landing: Landing, full: Stages) -> None:
    landing.land(
        report_row("equal", **EVERYTHING),
        report_row("Equal ", **EVERYTHING),
        report_row("other price", **EVERYTHING),
        report_row("Other Price", **EVERYTHING | {"asin_median_click_price": 20}),
        report_row("one has none", **EVERYTHING),
        report_row("One Has None", **EVERYTHING | {"asin_median_click_price": None}),
        report_row("other currency", **EVERYTHING),
        report_row("Other Currency", **EVERYTHING | {"currency_code": "CAD"}),
        report_row("one unknown count", **EVERYTHING),
        report_row("One Unknown Count", **EVERYTHING | {"total_one_day_shipping_click_count": None}),
    )
    assert full.sync(WEEK).errors == {}
    found = extras(full)
    added = STORED | {column: 2 * count for column, count in STORED_COUNTS.items()}
    assert found["equal"] == added
    assert found["other price"] == found["one has none"] == added | {"click_price": None}
    assert found["other currency"] == SUMMED
    assert found["one unknown count"] == added | {"market_one_day_clicks": None}


@pytest.mark.parametrize(
    ("landed", "reason", "shown"),
    [
        ({"total_median_click_price": "12,34"}, "not_a_number", "market_click_price 12,34. "),
        ({"total_median_click_price": "1,234"}, "not_a_number", "market_click_price 1,234. "),
        ({"total_median_click_price": "$12.34"}, "not_a_number", "market_click_price $12.34. "),
        ({"total_median_click_price": "1.23456"}, "not_a_number", "market_click_price 1.23456. "),
        ({"asin_median_click_price": 0.33333}, "not_a_number", "click_price 0.33333. "),
        ({"currency_code": "US Dollar"}, "not_a_number", "currency US Dollar. "),
        ({"currency_code": "U\0D"}, "not_a_number", "currency U\N{SYMBOL FOR NULL}D. "),
        ({"total_median_click_price": "10000000000"}, "count_too_large", ""),
        ({"total_median_click_price": "-1.5"}, "negative_count", ""),
        ({"total_two_day_shipping_purchase_count": -1}, "negative_count", ""),
        ({"total_two_day_shipping_purchase_count": 10**11 + 1}, "count_too_large", ""),
    ],
)
def test_what_is_no_amount_is_a_reject(
    landed: dict[str, Any], reason: str, shown: str, landing: Landing, full: Stages
) -> None:
    landing.land(*(report_row(f"good {n}", **EVERYTHING) for n in range(200)), report_row("bad", **EVERYTHING | landed))
    run = full.sync(WEEK)
    assert (run.errors, len(full.target())) == ({}, 200)
    (reject,) = full.query("select reason, raw from sync_rejects")
    assert (reject["reason"], reject["raw"]["unreadable"]) == (reason, shown)
    if landed == {"total_median_click_price": "-1.5"}:
        assert reject["raw"]["market_click_price"] == "-1.5000"


# months and quarters


def test_a_month_of_weeks_sums_the_counts_and_has_no_price(landing: Landing, full: Stages) -> None:
    """Summed in Postgres when the weeks are published, by the trigger, and in BigQuery by the month's own sync."""
    landing.land(*(report_row("q", week=week, **EVERYTHING) for week in (WEEK, NEXT)))
    full.sync(WEEK)
    only = extras(full, MONTHLY)["q"]
    assert only == SUMMED | STORED_COUNTS  # a copy of the one week, but for its prices
    full.sync(NEXT)
    for sync_type in (MONTHLY, QUARTERLY):
        assert extras(full, sync_type) == {"q": SUMMED}
    full.query("update weekly_summary set market_one_day_clicks = null where period_start = %s", NEXT)
    for sync_type in (MONTHLY, QUARTERLY):
        assert extras(full, sync_type) == {"q": SUMMED | {"market_one_day_clicks": None}}
    for first_day, sync_type in ((date(2026, 11, 1), MONTHLY), (date(2026, 10, 1), QUARTERLY)):
        run = full.sync(first_day, sync_type)
        assert (run.errors, extras(full, sync_type)) == ({}, {"q": SUMMED})
        assert run["extract"]["fingerprint"] == seen_now(full, first_day, sync_type)
        assert snapshot_columns(run).isdisjoint({*MEDIAN_PRICES.values(), "currency"})


def test_a_row_without_a_readable_price_is_a_reject_of_the_month_as_of_its_week(landing: Landing, full: Stages) -> None:
    good = [report_row(f"good {n}", **EVERYTHING) for n in range(200)]
    landing.land(*good, report_row("bad", **EVERYTHING | {"total_median_click_price": "12,34"}))
    for first_day, sync_type in ((WEEK, SyncType.WEEKLY), (date(2026, 11, 1), MONTHLY)):
        run = full.sync(first_day, sync_type)
        assert (run.errors, run["extract"]["reject_count"], len(full.target(sync_type))) == ({}, 1, 200)


def test_amazons_own_month_keeps_its_prices(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create(COLUMNS | EXTRA_COLUMNS | {"report_period": "STRING"})
    dates: dict[str, Any] = {"start_date": "2026-11-01", "end_date": "2026-11-30"}
    landing.land(report_row("q", **EVERYTHING, **dates) | {"report_period": "MONTH"})
    own = mapping(stages, landing, dataset, EVERY_EXTRA | {"report_period": "report_period"})
    run = own.sync(date(2026, 11, 1), MONTHLY)
    assert (run.errors, extras(own, MONTHLY)) == ({}, {"q": STORED})


# databases from before


@pytest.fixture
def adopted(server_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database whose summary tables are plain and were there before the migration."""
    with new_database(server_dsn) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(SEED_SCHEMA.read_bytes())
        migrate(dsn)
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(dsn))
        yield dsn


def test_an_adopted_table_gets_every_figure(landing: Landing, dataset: str, adopted: str) -> None:
    landing.create(COLUMNS | EXTRA_COLUMNS)
    landing.land(*(report_row("q", week=week, **EVERYTHING) for week in (WEEK, NEXT)))
    full = Stages(settings_for(landing.table, dataset, source={"columns": EVERY_EXTRA}), adopted)
    bare = Stages(settings_for(landing.table, dataset), adopted)
    for week in (WEEK, NEXT):
        assert full.sync(week).errors == {}
    assert [{column: row[column] for column in EXTRAS} for row in full.target()] == [STORED, STORED]
    for sync_type in (MONTHLY, QUARTERLY):
        assert extras(full, sync_type) == {"q": SUMMED}
    assert bare.sync(WEEK)["publish"]["updated"] == 1
    assert [{column: row[column] for column in EXTRAS} for row in bare.target()] == [NOTHING, STORED]


FILES = "select relname::text, relfilenode::bigint from pg_class where relname like '%%_summary_%%' and relkind = 'r'"


def test_a_database_from_before_gets_the_columns_without_being_rewritten(
    database: str, landing: Landing, stages: Stages
) -> None:
    landing.land(report_row("q"))
    assert stages.sync(WEEK).errors == {}
    for sync_type in SyncType:
        drops = ", ".join(f"drop column {column} cascade" for column in EXTRAS)
        stages.query(f"alter table {sync_type.target_table} {drops}")
    files = stages.query(f"{FILES} order by 1")
    assert migrate(database) == []
    assert stages.query(f"{FILES} order by 1") == files
    assert [extras(stages, sync_type) for sync_type in SyncType] == [{"q": NOTHING}] * 3
    assert stages.sync(WEEK).states["load"] == "skipped"  # what was published before is still known to be right
    assert stages.sync(WEEK, force=True)["publish"]["unchanged"] == 1


def test_a_column_of_theirs_that_cannot_hold_a_price_is_found_before_anything_is_written(
    empty_database: str,
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(SEED_SCHEMA.read_bytes())
        connection.execute("alter table sqp.weekly_summary add column click_price double precision")
    with pytest.raises(MigrationError, match=r"weekly_summary\.click_price is of type double precision"):
        migrate(empty_database)
