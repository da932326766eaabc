"""The reporting periods: a week from Sunday to Saturday, a calendar month, a calendar quarter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqp_provider.core.errors import InvalidPeriod


class SyncType(StrEnum):
    """Which report a sync keeps equal; the value is ``sync_log.sync_type``."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"

    @property
    def target_table(self) -> str:
        """``SyncType.WEEKLY.target_table == "weekly_summary"``."""
        return f"{self.value}_summary"

    @property
    def report_period(self) -> str:
        """Amazon's own word for the period, as its report options spell it: WEEK, MONTH or QUARTER."""
        return {"weekly": "WEEK", "monthly": "MONTH", "quarterly": "QUARTER"}[self.value]


@dataclass(frozen=True, order=True)
class Period:
    """One period of one sync type; both days belong to it.

    ``Period.starting(SyncType.WEEKLY, date(2026, 11, 8))`` is 2026-11-08..2026-11-14.
    """

    sync_type: SyncType
    first_day: date
    last_day: date

    @classmethod
    def containing(cls, sync_type: SyncType, day: date) -> Period:
        """Return the period that ``day`` belongs to.

        ``Period.containing(SyncType.WEEKLY, date(2026, 11, 11))`` is 2026-11-08..2026-11-14: Amazon's weeks
        start on Sunday (``sellingPartnerSearchQueryPerformanceReport.json``), ISO weeks do not.

        :raises InvalidPeriod: the period would reach beyond the calendar.
        """
        try:
            first = _first_day(sync_type, day)
            return cls(sync_type, first, _next_first_day(sync_type, first) - timedelta(days=1))
        except OverflowError:
            raise InvalidPeriod(
                f"the {sync_type} period of {day} does not lie within the years 1 to 9999. "
                "The target is unchanged. Run again with a day such as 2026-11-08."
            ) from None

    @classmethod
    def starting(cls, sync_type: SyncType, first_day: date) -> Period:
        """Return the period that starts on ``first_day``.

        :raises InvalidPeriod: no period of that type starts on that day, for example a Monday week.
        """
        period = cls.containing(sync_type, first_day)
        if period.first_day != first_day:
            raise InvalidPeriod(
                f"{first_day} ({first_day:%A}) is not the first day of a {sync_type} period: the one it belongs to "
                f"is {period.dates} and starts on {period.first_day} ({period.first_day:%A}). "
                f"The target is unchanged. Run again with period_start {period.first_day}."
            )
        return period

    @classmethod
    def latest_before(cls, sync_type: SyncType, day: date) -> Period:
        """Return the newest period that had ended before ``day``.

        ``Period.latest_before(SyncType.WEEKLY, date(2026, 11, 15))`` is 2026-11-08..2026-11-14.
        """
        return cls.containing(sync_type, _first_day(sync_type, day) - timedelta(days=1))

    @classmethod
    def latest_due(cls, sync_type: SyncType, moment: datetime, delay: timedelta) -> Period:
        """Return the newest period whose publication delay had passed at ``moment``.

        ``Period.latest_due(SyncType.WEEKLY, datetime(2026, 11, 19), timedelta(days=4))`` is 2026-11-08..2026-11-14.
        """
        return cls.latest_before(sync_type, (moment - delay).date())

    def with_previous(self, periods: int) -> list[Period]:
        """Return this period and those before it, newest first: of 2026-11-08, 2 are 2026-11-08 and 2026-11-01."""
        found: list[Period] = []
        period = self
        while len(found) < periods:
            found.append(period)
            period = Period.latest_before(self.sync_type, period.first_day)
        return found

    @property
    def columns(self) -> dict[str, date | int]:
        """What is the same in all its rows; never taken from today's date.

        ``{"period_start": date(2026, 11, 1), "period_end": date(2026, 11, 30), "year": 2026, "month": 11}``; a week
        has the two days only, a quarter ``"quarter": 4`` in place of the month.
        """
        days = {"period_start": self.first_day, "period_end": self.last_day}
        if self.sync_type is SyncType.WEEKLY:
            return {**days}
        month = self.first_day.month
        number = {"month": month} if self.sync_type is SyncType.MONTHLY else {"quarter": (month + 2) // 3}
        return {**days, "year": self.first_day.year, **number}

    @property
    def dates(self) -> str:
        """``2026-11-08..2026-11-14``."""
        return f"{self.first_day}..{self.last_day}"

    @property
    def compact(self) -> str:
        """``20261108``, for names of tables and jobs."""
        return f"{self.first_day:%Y%m%d}"

    @property
    def next_first_day(self) -> date:
        """The first day after the period, the exclusive bound of its partition."""
        return self.last_day + timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.sync_type} {self.dates}"


def _first_day(sync_type: SyncType, day: date) -> date:
    if sync_type is SyncType.WEEKLY:
        return day - timedelta(days=(day.weekday() + 1) % 7)
    if sync_type is SyncType.MONTHLY:
        return day.replace(day=1)
    return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)


def _next_first_day(sync_type: SyncType, first_day: date) -> date:
    if sync_type is SyncType.WEEKLY:
        return first_day + timedelta(days=7)
    months = 1 if sync_type is SyncType.MONTHLY else 3
    return _first_day(sync_type, first_day + timedelta(days=31 * months))
