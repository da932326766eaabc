"""Every figure of the target, to the last digit, against a recomputation by other means. Zero differences."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest
from google.cloud import bigquery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import Settings
from tests.fixtures import settings_for
from tests.integration.exactness.recompute import recompute
from tests.landing import COLUMNS, EVERY_EXTRA, EXTRA_COLUMNS, MEDIAN_PRICES, SHIPPING_COUNTS, WEEK, Landing, report_row
from tests.stages import Run, Stages

EVERY_CHARACTER = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
WHITE_SPACE = st.sampled_from([" ", "  ", "\t", "\n", "\u00a0", "\u2003", "\u3000", "\x85", "\v"])
SPELLINGS = st.builds(
    lambda before, first, between, second, after: f"{before}{first}{between}{second}{after}",
    st.sampled_from(["", " ", "\t"]),
    st.sampled_from(["wireless", "WIRELESS", "Wireless"]),
    WHITE_SPACE,
    st.sampled_from(["headphones", "Headphones", "écouteurs", "ÉCOUTEURS", "سماعات", "🎧", "\ufffc"]),
    st.sampled_from(["", " ", "\u2009"]),
)
QUERIES = (
    SPELLINGS | SPELLINGS | EVERY_CHARACTER | st.sampled_from([None, "", "  ", "a\0b", "'\"\\", "x" * 2000, "é" * 1400])
)
ASINS = st.sampled_from(
    ["B00TEST001", "B00TEST001", "b00test001", " B00TEST001 ", "B00TEST002", "B00", "B00-EST001", None]
)
COUNTS = st.sampled_from([0, 1, 2, 3, 5, 7, 64, 125, 128, 765, 10_000, 2**31 + 11, 2**36, 2**40]) | st.integers(0, 1000)
COUNTS_WITH_HOLES = COUNTS | COUNTS | COUNTS | st.sampled_from([None, -1])
LANDINGS = st.sampled_from(["2026-11-18T06:00:00Z", "2026-11-19T06:00:00Z", None])
FIRST_DAYS = st.sampled_from(["2026-11-08"] * 8 + ["2026-11-09", "2026-11-01", "2026-11-15", None])
LAST_DAYS = st.sampled_from(["2026-11-14"] * 8 + ["2026-11-15", "2026-11-07", None])
ROWS = st.fixed_dictionaries(
    {
        "start_date": FIRST_DAYS,
        "end_date": LAST_DAYS,
        "asin": ASINS,
        "search_query": QUERIES,
        "search_query_score": COUNTS_WITH_HOLES,
        "search_query_volume": COUNTS_WITH_HOLES,
        "total_query_impression_count": COUNTS_WITH_HOLES,
        "asin_impression_count": COUNTS_WITH_HOLES,
        "total_click_count": COUNTS_WITH_HOLES,
        "asin_click_count": COUNTS_WITH_HOLES,
        "total_cart_add_count": COUNTS_WITH_HOLES,
        "asin_cart_add_count": COUNTS_WITH_HOLES,
        "total_purchase_count": COUNTS_WITH_HOLES,
        "asin_purchase_count": COUNTS_WITH_HOLES,
        "ingested_at": LANDINGS,
    }
)

AMOUNTS = st.sampled_from(["0", "1", "12.34", "12.34", "19.99", "9.995", "0.0001", "1980", "99999.9999", "0.1"])
AMOUNTS_AS_TEXT = (
    AMOUNTS
    | AMOUNTS
    | st.sampled_from(
        [
            "1,234.50",
            " 7.5 ",
            "12.3400",
            "9999999999.9999",
            "12,34",
            "1,234",
            "$5",
            "1e3",
            "-1.50",
            "1.23456",
            "10000000000",
        ]
    )
)
EVERY_FIGURE = ROWS.flatmap(
    lambda row: st.fixed_dictionaries(
        {
            **{name: st.none() | COUNTS for name in SHIPPING_COUNTS},
            **{
                name: st.none() | (AMOUNTS_AS_TEXT if EXTRA_COLUMNS[name] == "STRING" else AMOUNTS)
                for name in MEDIAN_PRICES
            },
            "currency_code": st.sampled_from(["USD", "USD", "USD", "usd", "JPY", "", None, "US Dollar"]),
        }
    ).map(lambda extras: row | extras)
)


@pytest.fixture
def settings_of_stages(landing: Landing, dataset: str) -> Settings:
    """Whatever part of the rows is malformed, the rest has to arrive."""
    return settings_for(landing.table, dataset, checks={"reject_rate_fail": 1.0}, target={"max_delete_fraction": 1.0})


@pytest.fixture
def tolerant(stages: Stages, settings_of_stages: Settings) -> Stages:
    return Stages(settings_of_stages, stages.dsn)


def assert_equal_to_recomputation(stages: Stages, run: Run, raw: list[dict[str, Any]], week: date = WEEK) -> None:
    expected = recompute(raw, Period.starting(SyncType.WEEKLY, week))
    actual = stages.target()
    assert [(row["query"], row["asin"]) for row in actual] == [(row["query"], row["asin"]) for row in expected.rows]
    for row, wanted in zip(actual, expected.rows, strict=True):
        assert row == wanted
    rejects = stages.query(
        "select reason from sync_rejects where sync_log_id = %s and attempt = %s", run["log_start"], 1
    )
    assert Counter(reject["reason"] for reject in rejects) == Counter(expected.rejects)
    metadata = stages.log(run)["sync_metadata"]
    assert metadata["rows"] == expected.balance
    assert metadata["snapshot"]["differing_rows"] == expected.differing
    assert run["extract"]["source_rows"] == sum(expected.balance.values()) - expected.balance["landed"]


def with_copies(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same report landed again, in full, and in part with other figures."""
    again = [row | {"ingested_at": "2026-11-20T06:00:00Z", "asin_click_count": 4} for row in rows[::3]]
    return [*rows, *rows[::2], *again]


def test_the_traps_of_earlier_systems(landing: Landing, tolerant: Stages) -> None:
    raw = [
        report_row("plain"),
        report_row("tie", asin_click_count=1, asin_impression_count=128),  # 0.0078125: a tie at six places
        report_row("tie of large numbers", asin_click_count=3, asin_impression_count=3_200_000),
        report_row("a third", asin_click_count=1, asin_impression_count=3),
        report_row("two thirds", asin_click_count=2, asin_impression_count=3),
        report_row("nothing at all", asin_impression_count=0, asin_click_count=0, total_query_impression_count=0),
        report_row("no figure", asin_click_count=None, asin_purchase_count=None, total_click_count=None),
        report_row("beyond an integer", asin_impression_count=2**31 + 5, total_query_impression_count=2**36),
        report_row("beyond reason", total_query_impression_count=2**40),
        report_row("Merged  Spelling", search_query_score=9, search_query_volume=10),
        report_row("merged spelling", search_query_score=3, search_query_volume=70),
        report_row("merged\tspelling ", search_query_score=7, search_query_volume=20),
        report_row("landed twice"),
        report_row("landed twice"),
        report_row("restated", asin_click_count=1),
        report_row("restated", asin_click_count=2, ingested_at="2026-11-20T06:00:00Z"),
        report_row("contradiction", asin_click_count=1),
        report_row("contradiction", asin_click_count=2),
        report_row("monday", start_date="2026-11-09"),
        report_row("other week", start_date="2026-11-01", end_date="2026-11-07"),
        report_row("no dates", start_date=None, end_date=None),
        report_row("no asin", asin=None),
        report_row("", asin="B00TEST002"),
        report_row("more than one", asin_click_count=50_000, asin_impression_count=1),
        report_row("negative", asin_purchase_count=-3),
    ]
    landing.replace(*raw)
    run = tolerant.sync(WEEK)
    assert run.colour == "success"
    assert_equal_to_recomputation(tolerant, run, raw)


@given(rows=st.lists(ROWS, min_size=1, max_size=40))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_week_over_any_other(
    rows: list[dict[str, Any]], landing: Landing, tolerant: Stages, bigquery_client: bigquery.Client
) -> None:
    """Each example replaces the source of the one before, so every publish but the first writes a difference."""
    raw = with_copies(rows)
    landing.replace(*raw)
    run = tolerant.sync(WEEK, allow_empty=True, force=True)
    assert run.errors == {}
    assert_equal_to_recomputation(tolerant, run, raw)


@given(rows=st.lists(EVERY_FIGURE, min_size=1, max_size=30))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_week_of_a_landing_that_has_every_figure(
    rows: list[dict[str, Any]], landing: Landing, dataset: str, tolerant: Stages, bigquery_client: bigquery.Client
) -> None:
    """Amounts land as text, FLOAT64 and NUMERIC, and none is rounded on the way."""
    columns = {"ingested_at": "ingested_at"} | EVERY_EXTRA
    tolerant.settings = settings_for(
        landing.table,
        dataset,
        source={"columns": columns},
        checks={"reject_rate_fail": 1.0},
        target={"max_delete_fraction": 1.0},
    )
    raw = with_copies(rows)
    landing.create(COLUMNS | EXTRA_COLUMNS)
    landing.land(*raw)
    run = tolerant.sync(WEEK, allow_empty=True, force=True)
    assert run.errors == {}
    assert_equal_to_recomputation(tolerant, run, raw)
