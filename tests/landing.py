"""A source table in the BigQuery emulator that belongs to one test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from google.cloud import bigquery

WEEK = date(2026, 11, 8)
"""The week most tests sync: Sunday 2026-11-08 to Saturday 2026-11-14."""

COLUMNS = {
    "start_date": "DATE",
    "end_date": "DATE",
    "asin": "STRING",
    "search_query": "STRING",
    "search_query_score": "INT64",
    "search_query_volume": "INT64",
    "total_query_impression_count": "INT64",
    "asin_impression_count": "INT64",
    "total_click_count": "INT64",
    "asin_click_count": "INT64",
    "total_cart_add_count": "INT64",
    "asin_cart_add_count": "INT64",
    "total_purchase_count": "INT64",
    "asin_purchase_count": "INT64",
    "ingested_at": "TIMESTAMP",
}


def report_row(
    search_query: str | None, asin: str | None = "B00TEST001", week: date = WEEK, **other: Any
) -> dict[str, Any]:
    """A row of Amazon's report with the example values of its published schema; name a column to change it."""
    row = {
        "start_date": week.isoformat(),
        "end_date": (week + timedelta(days=6)).isoformat(),
        "asin": asin,
        "search_query": search_query,
        "search_query_score": 5,
        "search_query_volume": 15000,
        "total_query_impression_count": 10000,
        "asin_impression_count": 765,
        "total_click_count": 1000,
        "asin_click_count": 50,
        "total_cart_add_count": 200,
        "asin_cart_add_count": 10,
        "total_purchase_count": 100,
        "asin_purchase_count": 5,
        "ingested_at": "2026-11-18T06:00:00Z",
    }
    assert set(other) <= set(row), f"no such column: {set(other) - set(row)}"
    return row | other


@dataclass
class Landing:
    """One table; rows are streamed in, as JSON, so that any text arrives as it is."""

    client: bigquery.Client
    table: str

    def create(self, columns: Mapping[str, str] = COLUMNS) -> None:
        """Create it anew and empty."""
        fields = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
        self.client.query_and_wait(f"create or replace table {self.table} ({fields})")

    def land(self, *rows: Mapping[str, Any]) -> None:
        """Add rows."""
        for first in range(0, len(rows), 500):
            errors = self.client.insert_rows_json(
                f"{self.client.project}.{self.table}", list(rows[first : first + 500])
            )
            assert not errors, errors

    def replace(self, *rows: Mapping[str, Any]) -> None:
        """Make these the only rows."""
        self.create()
        self.land(*rows)

    def rows(self) -> Iterable[dict[str, Any]]:
        """What the table holds."""
        return [dict(row.items()) for row in self.client.query_and_wait(f"select * from {self.table}")]
