"""Which periods the rows of a table are of, by their dates alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from sqp_provider.core.errors import InvalidPeriod
from sqp_provider.core.period import Period, SyncType


@dataclass(frozen=True)
class DatedRows:
    """How many rows have these dates, and say that they are of this report: ``week``, ``month``, ``quarter``."""

    first_day: date | None
    last_day: date | None
    report: str | None
    row_count: int

    def period(self) -> Period | None:
        """Return the period that both dates and the report stand for, or None if there is none."""
        for sync_type in SyncType:
            if self.report not in (None, sync_type.period_type.unit):
                continue
            day = self.first_day or self.last_day
            try:
                period = Period.containing(sync_type, day) if day else None
            except InvalidPeriod:
                continue
            if period and self.first_day in (None, period.first_day) and self.last_day in (None, period.last_day):
                return period
        return None

    def __str__(self) -> str:
        dates = [f"{day} ({day:%A})" for day in (self.first_day, self.last_day) if day]
        return " to ".join(dates or ["no date"]) + (f", report {self.report}" if self.report else "")


@dataclass
class Grain:
    """The periods of a table by type, and what belongs to none."""

    rows: dict[Period, int] = field(default_factory=dict)
    misfits: list[DatedRows] = field(default_factory=list)

    @classmethod
    def of(cls, found: Iterable[DatedRows]) -> Grain:
        """Sort rows by their period."""
        grain = cls()
        for dated in found:
            if period := dated.period():
                grain.rows[period] = grain.rows.get(period, 0) + dated.row_count
            else:
                grain.misfits.append(dated)
        return grain

    def of_type(self, sync_type: SyncType) -> list[Period]:
        """Return the periods of a type, oldest first."""
        return sorted(period for period in self.rows if period.sync_type is sync_type)

    def newest(self) -> Period | None:
        """Return the newest week, else month, else quarter."""
        return next((periods[-1] for sync_type in SyncType if (periods := self.of_type(sync_type))), None)

    def lines(self) -> Iterator[str]:
        """Say what there is: ``weekly: 52 periods, 2025-11-16 to 2026-11-08, the newest with 18,982 rows``."""
        for sync_type in SyncType:
            if periods := self.of_type(sync_type):
                oldest, newest = periods[0], periods[-1]
                yield (
                    f"{sync_type}: {len(periods)} periods that begin {oldest.first_day} to {newest.first_day}, "
                    f"the newest with {self.rows[newest]:,} rows"
                )
            else:
                yield f"{sync_type}: none"
        if self.misfits:
            worst = max(self.misfits, key=lambda dated: dated.row_count)
            rows = sum(dated.row_count for dated in self.misfits)
            yield f"of no period: {rows:,} rows, most of them with {worst}; they would be rejected"
