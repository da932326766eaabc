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
    def period_type(self) -> PeriodType:
        """What its periods are."""
        return PERIOD_TYPES[self]

    @property
    def target_table(self) -> str:
        """``SyncType.WEEKLY.target_table == "weekly_summary"``."""
        return self.period_type.target_table

    @property
    def dag_id(self) -> str:
        """``SyncType.WEEKLY.dag_id == "sqp_weekly_sync"``."""
        return f"sqp_{self.value}_sync"


@dataclass(frozen=True)
class PeriodType:
    """What the periods of a sync type are. The table ``period_type`` has the same in the database.

    Sources: weeks start on Sunday, months and quarters are calendar ones
    (``sellingPartnerSearchQueryPerformanceReport.json``).
    """

    unit: str
    """``week``, ``month`` or ``quarter``."""
    step: tuple[int, str]
    """From one period's first day to the next one's: ``(7, "day")``."""
    cron: str
    """When a period starts, in UTC."""
    target_table: str
    report_period: str
    """Amazon's own word for the period, as its report options spell it."""
    delay_days: int
    """How long after a period's end Amazon's figures are expected, unless the settings say otherwise."""
    days_allowed: int
    """How old the newest finished period may be before its table is stale, unless the settings say otherwise."""
    checked_periods: int
    """How many periods back the daily check goes, unless the settings say otherwise."""
    shown_periods: int
    """How many periods the status page shows."""

    def first_day(self, day: date) -> date:
        """Return the first day of the period that ``day`` belongs to."""
        if self.unit == "week":
            return day - timedelta(days=(day.weekday() + 1) % 7)
        months = self.step[0]
        return day.replace(month=(day.month - 1) // months * months + 1, day=1)

    def next_first_day(self, first_day: date) -> date:
        """Return the first day of the period after the one that starts on ``first_day``."""
        if self.unit == "week":
            return first_day + timedelta(days=self.step[0])
        return self.first_day(first_day + timedelta(days=31 * self.step[0]))

    def number(self, first_day: date) -> dict[str, int]:
        """Return the columns that number a period in its year: ``{"year": 2026, "quarter": 4}``; a week has none."""
        if self.unit == "week":
            return {}
        return {"year": first_day.year, self.unit: (first_day.month - 1) // self.step[0] + 1}


PERIOD_TYPES = {
    SyncType.WEEKLY: PeriodType(
        unit="week",
        step=(7, "day"),
        cron="0 0 * * 0",
        target_table="weekly_summary",
        report_period="WEEK",
        delay_days=4,
        days_allowed=14,
        checked_periods=8,
        shown_periods=53,
    ),
    SyncType.MONTHLY: PeriodType(
        unit="month",
        step=(1, "month"),
        cron="0 0 1 * *",
        target_table="monthly_summary",
        report_period="MONTH",
        delay_days=7,
        days_allowed=45,
        checked_periods=3,
        shown_periods=24,
    ),
    SyncType.QUARTERLY: PeriodType(
        unit="quarter",
        step=(3, "month"),
        cron="0 0 1 1,4,7,10 *",
        target_table="quarterly_summary",
        report_period="QUARTER",
        delay_days=7,
        days_allowed=135,
        checked_periods=2,
        shown_periods=12,
    ),
}
"""The one home of what a period type is; SQL has ``period_type``, and a test compares both."""


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
            first = sync_type.period_type.first_day(day)
            return cls(sync_type, first, sync_type.period_type.next_first_day(first) - timedelta(days=1))
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
        return cls.containing(sync_type, sync_type.period_type.first_day(day) - timedelta(days=1))

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

    def refuse_unless_ended(self, today: date, delay: timedelta) -> None:
        """Stop a run of a period that has days to come.

        :param today: in UTC.
        :param delay: how long after a period's end its figures are expected.
        :raises InvalidPeriod: says when the period ends and when it may be synced.
        """
        if today <= self.last_day:
            raise InvalidPeriod(
                f"{self} has not ended: it ends on {self.last_day} and may be synced from {self.next_first_day} on. "
                f"Its figures are expected on {self.next_first_day + delay}. The target is unchanged. "
                "Clear the run then, or leave the period to the schedule."
            )

    @property
    def columns(self) -> dict[str, date | int]:
        """What is the same in all its rows; never taken from today's date.

        ``{"period_start": date(2026, 11, 1), "period_end": date(2026, 11, 30), "year": 2026, "month": 11}``; a week
        has the two days only, a quarter ``"quarter": 4`` in place of the month.
        """
        return {
            "period_start": self.first_day,
            "period_end": self.last_day,
            **self.sync_type.period_type.number(self.first_day),
        }

    @property
    def weeks(self) -> list[Period]:
        """The weeks of a month or quarter: those whose first day is in it."""
        week = Period.containing(SyncType.WEEKLY, self.first_day + timedelta(days=6))
        weeks: list[Period] = []
        while week.first_day <= self.last_day:
            weeks.append(week)
            week = Period.starting(SyncType.WEEKLY, week.next_first_day)
        return weeks

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
