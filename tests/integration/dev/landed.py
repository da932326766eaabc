"""Reading back what landed, with no SQL but the simplest."""

from collections.abc import Callable
from typing import Any

from dev.sample_data.source import SampleSource

Row = dict[str, Any]

COUNTS = ("impression", "click", "cart_add", "purchase")
OWN = tuple(f"asin_{count}_count" for count in COUNTS)
MARKET = ("total_query_impression_count", *(f"total_{count}_count" for count in COUNTS[1:]))


def rows(source: SampleSource, where: Callable[[Row], bool] = lambda row: True) -> list[Row]:
    """Return the table's rows that a condition holds for, in one order whatever order they landed in."""
    landed = [dict(row) for row in source.client.query(f"select * from {source.table}").result()]
    return sorted(filter(where, landed), key=repr)


def without_ingestion(landed: list[Row]) -> list[Row]:
    """Return the rows without the time they landed at."""
    stripped = [{name: value for name, value in row.items() if name != "ingested_at"} for row in landed]
    return sorted(stripped, key=repr)


def key(row: Row) -> tuple[str, str]:
    """Return what identifies a row within its week."""
    return row["asin"], row["search_query"]
