"""What is recorded of a check, what it reads of the staged rows, and the error of those that failed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sqp_provider.core.errors import ChecksFailed
from sqp_provider.core.quality import CheckResult, CheckStatus, Staged, refuse_failed
from sqp_provider.core.snapshot import Totals
from tests.unit.core.checks import FAILED, PASSED, WARNING, result
from tests.unit.core.runs import SYNC

STAGED = "sqp_staging.weekly_summary_20261108_12"
ROWS = result("row_count", FAILED, (1000, 999), "row_count (rows): source 1,000, staged 999 (-1)")
HASH = result("row_hash", FAILED, (42, 43), "row_hash (hash over every row): source 42, staged 43 (+1)")
DOUBT = result("range_check", WARNING, (0, 1), "1 rows have a share outside 0 to 1", "share")
FINE = result("null_check", PASSED, (0, 0), "asin is never NULL", "asin")


@pytest.mark.parametrize(
    ("source", "target", "percent"),
    [
        (81_204, 81_190, "-0.02"),
        (3, 1, "-66.67"),
        (-4, -2, "50.00"),
        (1, 10**12, "99999999.99"),
        (1, -(10**12), "-99999999.99"),
        (0, 5, None),
    ],
)
def test_a_large_difference_is_clamped_to_what_the_column_holds(source: int, target: int, percent: str | None) -> None:
    result = CheckResult("row_count", CheckStatus.FAILED, Decimal(source), Decimal(target), "m")
    assert result.difference == target - source
    assert result.difference_pct == (percent and Decimal(percent))


def test_without_a_source_value_there_is_no_difference() -> None:
    result = CheckResult("volume_anomaly", CheckStatus.PASSED, None, Decimal(1), "m")
    assert (result.difference, result.difference_pct) == (None, None)


def test_staged_rows_are_read_with_the_nulls_of_key_and_counts() -> None:
    sums = {
        "total_impressions": 1,
        "total_clicks": 2,
        "total_cart_adds": 3,
        "total_purchases": 4,
        "market_impressions": 5,
        "market_clicks": 6,
        "market_cart_adds": 7,
        "market_purchases": 8,
    }
    nulls = {"period_start": 11, "query": 12, "asin": 13} | {column: 20 + total for column, total in sums.items()}
    row = (
        {"row_count": 1000, "row_hash": 42}
        | {"rates_too_large": 30, "shares_out_of_range": 31, "clicks_above_impressions": 32}
        | {column: Decimal(total) for column, total in sums.items()}
        | {f"{column}_nulls": number for column, number in nulls.items()}
    )
    totals = Totals(row_count=1000, key_count=990, row_hash=42, sums=sums, nulls=nulls)
    assert Staged.from_row(row, key_count=990) == Staged(totals, 30, 31, 32)


def test_failed_checks_stop_the_sync_with_all_their_values() -> None:
    with pytest.raises(ChecksFailed) as stopped:
        refuse_failed(SYNC, STAGED, [ROWS, DOUBT, HASH, FINE])
    assert str(stopped.value) == (
        "weekly 2026-11-08..2026-11-14: 2 of 4 checks failed on sqp_staging.weekly_summary_20261108_12: "
        "row_count (rows): source 1,000, staged 999 (-1); "
        "row_hash (hash over every row): source 42, staged 43 (+1). "
        "The target is unchanged. The staged rows are kept, so that you can query them. "
        "Clear 'load' to stage them again, or 'extract' to take a new snapshot."
    )


def test_a_warning_does_not_stop_the_sync() -> None:
    refuse_failed(SYNC, STAGED, [DOUBT, FINE])
