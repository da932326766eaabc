"""The line that says what a publish changed in a period that was published before."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.restated import Restated

WEEK = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
ROW = {
    "inserted": 0,
    "updated": 12_000,
    "deleted": 345,
    "totals_before": {"rows": 19_001, "total_impressions": 1_204_000},
    "totals": {"rows": 18_656, "total_impressions": 1_530_000},
}


def restated(**other: Any) -> Restated:
    return Restated.from_row(WEEK, 12, ROW | other)


def test_the_line_says_rows_impressions_and_sync() -> None:
    assert str(restated()) == (
        "week 2026-11-08..2026-11-14 was restated: 12,345 of 19,001 rows changed, "
        "impressions 1,204,000 to 1,530,000 (+27.1 %), sync 12"
    )


def test_new_rows_are_said_beside_those_that_changed() -> None:
    assert "12,345 of 19,001 rows changed, 7 are new, impressions" in str(restated(inserted=7))


def test_fewer_impressions_have_a_minus_and_none_before_no_percentage() -> None:
    fewer = {"rows": 18_656, "total_impressions": 602_000}
    assert "1,204,000 to 602,000 (-50.0 %), sync" in str(restated(totals=fewer))
    nothing = {"rows": 19_001, "total_impressions": 0}
    assert "impressions 0 to 1,530,000, sync 12" in str(restated(totals_before=nothing))


@pytest.mark.parametrize(
    ("changed", "fraction", "is_above"),
    [(250, 0.25, False), (251, 0.25, True), (1000, None, False), (1, 0.0, True), (0, 0.0, False)],
)
def test_a_restatement_is_large_above_a_part_of_the_published_rows(
    changed: int, fraction: float | None, is_above: bool
) -> None:
    before = {"rows": 1000, "total_impressions": 1}
    found = restated(updated=changed, deleted=0, totals_before=before)
    assert found.is_above(fraction) is is_above


def test_rows_that_only_arrive_are_no_restatement() -> None:
    before = {"rows": 44, "total_impressions": 1}
    assert not restated(inserted=956, updated=0, deleted=0, totals_before=before).is_above(0.25)
