"""The totals of a period at the source."""

from __future__ import annotations

import pytest

from sqp_provider.core.snapshot import Balance, PeriodTotals, Totals

SUMS = {
    "total_impressions": 1,
    "total_clicks": 2,
    "total_cart_adds": 3,
    "total_purchases": 4,
    "market_impressions": 5,
    "market_clicks": 6,
    "market_cart_adds": 7,
    "market_purchases": 8,
}
NULLS = {column: 20 + total for column, total in SUMS.items()}
ROW = {
    "row_count": 1000,
    "key_count": 990,
    "row_hash": 42,
    "reject_count": 13,
    "reject_hash": 43,
    "source_rows": 1020,
    "merged_rows": 3,
    "differing_rows": 2,
    "first_feed": None,
    "last_feed": None,
    **SUMS,
    **{f"{column}_nulls": number for column, number in NULLS.items()},
}


def test_totals_are_read_from_their_row() -> None:
    assert PeriodTotals.from_row(ROW) == PeriodTotals(
        totals=Totals(row_count=1000, key_count=990, row_hash=42, sums=SUMS, nulls=NULLS),
        reject_count=13,
        source_rows=1020,
        merged_rows=3,
        differing_rows=2,
        fingerprint="2fcf5fc7f8c7344477cacd7c288cf0e9",
    )


@pytest.mark.parametrize(
    "column", sorted(ROW.keys() - {"source_rows", "merged_rows", "differing_rows", "first_feed", "last_feed"})
)
def test_a_restatement_of_any_total_changes_the_fingerprint(column: str) -> None:
    restated = ROW | {column: ROW[column] + 1}
    assert PeriodTotals.from_row(restated).fingerprint != PeriodTotals.from_row(ROW).fingerprint


def test_rows_that_landed_twice_leave_the_fingerprint() -> None:
    landed_twice = ROW | {"source_rows": 2040, "merged_rows": 4, "differing_rows": 7}
    assert PeriodTotals.from_row(landed_twice).fingerprint == PeriodTotals.from_row(ROW).fingerprint


def test_the_landed_rows_add_up() -> None:
    balance = PeriodTotals.from_row(ROW).balance
    assert balance == Balance(landed=1020, published=1000, rejected=13, superseded=4, merged=3)
    assert str(balance) == "1,020 rows landed = 1,000 published + 13 rejected + 4 superseded copies + 3 merged"
