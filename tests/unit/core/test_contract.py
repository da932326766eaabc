"""What a row carries, and the reasons for which one is rejected."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sqp_provider.core.contract import EXTRAS, REJECT_REASONS, copied_of, counts_of, measures_of, values_of
from sqp_provider.core.period import SyncType

STATEMENT = Path(__file__).parents[3] / "sql" / "source_rows.sql"


def test_each_reason_that_the_statement_gives_has_an_explanation() -> None:
    given = set(re.findall(r"then '(\w+)'|\"'(\w+)'\"", STATEMENT.read_text(encoding="utf-8")))
    assert {first or second for first, second in given} == REJECT_REASONS.keys()


def test_a_row_carries_its_counts_then_its_rates() -> None:
    counts = (
        "total_impressions",
        "total_clicks",
        "total_cart_adds",
        "total_purchases",
        "market_impressions",
        "market_clicks",
        "market_cart_adds",
        "market_purchases",
        "query_score",
        "query_volume",
    )
    rates = ("avg_ctr", "avg_cvr", "impression_share", "click_share", "cart_add_share", "purchase_share")
    assert counts_of(SyncType.WEEKLY) == counts
    assert measures_of(SyncType.WEEKLY) == (*counts, *rates)
    assert values_of(SyncType.WEEKLY) == (*counts, *rates, *EXTRAS)


def test_an_extra_is_copied_only_where_the_source_has_it() -> None:
    assert copied_of(SyncType.WEEKLY) == ("query", "asin", *measures_of(SyncType.WEEKLY))
    found = copied_of(SyncType.WEEKLY, {"currency", "click_price"})
    assert found == ("query", "asin", *measures_of(SyncType.WEEKLY), "click_price", "currency")
    assert set(EXTRAS).isdisjoint(counts_of(SyncType.MONTHLY))


@pytest.mark.parametrize("sync_type", [SyncType.MONTHLY, SyncType.QUARTERLY])
def test_a_month_also_carries_its_number_of_weeks(sync_type: SyncType) -> None:
    assert counts_of(sync_type)[-2:] == ("query_volume", "active_weeks")
    assert measures_of(sync_type)[9:12] == values_of(sync_type)[9:12] == ("query_volume", "active_weeks", "avg_ctr")
