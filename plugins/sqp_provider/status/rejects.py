"""Write rejects as a file, batch by batch: NDJSON with the raw rows, or CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqp_provider.core.contract import REJECT_REASONS

BATCH = 1000

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet reads a text that starts with one of these as a formula."""

Batch = list[dict[str, Any]]


def batches(fetch: Callable[[int], Batch]) -> Iterator[Batch]:
    """Yield the batches of ``fetch``, which gets the id of the last row, until it finds no more rows."""
    after = 0
    while batch := fetch(after):
        yield batch
        after = batch[-1]["id"]


def as_ndjson(found: Iterator[Batch]) -> Iterator[str]:
    """Yield one JSON object for each row: attempt, reason, its explanation or null, and the raw row."""
    for batch in found:
        yield "".join(json.dumps(_object(row), ensure_ascii=False) + "\n" for row in batch)


def _object(row: Mapping[str, Any]) -> dict[str, Any]:
    reason = row["reason"]
    explanation = REJECT_REASONS.get(reason)
    return {"attempt": row["attempt"], "reason": reason, "explanation": explanation, "raw": row["raw"]}


def as_csv(found: Iterator[Batch], columns: Sequence[str]) -> Iterator[str]:
    """Yield a heading and one line for each row. A leading apostrophe keeps a spreadsheet from running formulas."""
    yield csv_lines([["attempt", "reason", "explanation", *(harmless(name) for name in columns)]])
    for batch in found:
        yield csv_lines([_cells(row, columns) for row in batch])


def _cells(row: Mapping[str, Any], columns: Sequence[str]) -> list[Any]:
    raw = row["raw"] if isinstance(row["raw"], dict) else {}
    reason = row["reason"]
    explanation = REJECT_REASONS.get(reason, "")
    return [row["attempt"], harmless(reason), explanation, *(harmless(raw.get(name)) for name in columns)]


def harmless(value: Any) -> Any:
    """Return a cell that no spreadsheet runs: ``=cmd()`` becomes ``'=cmd()``.

    Numbers stay numbers, and nested values become JSON.
    """
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA):
        return f"'{value}"
    return value


def csv_lines(rows: list[list[Any]]) -> str:
    """Return rows as lines of CSV."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
