"""Weeks from Sunday, months, quarters: from literal days, never from today."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqp_provider.core.errors import InvalidPeriod
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.restatement import stretches


@pytest.mark.parametrize(
    ("sync_type", "day", "first_day", "last_day"),
    [
        (SyncType.WEEKLY, date(2026, 11, 8), date(2026, 11, 8), date(2026, 11, 14)),
        (SyncType.WEEKLY, date(2026, 11, 14), date(2026, 11, 8), date(2026, 11, 14)),
        (SyncType.WEEKLY, date(2026, 1, 1), date(2025, 12, 28), date(2026, 1, 3)),
        (SyncType.MONTHLY, date(2026, 11, 30), date(2026, 11, 1), date(2026, 11, 30)),
        (SyncType.MONTHLY, date(2024, 2, 10), date(2024, 2, 1), date(2024, 2, 29)),
        (SyncType.MONTHLY, date(2026, 12, 31), date(2026, 12, 1), date(2026, 12, 31)),
        (SyncType.QUARTERLY, date(2026, 12, 31), date(2026, 10, 1), date(2026, 12, 31)),
        (SyncType.QUARTERLY, date(2026, 2, 28), date(2026, 1, 1), date(2026, 3, 31)),
    ],
)
def test_a_day_belongs_to_one_period(sync_type: SyncType, day: date, first_day: date, last_day: date) -> None:
    assert Period.containing(sync_type, day) == Period(sync_type, first_day, last_day)


@given(st.sampled_from(SyncType), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_periods_follow_each_other_without_gap_or_overlap(sync_type: SyncType, day: date) -> None:
    period = Period.containing(sync_type, day)
    assert period.first_day <= day <= period.last_day
    assert Period.containing(sync_type, period.next_first_day).first_day == period.last_day + timedelta(days=1)
    assert Period.starting(sync_type, period.first_day) == period
    assert Period.latest_before(sync_type, period.next_first_day) == period
    assert Period.latest_before(sync_type, period.last_day) < period


def test_a_week_that_starts_on_monday_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidPeriod) as refused:
        Period.starting(SyncType.WEEKLY, date(2026, 11, 9))
    assert str(refused.value) == (
        "2026-11-09 (Monday) is not the first day of a weekly period: the one it belongs to is "
        "2026-11-08..2026-11-14 and starts on 2026-11-08 (Sunday). The target is unchanged. "
        "Run again with period_start 2026-11-08."
    )


def test_a_period_says_what_it_is() -> None:
    period = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
    assert str(period) == "weekly 2026-11-08..2026-11-14"
    assert period.compact == "20261108"
    assert period.sync_type.target_table == "weekly_summary"
    assert [sync_type.period_type.report_period for sync_type in SyncType] == ["WEEK", "MONTH", "QUARTER"]


@pytest.mark.parametrize(
    ("sync_type", "day", "columns"),
    [
        (SyncType.WEEKLY, date(2026, 12, 27), {"period_end": date(2027, 1, 2)}),
        (SyncType.MONTHLY, date(2026, 1, 1), {"period_end": date(2026, 1, 31), "year": 2026, "month": 1}),
        (SyncType.MONTHLY, date(2026, 12, 1), {"period_end": date(2026, 12, 31), "year": 2026, "month": 12}),
        (SyncType.QUARTERLY, date(2026, 1, 1), {"period_end": date(2026, 3, 31), "year": 2026, "quarter": 1}),
        (SyncType.QUARTERLY, date(2026, 7, 1), {"period_end": date(2026, 9, 30), "year": 2026, "quarter": 3}),
        (SyncType.QUARTERLY, date(2026, 10, 1), {"period_end": date(2026, 12, 31), "year": 2026, "quarter": 4}),
    ],
)
def test_every_row_of_a_period_has_its_days_and_number(
    sync_type: SyncType, day: date, columns: dict[str, date | int]
) -> None:
    found = Period.starting(sync_type, day).columns
    assert found == {"period_start": day} | columns
    assert not any(isinstance(value, float) for value in found.values())  # 4.0 == 4, but no column is a float


@pytest.mark.parametrize(
    ("sync_type", "moment", "delay", "first_day"),
    [
        (SyncType.WEEKLY, datetime(2026, 11, 19), 4, date(2026, 11, 8)),
        (SyncType.WEEKLY, datetime(2026, 11, 18, 23, 59), 4, date(2026, 11, 1)),
        (SyncType.WEEKLY, datetime(2026, 11, 15), 0, date(2026, 11, 8)),
        (SyncType.MONTHLY, datetime(2026, 12, 8), 7, date(2026, 11, 1)),
        (SyncType.MONTHLY, datetime(2026, 12, 7, 23), 7, date(2026, 10, 1)),
        (SyncType.QUARTERLY, datetime(2027, 1, 8), 7, date(2026, 10, 1)),
    ],
)
def test_a_period_is_due_when_its_publication_delay_has_passed(
    sync_type: SyncType, moment: datetime, delay: int, first_day: date
) -> None:
    assert Period.latest_due(sync_type, moment, timedelta(days=delay)) == Period.starting(sync_type, first_day)


@pytest.mark.parametrize(
    ("sync_type", "newest", "first_days"),
    [
        (SyncType.WEEKLY, date(2026, 11, 8), [date(2026, 11, 8), date(2026, 11, 1), date(2026, 10, 25)]),
        (SyncType.MONTHLY, date(2026, 2, 1), [date(2026, 2, 1), date(2026, 1, 1), date(2025, 12, 1)]),
        (SyncType.QUARTERLY, date(2026, 4, 1), [date(2026, 4, 1), date(2026, 1, 1), date(2025, 10, 1)]),
    ],
)
def test_looking_back_finds_the_periods_before(sync_type: SyncType, newest: date, first_days: list[date]) -> None:
    period = Period.starting(sync_type, newest)
    assert period.with_previous(3) == [Period.starting(sync_type, day) for day in first_days]
    assert period.with_previous(0) == []


@pytest.mark.parametrize(
    ("sync_type", "day"),
    [
        (SyncType.WEEKLY, date(1, 1, 1)),
        (SyncType.WEEKLY, date(9999, 12, 26)),
        (SyncType.MONTHLY, date(9999, 12, 1)),
        (SyncType.QUARTERLY, date(9999, 10, 1)),
    ],
)
def test_a_period_beyond_the_calendar_is_refused(sync_type: SyncType, day: date) -> None:
    with pytest.raises(InvalidPeriod) as refused:
        Period.starting(sync_type, day)
    assert str(refused.value) == (
        f"the {sync_type} period of {day} does not lie within the years 1 to 9999. "
        "The target is unchanged. Run again with a day such as 2026-11-08."
    )


def test_a_look_back_reads_neighbours_together_and_nothing_between() -> None:
    newest = Period.starting(SyncType.WEEKLY, date(2026, 11, 8)).with_previous(6)
    periods = [*newest[:3], newest[5]]
    assert stretches(periods, longest=8) == [newest[:3], newest[5:]]
    assert stretches(periods, longest=2) == [newest[:2], newest[2:3], newest[5:]]
    assert stretches([], longest=8) == []


@pytest.mark.parametrize(
    ("sync_type", "first_day", "last_day", "expected"),
    [
        (SyncType.WEEKLY, date(2026, 11, 8), date(2026, 11, 14), "2026-11-19"),
        (SyncType.MONTHLY, date(2026, 2, 1), date(2026, 2, 28), "2026-03-05"),
        (SyncType.QUARTERLY, date(2026, 10, 1), date(2026, 12, 31), "2027-01-05"),
    ],
)
def test_a_period_that_has_not_ended_says_when_it_may_be_synced(
    sync_type: SyncType, first_day: date, last_day: date, expected: str
) -> None:
    period, day = Period.starting(sync_type, first_day), last_day + timedelta(days=1)
    period.refuse_unless_ended(day, timedelta(days=4))
    with pytest.raises(InvalidPeriod) as refused:
        period.refuse_unless_ended(last_day, timedelta(days=4))
    assert str(refused.value) == (
        f"{period} has not ended: it ends on {last_day} and may be synced from {day} on. "
        f"Its figures are expected on {expected}. The target is unchanged. "
        "Clear the run then, or leave the period to the schedule."
    )
