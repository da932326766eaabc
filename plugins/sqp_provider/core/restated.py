"""Say in one line what a publish changed in a period that was published before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqp_provider.core.period import Period


@dataclass(frozen=True)
class Restated:
    """What a sync changed in a period that an earlier sync had published.

    :param changed: how many of the rows that were published went or have other figures.
    :param rows_before: how many rows were published.
    :param new: how many rows came. They alone are no restatement: a week arrives over days.
    """

    period: Period
    sync_log_id: int
    changed: int
    rows_before: int
    new: int
    impressions_before: int
    impressions: int

    @classmethod
    def from_row(cls, period: Period, sync_log_id: int, row: Mapping[str, Any]) -> Restated:
        """Build it from a row of the statement ``restated``."""
        before, now = row["totals_before"], row["totals"]
        return cls(
            period=period,
            sync_log_id=sync_log_id,
            changed=row["updated"] + row["deleted"],
            rows_before=before["rows"],
            new=row["inserted"],
            impressions_before=before["total_impressions"],
            impressions=now["total_impressions"],
        )

    def is_above(self, fraction: float | None) -> bool:
        """Return whether a larger part of the published rows changed; None: no part is too large."""
        return fraction is not None and self.changed > fraction * self.rows_before

    def __str__(self) -> str:
        """Return the line, ``week 2026-11-08..2026-11-14 was restated: 12,345 of 19,001 rows changed, …``."""
        unit = self.period.sync_type.period_type.unit
        new = f", {self.new:,} are new" if self.new else ""
        return (
            f"{unit} {self.period.first_day}..{self.period.last_day} was restated: {self.changed:,} of "
            f"{self.rows_before:,} rows changed{new}, impressions {self.impressions_before:,} to {self.impressions:,}"
            f"{self._percentage()}, sync {self.sync_log_id}"
        )

    def _percentage(self) -> str:
        if not self.impressions_before:
            return ""
        return f" ({(self.impressions - self.impressions_before) / self.impressions_before:+.1%})".replace("%", " %")
