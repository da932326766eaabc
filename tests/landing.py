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

SHIPPING_COUNTS = {
    f"total_{speed}_shipping_{event}_count": f"market_{speed}_{event}s"
    for event in ("click", "cart_add", "purchase")
    for speed in ("same_day", "one_day", "two_day")
}
"""What else Amazon counts: the name of its column, and the one of its logical column, which is that in the target."""

MEDIAN_PRICES = {
    "total_median_click_price": "market_click_price",
    "asin_median_click_price": "click_price",
    "total_median_cart_add_price": "market_cart_add_price",
    "asin_median_cart_add_price": "cart_add_price",
    "total_median_purchase_price": "market_purchase_price",
    "asin_median_purchase_price": "purchase_price",
}
"""The same of the median prices. Here each type that an amount can have has two of them."""

EXTRA_COLUMNS = {
    **dict.fromkeys(SHIPPING_COUNTS, "INT64"),
    **dict(zip(MEDIAN_PRICES, ("STRING", "FLOAT64", "NUMERIC", "STRING", "FLOAT64", "NUMERIC"), strict=True)),
    "currency_code": "STRING",
}
EVERY_EXTRA = {key: name for name, key in (SHIPPING_COUNTS | MEDIAN_PRICES).items()} | {"currency": "currency_code"}
"""The mapping of a landing that has all of them."""


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
    assert set(other) <= {*row, *EXTRA_COLUMNS}, f"no such column: {set(other) - set(row)}"
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
