"""Whether a table is fresh, and the text that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqp_provider.core.completeness import Answer
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.period import SyncType


@dataclass(frozen=True)
class Freshness:
    """A row of ``table_freshness()``.

    The period is the newest one that is over. On 2026-11-23 this is the month 2026-10-01..2026-10-31, although November
    already has rows, summed from its weeks so far. ``days_old`` counts from the period's last day: 23. Both are None if
    no period is over.
    """

    sync_type: str
    table_name: str
    period_start: date | None
    period_end: date | None
    state: str | None
    days_old: int | None
    days_allowed: int
    is_stale: bool
    synced_period_start: date | None
    synced_period_end: date | None
    last_sync_log_id: int | None
    last_status: str | None
    last_finished_at: datetime | None
    last_error: str | None
    feed: str | None = None
    """Whose table it is; None: of the only feed."""
    due: Answer | None = None
    """How the newest period that is due stands; None if nobody asked, or if there is none."""
    is_complete: bool = True
    """Whether that period can be trusted; True if nobody asked."""

    @property
    def is_ready(self) -> bool:
        """Whether the table is fresh and, if somebody asked, complete."""
        return self.is_complete and not self.is_stale

    @property
    def newest(self) -> dict[str, str]:
        """The first and last day of the newest period, or of the newest one that is due if somebody asked for it."""
        found = self.due or self
        return {"period_start": str(found.period_start), "period_end": str(found.period_end)}

    @property
    def remedy(self) -> str:
        """What to do about a table that is stale or not complete."""
        if not (self.is_stale or self.is_complete):
            return "The target is unchanged. Wait: the daily check syncs what arrives. See period_status for details."
        dag_id = SyncType(self.sync_type).dag_id + (f"__{self.feed}" if self.feed else "")
        failed = f"Do what the error of the last sync of {dag_id} says"
        cause = failed if self.last_status == "failed" else f"Check whether {dag_id} runs"
        return f"The target is unchanged. {cause}, or trigger the Dag."

    def __str__(self) -> str:
        verdict = "stale" if self.is_stale else "fresh"
        said = f"{self.table_name} is {verdict}: {self._newest()}. {self._last_sync()}"
        if self.due is None:
            return said if self.is_complete else f"{said} No period of it is due yet."
        return f"{said} {self.due}"

    def _newest(self) -> str:
        if self.period_start is None:
            return "it has no period that is over"
        return f"newest period {self.period_start}..{self.period_end}, {self._origin()}, {self._age()}{self._synced()}"

    def _origin(self) -> str:
        origins = {
            "derived": "derived from weeks",
            "synced": "synced",
            "adopted": "with rows from before the first sync",
        }
        return origins.get(self.state or "", "not in the ledger")

    def _age(self) -> str:
        if self.days_old is None:
            return "without a last day"
        return f"{_days(self.days_old)} old ({self.days_allowed} days are allowed)"

    def _synced(self) -> str:
        """Name the newest period that its own run synced, if the newest period that is over has none."""
        if self.state == "synced" or self.sync_type == SyncType.WEEKLY:
            return ""
        if self.synced_period_start is None:
            return "; no period was synced by its own run yet"
        return f"; newest period synced by its own run: {self.synced_period_start}..{self.synced_period_end}"

    def _last_sync(self) -> str:
        if self.last_sync_log_id is None:
            return f"No {self.sync_type} sync has run yet."
        finished = f" at {self.last_finished_at:%Y-%m-%d %H:%M %Z}" if self.last_finished_at else ""
        happened = (self.last_error or "").partition(" The target is unchanged.")[0]  # the remedy says the rest
        error = f": {happened}" if happened else "."
        return f"Last sync (sync_log {self.last_sync_log_id}): {self.last_status}{finished}{error}"


def freshness_of(table_name: str, tables: Sequence[Freshness]) -> Freshness:
    """Return the freshness of one table.

    :raises InvalidSettings: there is no such table.
    """
    for freshness in tables:
        if freshness.table_name == table_name:
            return freshness
    known = ", ".join(freshness.table_name for freshness in tables)
    raise InvalidSettings(f"table_name {table_name!r}: expected one of {known}. The target is unchanged.")


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"
