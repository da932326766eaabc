"""Landings that are shaped otherwise: the same figures arrive, by configuration alone."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sqp_provider.core.errors import SourceUnusable
from sqp_provider.core.period import Period, SyncType
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.source.table import Source
from tests.fixtures import settings_for
from tests.landing import COLUMNS, WEEK, Landing, report_row
from tests.stages import Stages

SPACED = {
    "Reporting Date": "DATE",
    "ASIN": "STRING",
    "Search Query": "STRING",
    "Search Query Score": "STRING",
    "Search Query Volume": "STRING",
    "Impressions: Total Count": "STRING",
    "Impressions: ASIN Count": "STRING",
    "Impressions: ASIN Share %": "STRING",
    "Clicks: Total Count": "STRING",
    "Clicks: ASIN Count": "STRING",
    "Cart Adds: Total Count": "FLOAT64",
    "Cart Adds: ASIN Count": "FLOAT64",
    "Purchases: Total Count": "INT64",
    "Purchases: ASIN Count": "INT64",
}
SPACED_COLUMNS = {
    "period_start": None,
    "period_end": "Reporting Date",
    "asin": "ASIN",
    "search_query": "Search Query",
    "query_score": "Search Query Score",
    "query_volume": "Search Query Volume",
    "market_impressions": "Impressions: Total Count",
    "impressions": "Impressions: ASIN Count",
    "market_clicks": "Clicks: Total Count",
    "clicks": "Clicks: ASIN Count",
    "market_cart_adds": "Cart Adds: Total Count",
    "cart_adds": "Cart Adds: ASIN Count",
    "market_purchases": "Purchases: Total Count",
    "purchases": "Purchases: ASIN Count",
}
SPACED_EXAMPLE = (
    *("2026-11-14", "B00TEST001", "q", "5", "15,000", "10000", "765", "7.65", "1,000", " 50 ", 200.0, 10.0, 100, 5),
)

NESTED_COLUMNS = {
    "period_start": "startDate",
    "period_end": "endDate",
    "search_query": "searchQueryData.searchQuery",
    "query_score": "searchQueryData.searchQueryScore",
    "query_volume": "searchQueryData.searchQueryVolume",
    "market_impressions": "impressionData.totalQueryImpressionCount",
    "impressions": "impressionData.asinImpressionCount",
    "market_clicks": "clickData.totalClickCount",
    "clicks": "clickData.asinClickCount",
    "market_cart_adds": "cartAddData.totalCartAddCount",
    "cart_adds": "cartAddData.asinCartAddCount",
    "market_purchases": "purchaseData.totalPurchaseCount",
    "purchases": "purchaseData.asinPurchaseCount",
}


def spaced(**changes: Any) -> dict[str, Any]:
    row = dict(zip(SPACED, SPACED_EXAMPLE, strict=True))
    assert set(changes) <= set(row)
    return row | changes


@pytest.fixture
def csv_export(landing: Landing, dataset: str, stages: Stages) -> Stages:
    landing.create(SPACED)
    return Stages(settings_for(landing.table, dataset, source={"columns": SPACED_COLUMNS}), stages.dsn)


def example(stages: Stages, landing: Landing) -> list[dict[str, Any]]:
    """What the flat default landing gives for the example row."""
    flat = Landing(landing.client, f"{landing.table}_flat")
    flat.create()
    flat.land(report_row("q"))
    source = {"table": flat.table, "columns": {"ingested_at": "ingested_at"}}
    dataset = landing.table.partition(".")[0]
    default = Stages(settings_for(flat.table, dataset, source=source), stages.dsn)
    assert default.sync(WEEK).colour == "success"
    return default.target()


def test_names_with_spaces_texts_for_numbers_and_the_last_day_for_a_date(landing: Landing, csv_export: Stages) -> None:
    expected = example(csv_export, landing)
    landing.land(spaced())
    run = csv_export.sync(WEEK, force=True)
    assert run.errors == {}
    assert run["publish"]["unchanged"] == 1
    assert csv_export.target() == expected


@pytest.mark.parametrize(
    ("landed", "loads_as"),
    [
        ("", 0),
        ("  ", 0),
        (None, 0),
        ("0", 0),
        ("765", 765),
        ("1,234", 1234),
        ("2,147,483,653", 2147483653),
        ("12.0", 12),
        ("+7", 7),
    ],
)
def test_a_number_that_landed_as_text_is_read(
    landed: str | None, loads_as: int, landing: Landing, csv_export: Stages
) -> None:
    landing.land(spaced(**{"Impressions: ASIN Count": landed, "Impressions: Total Count": "9,000,000,000"}))
    assert csv_export.sync(WEEK).errors == {}
    assert [row["total_impressions"] for row in csv_export.target()] == [loads_as]
    (check,) = csv_export.query(
        """select check_status from data_quality_checks
        where check_type = 'null_check' and column_name = 'total_impressions'"""
    )
    assert check["check_status"] == ("passed" if landed and landed.strip() else "warning")


@pytest.mark.parametrize(
    ("column", "landed"),
    [
        ("Impressions: ASIN Count", "12,5"),
        ("Impressions: ASIN Count", "1.234"),
        ("Impressions: ASIN Count", "1.000"),
        ("Impressions: ASIN Count", "12.5"),
        ("Impressions: ASIN Count", "7.65%"),
        ("Impressions: ASIN Count", "many"),
        ("Impressions: ASIN Count", "99999999999999999999"),
        ("Search Query Volume", "n/a"),
        ("Cart Adds: ASIN Count", 10.5),
    ],
)
def test_what_is_no_whole_number_is_kept_as_a_reject(
    column: str, landed: Any, landing: Landing, csv_export: Stages
) -> None:
    landing.land(*(spaced(**{"Search Query": f"good {n}"}) for n in range(100)), spaced(**{column: landed}))
    assert csv_export.sync(WEEK).errors == {}
    assert len(csv_export.target()) == 100
    (reject,) = csv_export.query("select reason, raw from sync_rejects")
    assert reject["reason"] == "not_a_number"
    assert str(landed) in reject["raw"]["unreadable"]


def test_a_share_in_percent_or_above_a_hundred_is_never_read(landing: Landing, csv_export: Stages) -> None:
    landing.land(spaced(**{"Impressions: ASIN Share %": "7650"}))
    assert csv_export.sync(WEEK).errors == {}
    (row,) = csv_export.target()
    assert str(row["impression_share"]) == "0.076500"


def nested(landing: Landing, *rows: dict[str, Any]) -> None:
    """Land rows shaped like Amazon's own JSON report, by SQL: the emulator streams no records."""
    counts = {
        "impressionData": ("totalQueryImpressionCount", "asinImpressionCount"),
        "clickData": ("totalClickCount", "asinClickCount"),
        "cartAddData": ("totalCartAddCount", "asinCartAddCount"),
        "purchaseData": ("totalPurchaseCount", "asinPurchaseCount"),
    }
    flat = {
        "impressionData": ("total_query_impression_count", "asin_impression_count"),
        "clickData": ("total_click_count", "asin_click_count"),
        "cartAddData": ("total_cart_add_count", "asin_cart_add_count"),
        "purchaseData": ("total_purchase_count", "asin_purchase_count"),
    }
    structs = ", ".join(
        f"struct({flat[name][0]} as {total}, {flat[name][1]} as {own}) as {name}"
        for name, (total, own) in counts.items()
    )
    source = Landing(landing.client, f"{landing.table}_rows")
    source.create()
    source.land(*rows)
    landing.client.query_and_wait(
        f"""create or replace table {landing.table} as select start_date as startDate, end_date as endDate, asin,
        struct(search_query as searchQuery, search_query_score as searchQueryScore,
               search_query_volume as searchQueryVolume) as searchQueryData, {structs} from {source.table}"""
    )


def test_rows_nested_as_amazons_own_report(landing: Landing, dataset: str, stages: Stages) -> None:
    expected = example(stages, landing)
    nested(landing, report_row("q"), report_row("Q ", week=date(2026, 11, 1)))
    own = Stages(settings_for(landing.table, dataset, source={"columns": NESTED_COLUMNS}), stages.dsn)
    run = own.sync(WEEK, force=True)
    assert run.errors == {}
    assert run["publish"]["unchanged"] == 1
    assert own.target() == expected
    assert own.sync("2026-11-01", SyncType.MONTHLY).errors == {}
    assert [row["active_weeks"] for row in own.target(SyncType.MONTHLY)] == [2]


def test_a_path_that_leads_nowhere_is_named(landing: Landing, dataset: str, stages: Stages) -> None:
    nested(landing, report_row("q"))
    columns = NESTED_COLUMNS | {"clicks": "clickData.asinClicks"}
    own = Stages(settings_for(landing.table, dataset, source={"columns": columns}), stages.dsn)
    error = own.sync(WEEK).errors["extract"]
    assert isinstance(error.__cause__, SourceUnusable)
    assert "column `clickData.asinClicks` (for clicks) is missing; the table has" in str(error)
    assert "clickdata.asinclickcount" in str(error).lower()


def test_a_landing_that_keeps_every_re_landing(landing: Landing, stages: Stages) -> None:
    """Three landings of one report: what only the newest says stands, and what it no longer has as it last was."""
    for landed_on, clicks in (("2026-11-18", 1), ("2026-11-25", 2), ("2026-12-02", 3)):
        landing.land(
            report_row("q", asin_click_count=clicks, ingested_at=f"{landed_on}T06:00:00Z"),
            report_row("month", week=date(2026, 11, 1), asin_click_count=clicks, ingested_at=f"{landed_on}T06:00:00Z"),
        )
    assert stages.sync(WEEK).errors == {}
    assert [row["total_clicks"] for row in stages.target()] == [3]
    assert stages.sync("2026-11-01", SyncType.MONTHLY).errors == {}
    assert {row["query"]: row["total_clicks"] for row in stages.target(SyncType.MONTHLY)} == {"month": 3, "q": 3}


def test_a_row_without_a_marketplace_is_a_reject_and_displaces_nothing(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"marketplace_id": "STRING"})
    newer = {"ingested_at": "2026-11-30T00:00:00Z"}
    landing.land(
        *(report_row(f"good {n}") | {"marketplace_id": "ATVPDKIKX0DER"} for n in range(200)),
        report_row("spaced") | {"marketplace_id": " ATVPDKIKX0DER "},
        report_row("good 1", **newer) | {"marketplace_id": None},
        report_row("good 2", **newer) | {"marketplace_id": " "},
        report_row("good 3", **newer) | {"marketplace_id": "A1PA6795UKMFR9"},
    )
    columns = {"ingested_at": "ingested_at", "marketplace": "marketplace_id"}
    source = {"columns": columns, "marketplace": "ATVPDKIKX0DER"}
    one = Stages(settings_for(landing.table, dataset, source=source), stages.dsn)
    assert one.sync(WEEK).errors == {}
    assert len(one.target()) == 201
    rejects = one.query("select reason, raw ->> 'search_query' as query from sync_rejects order by query")
    assert [row["query"] for row in rejects] == ["good 1", "good 2"]
    assert {row["reason"] for row in rejects} == {"unknown_feed"}


def test_two_marketplaces_in_one_table_never_mix(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create(COLUMNS | {"marketplace_id": "STRING"})
    for marketplace, clicks in (("ATVPDKIKX0DER", 1), ("A1PA6795UKMFR9", 2)):
        landing.land(report_row("q", asin_click_count=clicks) | {"marketplace_id": marketplace})
    columns = {"ingested_at": "ingested_at", "marketplace": "marketplace_id"}
    for marketplace, clicks in (("A1PA6795UKMFR9", 2), ("ATVPDKIKX0DER", 1)):
        one = Stages(
            settings_for(landing.table, dataset, source={"columns": columns, "marketplace": marketplace}), stages.dsn
        )
        for sync_type, first_day in ((SyncType.WEEKLY, WEEK), (SyncType.MONTHLY, "2026-11-01")):
            run = one.sync(first_day, sync_type, force=True)
            assert run.errors == {}
            assert [row["total_clicks"] for row in one.target(sync_type)] == [clicks]
            period = Period.containing(sync_type, WEEK)
            seen = Source(SqpBigQueryHook(), one.settings.source).window_totals(sync_type, [period])[period]
            assert (seen.totals.sums["total_clicks"], seen.fingerprint) == (clicks, run["extract"]["fingerprint"])


def test_the_newest_day_is_found_where_the_landing_has_odd_white_space(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"marketplace_id": "STRING", "report_period": "STRING"})
    odd = {"marketplace_id": "\u00a0ATVPDKIKX0DER ", "report_period": "\u00a0week"}
    landing.land(report_row("older", week=date(2026, 11, 1)) | odd)
    columns = {"marketplace": "marketplace_id", "report_period": "report_period"}
    source = {"columns": columns, "marketplace": "ATVPDKIKX0DER"}
    run = Stages(settings_for(landing.table, dataset, source=source), stages.dsn).sync(WEEK)
    assert "The newest period with usable rows is 2026-11-01..2026-11-07." in str(run.errors["extract"])
