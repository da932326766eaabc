"""Totals in, one result a check out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sqp_provider.core.quality import CheckResult, Staged
from tests.unit.core.checks import FAILED, NO_NULLS, PASSED, SOURCE, STAGED, WARNING, checked, result

ALL_PASSED = [
    result("row_count", PASSED, (1000, 1000), "rows: both 1,000"),
    result("row_hash", PASSED, (42, 42), "hash over every row: both 42"),
    result("sum_validation", PASSED, (81_204, 81_204), "sum of total_impressions: both 81,204", "total_impressions"),
    result("sum_validation", PASSED, (2_310, 2_310), "sum of total_clicks: both 2,310", "total_clicks"),
    result("null_check", PASSED, (0, 0), "period_start is never NULL", "period_start"),
    result("null_check", PASSED, (0, 0), "query is never NULL", "query"),
    result("null_check", PASSED, (0, 0), "asin is never NULL", "asin"),
    result("null_check", PASSED, (0, 0), "total_impressions is never NULL", "total_impressions"),
    result("null_check", PASSED, (0, 0), "total_clicks is never NULL", "total_clicks"),
    result(
        "duplicate_check",
        PASSED,
        (0, 0),
        "duplicate_check: 0 rows of the snapshot and 0 staged rows repeat a key",
    ),
    result("range_check", PASSED, (0, 0), "0 rows have a rate above 9,999.999999, which is stored as NULL", "rate"),
    result("range_check", PASSED, (0, 0), "0 rows have a share outside 0 to 1", "share"),
    result("range_check", PASSED, (0, 0), "0 rows have more clicks than impressions", "total_clicks"),
    result(
        "reject_rate",
        PASSED,
        (1000, 1000),
        "reject_rate: 0 of 1,000 rows are malformed (0.00%); sync_rejects has the reasons",
        rejects=0,
        rows=1000,
    ),
    result(
        "superseded_copies",
        PASSED,
        (0, 0),
        "0 of 0 superseded copies have other figures than the newest landing of their row",
        superseded=0,
    ),
    result(
        "volume_anomaly",
        PASSED,
        (1000, 1000),
        "1,000 rows, the median of the last 3 periods is 1,000",
        recent_rows=[990, 1000, 1010],
    ),
    result("asin_coverage", PASSED, (40, 40), "0 of the 40 ASINs of 2026-11-01 are missing", "asin"),
]


def staged(**change: Any) -> Staged:
    """Staged rows with other totals than the source."""
    return replace(STAGED, totals=STAGED.totals.model_copy(update=change))


def test_equal_sides_pass_every_check() -> None:
    assert checked() == ALL_PASSED


@pytest.mark.parametrize(
    ("given", "noticed"),
    [
        (
            {"staged": staged(row_count=999, key_count=999)},
            result("row_count", FAILED, (1000, 999), "row_count (rows): source 1,000, staged 999 (-1)"),
        ),
        (
            {"staged": staged(row_hash=43)},
            result("row_hash", FAILED, (42, 43), "row_hash (hash over every row): source 42, staged 43 (+1)"),
        ),
        (
            {"staged": staged(sums={"total_impressions": 81_204, "total_clicks": 1_310})},
            result(
                "sum_validation",
                FAILED,
                (2_310, 1_310),
                "sum_validation (sum of total_clicks): source 2,310, staged 1,310 (-1,000)",
                "total_clicks",
            ),
        ),
        (
            {"staged": staged(nulls=NO_NULLS | {"asin": 2_000})},
            result("null_check", FAILED, (0, 2_000), "null_check: asin is NULL in 2,000 staged rows", "asin"),
        ),
        (
            {"source": SOURCE.model_copy(update={"nulls": {"total_impressions": 0, "total_clicks": 3_000}})},
            result(
                "null_check",
                WARNING,
                (3_000, 0),
                "total_clicks is NULL in 3,000 source rows, loaded as 0; ask whoever lands the report",
                "total_clicks",
            ),
        ),
        (
            {"source": SOURCE.model_copy(update={"key_count": 990})},
            result(
                "duplicate_check",
                FAILED,
                (10, 0),
                "duplicate_check: 10 rows of the snapshot and 0 staged rows repeat a key",
            ),
        ),
        (
            {"staged": staged(key_count=985)},
            result(
                "duplicate_check",
                FAILED,
                (0, 15),
                "duplicate_check: 0 rows of the snapshot and 15 staged rows repeat a key",
            ),
        ),
        (
            {"staged": replace(STAGED, rates_too_large=3)},
            result(
                "range_check",
                WARNING,
                (0, 3),
                "3 rows have a rate above 9,999.999999, which is stored as NULL; the figures are the source's own, "
                "ask whoever lands the report",
                "rate",
            ),
        ),
        (
            {"staged": replace(STAGED, shares_out_of_range=2)},
            result(
                "range_check",
                WARNING,
                (0, 2),
                "2 rows have a share outside 0 to 1; the figures are the source's own, ask whoever lands the report",
                "share",
            ),
        ),
        (
            {"staged": replace(STAGED, clicks_above_impressions=2)},
            result(
                "range_check",
                WARNING,
                (0, 2),
                "2 rows have more clicks than impressions; the figures are the source's own, "
                "ask whoever lands the report",
                "total_clicks",
            ),
        ),
    ],
)
def test_what_differs_is_noticed_by_its_check_alone(given: dict[str, Any], noticed: CheckResult) -> None:
    assert [result for result in checked(**given) if result not in ALL_PASSED] == [noticed]
