"""Read what happened to a published period: its versions, what each of them changed, and one row's changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from sqp_provider.core.period import Period
from sqp_provider.core.restated import Restated
from sqp_provider.hooks.postgres import Database

Row = dict[str, Any]


@dataclass(frozen=True)
class History:
    """The history of one period, inside one transaction."""

    database: Database
    period: Period

    def versions(self) -> list[Row]:
        """Return each publish of the period, the newest first, with its totals and those of the one before."""
        return self._rows("versions", {})

    def moved_queries(self, version: int, limit: int = 10) -> list[Row]:
        """Return the queries whose impressions a version changed most: ``name``, ``rows``, before and after."""
        return self._rows("moved", {"version": version, "limit": limit}, moved=sql.Identifier("query"))

    def moved_asins(self, version: int, limit: int = 10) -> list[Row]:
        """Return the ASINs whose impressions a version changed most."""
        return self._rows("moved", {"version": version, "limit": limit}, moved=sql.Identifier("asin"))

    def changes(self, version: int, *, after_id: int = 0, limit: int = 100) -> list[Row]:
        """Return a page of the rows that a version changed.

        :param after_id: the last ``id`` of the page before.
        """
        return self._rows("changes", {"version": version, "after_id": after_id, "limit": limit})

    def changes_of_row(self, query: str, asin: str) -> list[Row]:
        """Return all changes of one row that are kept, the newest first, those of others included."""
        return self._rows("changes_of_row", {"query": query, "asin": asin})

    def restated(self, sync_log_id: int, attempt: int) -> Restated | None:
        """Return what a run changed in rows that an earlier sync had published, or None."""
        row = self.database.row("history", "restated", self._key() | {"sync_log_id": sync_log_id, "attempt": attempt})
        return Restated.from_row(self.period, sync_log_id, row) if row else None

    def _key(self) -> Row:
        return {"sync_type": self.period.sync_type.value, "period_start": self.period.first_day}

    def _rows(self, name: str, values: Mapping[str, Any], **names: sql.Composable) -> list[Row]:
        statement = self.database.statement("history", name, names)
        return self.database.connection.execute(statement, self._key() | dict(values)).fetchall()
