"""The cells of Amazon's CSV export: numbers with commas, percentages, dates, and empty texts for missing numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqp_provider.landings.columns import AMOUNT, COUNT, DAY, HEADERS, PERCENT, TEXT

# eighteen digits fit into every number of BigQuery
_COUNT = re.compile(r"([0-9]{1,18}|[0-9]{1,3}(,[0-9]{3}){1,5})(\.0)?")
_DECIMAL = re.compile(r"([0-9]{1,18}|[0-9]{1,3}(,[0-9]{3}){1,5})(\.[0-9]+)?")


def read_rows(
    records: Iterator[tuple[int, list[str]]], columns: Sequence[str | None]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return all rows, and what is wrong with the malformed ones, by line."""
    rows, malformed = [], []
    for line, record in records:
        row, problems = _row(record, columns)
        rows.append(row)
        if problems:
            malformed.append(f"line {line}: {', '.join(problems)}")
    return rows, malformed


def _row(record: list[str], columns: Sequence[str | None]) -> tuple[dict[str, Any], list[str]]:
    if len(record) != len(columns):
        return {}, [f"{len(record)} cells instead of {len(columns)}"]
    row: dict[str, Any] = {}
    problems = []
    for column, cell in zip(columns, record, strict=True):
        if column is None:
            continue
        kind = HEADERS[column][0]
        try:
            row[column] = _READ[kind](cell) if cell.strip() or kind in (TEXT, DAY) else None
        except ValueError:
            problems.append(f"{column} is {cell[:40]!r}, expected {_EXPECTED[kind]}")
    query = row.get("search_query", "")
    if not query.strip() or "\0" in query:
        problems.append("the search query has a NUL character" if query.strip() else "the search query is empty")
    return row, problems


def _whole(cell: str) -> int:
    if not _COUNT.fullmatch(cell.strip()):
        raise ValueError
    return int(Decimal(cell.strip().replace(",", "")))


def _decimal(cell: str) -> Decimal:
    if not _DECIMAL.fullmatch(cell.strip()):
        raise ValueError
    return Decimal(cell.strip().replace(",", ""))


def _amount(cell: str) -> str:
    return _written(_decimal(cell))


def _fraction(cell: str) -> str:
    """Return a percentage as Amazon's API has it: ``0.0765`` for ``7.65``."""
    return _written(_decimal(cell.strip().removesuffix("%")).scaleb(-2))


def _written(number: Decimal) -> str:
    """Write a number with the nine places that NUMERIC has at most, and no more than it needs."""
    return f"{number:.9f}".rstrip("0").rstrip(".")


_READ: dict[str, Callable[[str], Any]] = {
    TEXT: str,
    COUNT: _whole,
    AMOUNT: _amount,
    PERCENT: _fraction,
    DAY: lambda cell: date.fromisoformat(cell.strip()),
}
_EXPECTED = {
    COUNT: "a whole number such as 1,841",
    AMOUNT: "a number such as 19.99",
    PERCENT: "a number such as 7.65",
    DAY: "a date such as 2026-11-07",
}
