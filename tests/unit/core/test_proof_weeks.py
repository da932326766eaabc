"""What the sum of weeks proves: which weeks are in it, which are missing, which are not due yet."""

from __future__ import annotations

from datetime import date

import pytest

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.proof_report import Line
from sqp_provider.core.proof_weeks import Weeks

NOVEMBER = Period.starting(SyncType.MONTHLY, date(2026, 11, 1))
DAYS = [date(2026, 11, day) for day in (1, 8, 15, 22, 29)]


def weeks(*states: str, newest_due: int = 29, feed: str | None = None) -> Weeks:
    """The weeks of November, some with a status."""
    stand = {day: status for day, status in zip(DAYS, states, strict=False) if status}
    return Weeks(NOVEMBER, stand, date(2026, 11, newest_due), "sqp_weekly_sync", feed)


def test_the_weeks_of_a_feed_are_proved_with_its_name() -> None:
    lines = weeks("synced", newest_due=8, feed="acme_us").section().lines
    assert lines[:3] == [
        Line("2026-11-01..2026-11-07", "synced: sqp prove weekly 2026-11-01 --feed acme_us"),
        Line("2026-11-08..2026-11-14", "missing: sqp prove weekly 2026-11-08 --feed acme_us"),
        Line("2026-11-15..2026-11-21", "not due yet: sqp prove weekly 2026-11-15 --feed acme_us"),
    ]


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (weeks(*["synced"] * 5), "sum of the weeks"),
        (weeks(*["synced"] * 3, newest_due=15), "sum of its 3 of 5 weeks that are synced so far"),
        (weeks(*["synced"] * 4, "deleted"), "sum of its 4 of 5 weeks that are synced"),
    ],
)
def test_a_sum_without_doubted_weeks_says_how_many_it_has(found: Weeks, name: str) -> None:
    assert (found.doubted, found.sum_name) == ({}, name)


def test_a_week_that_is_due_and_missing_makes_the_sum_doubtful_and_one_that_is_not_due_does_not() -> None:
    found = weeks("synced", "", "synced", newest_due=15)
    assert found.doubt() == (
        "monthly 2026-11-01..2026-11-30 equals the sum of its weeks, but only 2 of 5 weeks are synced; "
        "missing: 2026-11-08",
        "To publish what is missing, trigger sqp_weekly_sync with period start 2026-11-08.",
    )


def test_a_sum_of_doubted_weeks_says_which_and_how_they_are_proved() -> None:
    found = weeks("synced", "overwritten", "deleted", "failed", feed="acme_us")
    assert found.doubt() == (
        "monthly 2026-11-01..2026-11-30 equals the sum of its weeks, but only 1 of 5 weeks is synced; "
        "overwritten: 2026-11-08; failed: 2026-11-22; missing: 2026-11-29",
        "To publish what is missing, trigger sqp_weekly_sync with period start 2026-11-29. Prove what it is summed "
        "from: sqp prove weekly 2026-11-08 --feed acme_us; sqp prove weekly 2026-11-22 --feed acme_us",
    )
