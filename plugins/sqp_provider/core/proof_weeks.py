"""The weeks that a month or quarter is summed from: which of them are synced, and what an equal sum proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqp_provider.core.period import Period
from sqp_provider.core.proof_report import Line, Section

_NOT_DUE = "not due yet"


@dataclass(frozen=True)
class Weeks:
    """The weeks of a month or quarter.

    :param states: the status of each week that is not missing, by its first day.
    :param newest_due: the first day of the newest week that is due.
    :param dag_id: of the sync of weeks.
    :param feed: the one of several feeds.
    """

    period: Period
    states: Mapping[date, str]
    newest_due: date
    dag_id: str
    feed: str | None = None

    @property
    def doubted(self) -> dict[date, str]:
        """The weeks that are due and of which Postgres has not the rows that the source is known to have.

        A week that somebody deleted on purpose adds nothing to a sum, and one that is not due yet cannot be there.
        """
        stand = {week.first_day: self._status(week) for week in self.period.weeks}
        return {day: status for day, status in stand.items() if status not in ("synced", "deleted", _NOT_DUE)}

    @property
    def are_all_synced(self) -> bool:
        """Whether each week is synced."""
        return self._synced == len(self.period.weeks)

    @property
    def sum_name(self) -> str:
        """``sum of the weeks``, or ``sum of its 3 of 5 weeks that are synced so far``."""
        if self.are_all_synced:
            return "sum of the weeks"
        so_far = any(self._status(week) == _NOT_DUE for week in self.period.weeks)
        counted = f"{self._synced} of {len(self.period.weeks)} weeks that are synced"
        return f"sum of its {counted}{' so far' if so_far else ''}"

    def section(self) -> Section:
        """Return the weeks, each with the command that proves it."""
        lines = [
            Line(week.dates, f"{self._status(week)}: {self._command(week.first_day)}") for week in self.period.weeks
        ]
        return Section(f"Weeks of {self.period}", lines)

    def doubt(self) -> tuple[str, str]:
        """Return answer and advice of a sum that equals its weeks while some are doubted: it proves nothing."""
        doubted = self.doubted
        days = {status: [day for day in doubted if doubted[day] == status] for status in doubted.values()}
        found = "; ".join(f"{status}: {', '.join(map(str, of_status))}" for status, of_status in days.items())
        only = f"only {self._synced} of {len(self.period.weeks)} weeks {'is' if self._synced == 1 else 'are'} synced"
        missing = ", ".join(map(str, days.pop("missing", ())))
        advice = [f"To publish what is missing, trigger {self.dag_id} with period start {missing}."] if missing else []
        commands = "; ".join(self._command(day) for of_status in days.values() for day in of_status)
        advice += [f"Prove what it is summed from: {commands}"] if commands else []
        return f"{self.period} equals the sum of its weeks, but {only}; {found}", " ".join(advice)

    @property
    def _synced(self) -> int:
        return sum(self._status(week) == "synced" for week in self.period.weeks)

    def _status(self, week: Period) -> str:
        return self.states.get(week.first_day, "missing" if week.first_day <= self.newest_due else _NOT_DUE)

    def _command(self, week: date) -> str:
        return f"sqp prove weekly {week}{f' --feed {self.feed}' if self.feed else ''}"
