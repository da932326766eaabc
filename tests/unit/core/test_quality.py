"""Totals in, one result a check out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sqp_provider.core.contract import KEYS, METRICS
from sqp_provider.core.quality import CheckResult, CheckStatus, Earlier, Staged, check_period
from sqp_provider.core.settings import CheckSettings
from sqp_provider.core.snapshot import Snapshot, Totals

COLUMNS = [metric.column for metric in METRICS]


def totals(**change: Any) -> Totals:
    values = {
        "row_count": 1000,
        "key_count": 1000,
        "row_hash": 42,
        "sums": dict.fromkeys(COLUMNS, 81_204),
        "nulls": dict.fromkeys((*KEYS, *COLUMNS), 0),
    }
    return Totals.model_validate(values | change)


def snapshot(source: Totals, rejects: int = 0) -> Snapshot:
    return Snapshot(
        table="p.d.t",
        job_id="j",
        totals=source,
        reject_count=rejects,
        source_rows=1000,
        fingerprint="f",
        bytes_processed=0,
        snapshot_at=datetime(2026, 11, 18, tzinfo=UTC),
    )


def results(
    source: Totals | None = None,
    target: Totals | None = None,
    *,
    rejects: int = 0,
    shares: int = 0,
    clicks: int = 0,
    recent: tuple[int, ...] = (),
    earlier: Earlier | None = None,
) -> dict[tuple[str, str | None], CheckResult]:
    staged = Staged(target or totals(), shares, clicks)
    before = earlier or Earlier(recent)
    found = check_period(snapshot(source or totals(), rejects), staged, before, COLUMNS, CheckSettings())
    return {(result.check_type, result.column_name): result for result in found}


def test_equal_sides_pass_every_check() -> None:
    found = results()
    assert {result.check_status for result in found.values()} == {CheckStatus.PASSED}
    assert len(found) == 1 + 1 + len(COLUMNS) + len(KEYS) + len(COLUMNS) + 1 + 2 + 1 + 1 + 1


@pytest.mark.parametrize(
    ("target", "check", "message"),
    [
        ({"row_count": 999, "key_count": 999}, ("row_count", None), "row_count (rows): source 1,000, staged 999 (-1)"),
        ({"row_hash": 43}, ("row_hash", None), "row_hash (hash over every row): source 42, staged 43 (+1)"),
        (
            {"sums": dict.fromkeys(COLUMNS, 81_204) | {"total_clicks": 81_190}},
            ("sum_validation", "total_clicks"),
            "sum_validation (sum of total_clicks): source 81,204, staged 81,190 (-14)",
        ),
        ({"nulls": dict.fromkeys((*KEYS, *COLUMNS), 0) | {"asin": 2}}, ("null_check", "asin"), "NULL in 2 staged rows"),
        ({"key_count": 990}, ("duplicate_check", None), "10 staged rows repeat a key"),
    ],
)
def test_a_difference_fails_its_check_and_says_both_values(
    target: dict[str, Any], check: tuple[str, str | None], message: str
) -> None:
    found = results(target=totals(**target))
    assert {key for key, result in found.items() if result.check_status is CheckStatus.FAILED} == {check}
    assert message in found[check].check_message


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"source": totals(nulls=dict.fromkeys(COLUMNS, 0) | {"total_clicks": 3})}, ("null_check", "total_clicks")),
        ({"shares": 1}, ("range_check", "share")),
        ({"clicks": 1}, ("range_check", "total_clicks")),
        ({"rejects": 1}, ("reject_rate", None)),
        ({"recent": (400, 500, 600)}, ("volume_anomaly", None)),
        ({"recent": (10_000, 11_000)}, ("volume_anomaly", None)),
    ],
)
def test_a_doubt_warns_and_does_not_fail(change: dict[str, Any], check: tuple[str, str | None]) -> None:
    found = results(**change)
    assert {key for key, result in found.items() if result.check_status is not CheckStatus.PASSED} == {check}
    assert found[check].check_status is CheckStatus.WARNING


def test_one_reject_in_a_hundred_is_the_limit() -> None:
    assert results(rejects=10)["reject_rate", None].check_status is CheckStatus.WARNING
    assert results(rejects=11)["reject_rate", None].check_status is CheckStatus.FAILED


def test_an_empty_period_has_no_rate() -> None:
    empty = totals(row_count=0, key_count=0)
    found = results(empty, empty, recent=(0, 0))
    assert found["reject_rate", None].check_status is CheckStatus.PASSED
    assert found["volume_anomaly", None].check_status is CheckStatus.PASSED


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


def test_asins_that_are_missing_now_are_named() -> None:
    earlier = Earlier((), date(2026, 11, 1), asins=40, asins_missing=12, examples=[f"B00TEST{n:03}" for n in range(10)])
    check = results(earlier=earlier)["asin_coverage", "asin"]
    assert (check.check_status, check.source_value, check.target_value) == (CheckStatus.WARNING, 40, 28)
    assert "12 of the 40 ASINs of 2026-11-01 are missing (B00TEST000, B00TEST001," in check.check_message
    assert "B00TEST009, …); reports arrive ASIN by ASIN" in check.check_message
    none_missing = Earlier((), date(2026, 11, 1), asins=40)
    assert results(earlier=none_missing)["asin_coverage", "asin"].check_status is CheckStatus.PASSED
