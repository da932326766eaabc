"""Which periods rows are of, by their dates alone."""

from __future__ import annotations

from datetime import date

import pytest

from sqp_provider.core.grain import DatedRows, Grain
from sqp_provider.core.period import Period, SyncType

SUNDAY, SATURDAY = date(2026, 11, 8), date(2026, 11, 14)
WEEK = Period.starting(SyncType.WEEKLY, SUNDAY)
NOVEMBER = Period.starting(SyncType.MONTHLY, date(2026, 11, 1))


@pytest.mark.parametrize(
    ("first", "last", "report", "period"),
    [
        (SUNDAY, SATURDAY, None, WEEK),
        (SUNDAY, None, None, WEEK),
        (None, SATURDAY, None, WEEK),
        (date(2026, 11, 1), date(2026, 11, 30), None, NOVEMBER),
        (date(2026, 11, 1), None, "month", NOVEMBER),
        (date(2026, 10, 1), date(2026, 12, 31), "quarter", Period.starting(SyncType.QUARTERLY, date(2026, 10, 1))),
        (SUNDAY, SATURDAY, "month", None),
        (date(2026, 11, 9), date(2026, 11, 15), None, None),
        (SUNDAY, SATURDAY, "fortnight", None),
        (None, None, None, None),
        (date(1, 1, 1), None, None, None),
    ],
)
def test_dates_and_report_make_a_period(
    first: date | None, last: date | None, report: str | None, period: Period | None
) -> None:
    found = DatedRows(first, last, report, 1).period()
    assert found == period or (first == date(1, 1, 1) and found is not None)


def test_the_lines_say_range_newest_and_what_fits_no_period() -> None:
    grain = Grain.of(
        [
            DatedRows(SUNDAY, SATURDAY, None, 20),
            DatedRows(date(2026, 11, 1), date(2026, 11, 7), None, 10),
            DatedRows(date(2026, 11, 9), date(2026, 11, 15), None, 3),
        ]
    )
    assert grain.newest() == WEEK
    assert list(grain.lines()) == [
        "weekly: 2 periods that begin 2026-11-01 to 2026-11-08, the newest with 20 rows",
        "monthly: none",
        "quarterly: none",
        "of no period: 3 rows, most of them with 2026-11-09 (Monday) to 2026-11-15 (Sunday); they would be rejected",
    ]


def test_without_weeks_the_newest_is_a_month() -> None:
    grain = Grain.of([DatedRows(date(2026, 11, 1), date(2026, 11, 30), None, 1)])
    assert grain.newest() == NOVEMBER
    assert Grain.of([]).newest() is None
