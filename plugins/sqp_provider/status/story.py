"""Run the statements of ``sql/queries/story.sql``: the story of a period, and what a search finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from sqp_provider.core.period import Period, SyncType
from sqp_provider.hooks.postgres import Database
from sqp_provider.status.models import PeriodStatus, Row
from sqp_provider.status.story_filters import ChangesFilter, SearchFilter
from sqp_provider.status.story_models import (
    Change,
    ChangePage,
    Found,
    LatelyChanged,
    Measured,
    Mover,
    PeriodVersion,
    Strangers,
)

PAGE_CHANGES = 20
VERSIONS = 500
LATELY = 8

FOUND_PERIODS = 53
"""A search looks at so many periods, a year of weeks."""

COUNTED_ROWS = 2_000_000
"""A search for an ASIN reads the rows of the newest periods, at most so many in all."""

UNKNOWN_ROWS = 100_000
"""How many rows a period counts as of which nobody knows how many it has."""

SomeRow = TypeVar("SomeRow", bound=Row)


@dataclass(frozen=True)
class StoryReader:
    """The statements of the story, inside one transaction."""

    database: Database

    def period(self, period: Period) -> PeriodStatus | None:
        """Return how a period stands, or None if nothing is known of it."""
        return next(iter(self._rows(PeriodStatus, "period", **_key(period))), None)

    def versions(self, period: Period) -> list[PeriodVersion]:
        """Return the publishes of a period, newest first."""
        return self._rows(PeriodVersion, "versions", rows=VERSIONS, **_key(period))

    def lately(self) -> list[LatelyChanged]:
        """Return the newest publishes that changed rows which were there before."""
        return self._rows(LatelyChanged, "lately", rows=LATELY)

    def strangers(self, period: Period) -> list[Strangers]:
        """Return who else wrote to a period."""
        return self._rows(Strangers, "strangers", **_key(period))

    def movers(self, period: Period, version: int) -> list[Mover]:
        """Return the ten queries, then the ten ASINs, that a publish moved most."""
        return self._rows(Mover, "movers", version=version, **_key(period))

    def changes(self, period: Period, asked: ChangesFilter, rows: int = PAGE_CHANGES) -> ChangePage:
        """Return the next changed rows of a period that match the filter."""
        values = asked.values | _key(period)
        found = self._rows(Change, "changes", rows=rows + 1, **values)
        shown = found[:rows]
        return ChangePage(rows=shown, next_after=shown[-1].id if len(found) > rows else None)

    def stored(self, period: Period, query: str, asin: str) -> dict[str, Any] | None:
        """Return all columns of a row as it is now, or None."""
        values = {"period_start": period.first_day, "query": query, "asin": asin}
        found = self._of_table("stored_row", period.sync_type, values)
        return found[0]["figures"] if found else None

    def measures(self, sync_type: SyncType) -> list[Measured]:
        """Return what was published of the newest periods of a type, oldest first."""
        rows = sync_type.period_type.shown_periods
        return self._rows(Measured, "measures", sync_type=sync_type, rows=rows)

    def find(self, asked: SearchFilter) -> list[Found]:
        """Return the newest periods that have the query, the ASIN, or the row of both."""
        values: dict[str, Any] = {"sync_type": asked.sync_type, "periods": FOUND_PERIODS, "asin": asked.asin}
        if asked.query is not None:
            found = self._of_table("find_query", asked.sync_type, values | {"queries": asked.spellings})
        else:
            values |= {"most": COUNTED_ROWS, "unknown": UNKNOWN_ROWS}
            found = self._of_table("find_asin", asked.sync_type, values)
        return [Found.model_validate(row) for row in found]

    def _rows(self, model: type[SomeRow], name: str, **values: Any) -> list[SomeRow]:
        found = self.database.connection.execute(self.database.statement("story", name), values).fetchall()
        return [model.model_validate(row) for row in found]

    def _of_table(self, name: str, sync_type: SyncType, values: dict[str, Any]) -> list[dict[str, Any]]:
        """Run a statement that reads a summary table."""
        names = {"table": self.database.table(sync_type.target_table)}
        return self.database.connection.execute(self.database.statement("story", name, names), values).fetchall()


def _key(period: Period) -> dict[str, str | date]:
    return {"sync_type": period.sync_type.value, "period_start": period.first_day}
