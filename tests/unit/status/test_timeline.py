"""The geometry of the chart of one type."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sqp_provider.core.period import SyncType
from sqp_provider.status.models import PeriodStatus
from sqp_provider.status.story_models import Measured
from sqp_provider.status.timeline import CAP, HEIGHT, WIDTH, incomplete, short, timeline


def week(first_day: date, rows: int | None, **other: Any) -> Measured:
    """What was published of a week."""
    row = dict.fromkeys(Measured.model_fields) | {
        "sync_type": "weekly",
        "period_start": first_day,
        "period_end": first_day,
        "state": "synced",
        "rows": rows,
        "times_changed": 0,
    }
    return Measured.model_validate(row | other)


def test_bars_stand_on_the_axis_and_the_highest_stays_below_the_top() -> None:
    drawn = timeline(SyncType.WEEKLY, [week(date(2026, 11, 1), 19_001), week(date(2026, 11, 8), 0)])
    (part,) = drawn.parts
    assert part.marks == ("20k", "10k", "0")
    assert [bar.y + bar.height for bar in part.bars] == [HEIGHT + CAP, HEIGHT + CAP]
    assert part.bars[0].height == pytest.approx(76, abs=0.1)
    assert part.bars[1].height == 1
    assert (part.newest, drawn.dates) == ("0", [])


def test_a_week_that_is_not_known_leaves_a_gap() -> None:
    days = [date(2026, 9, 6), date(2026, 9, 13), date(2026, 11, 8)]
    drawn = timeline(SyncType.WEEKLY, [week(day, 5) for day in days])
    places = [round(bar.x / (WIDTH / 10)) for bar in drawn.parts[0].bars]
    assert places == [0, 1, 9]
    assert drawn.dates == [date(2026, 9, 6), date(2026, 10, 11), date(2026, 11, 8)]


def test_periods_of_long_ago_do_not_make_the_newest_bars_invisible() -> None:
    drawn = timeline(SyncType.WEEKLY, [week(date(2015, 1, 4), 5), week(date(2026, 11, 8), 6)])
    (bar,) = drawn.parts[0].bars
    assert (bar.period_start, bar.x + bar.width <= WIDTH, bar.width > 9) == (date(2026, 11, 8), True, True)


def test_measures_that_nobody_knows_are_left_out() -> None:
    drawn = timeline(SyncType.WEEKLY, [week(date(2026, 11, 8), None, purchases=3)])
    assert [part.title for part in drawn.parts] == ["Purchases of own ASINs"]
    assert timeline(SyncType.MONTHLY, []).parts == []


def test_a_bar_says_how_often_its_period_changed() -> None:
    rows = [week(date(2026, 11, day), 5, times_changed=times) for day, times in ((1, 1), (8, 3))]
    once, often = timeline(SyncType.WEEKLY, rows).parts[0].bars
    assert once.label == "2026-11-01 to 2026-11-01: 5 rows, changed once"
    assert often.label.endswith("5 rows, changed 3 times")
    assert once.is_restated


def test_a_period_of_which_more_is_to_come_is_drawn_hollow_and_says_so() -> None:
    def stands(day: date, **other: Any) -> PeriodStatus:
        row = dict.fromkeys(PeriodStatus.model_fields) | {"sync_type": "weekly", "status": "synced", "trusted": False}
        return PeriodStatus.model_validate(row | {"period_start": day, "period_end": day} | other)

    days = [date(2026, 10, 25), date(2026, 11, 1), date(2026, 11, 8)]
    periods = [
        stands(days[0], verdict="complete", asins_found=358, asins_expected=360),
        stands(days[1], verdict="arriving", asins_found=360, asins_expected=360),
        stands(days[2], verdict="arriving", asins_found=214, asins_expected=360),
        stands(date(2026, 11, 1), sync_type="monthly", state="derived", weeks_published=2, weeks_total=4),
        stands(date(2026, 10, 1), sync_type="monthly", state="derived", weeks_published=4, weeks_total=4),
    ]
    assert incomplete(periods, SyncType.MONTHLY) == {date(2026, 11, 1)}
    drawn = timeline(SyncType.WEEKLY, [week(day, 5) for day in days], incomplete(periods, SyncType.WEEKLY))
    assert [bar.is_incomplete for bar in drawn.parts[0].bars] == [False, False, True]
    assert drawn.parts[0].bars[2].label == "2026-11-08 to 2026-11-08: 5 rows, not complete"


@pytest.mark.parametrize(
    ("value", "says"),
    [(0, "0"), (500, "500"), (12_500, "12.5k"), (2_000_000, "2M"), (6_000_000_000, "6G")],
)
def test_the_marks_of_an_axis_are_short(value: float, says: str) -> None:
    assert short(value) == says
