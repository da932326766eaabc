"""Rejects as a file, batch by batch: NDJSON as they came, CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

BATCH = 1000

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet would take for a formula when a text begins with it."""

Batch = list[dict[str, Any]]


def batches(fetch: Callable[[int], Batch]) -> Iterator[Batch]:
    """Return what ``fetch`` finds after the id of the last row it found, until it finds nothing."""
    after = 0
    while batch := fetch(after):
        yield batch
        after = batch[-1]["id"]


def as_ndjson(found: Iterator[Batch]) -> Iterator[str]:
    """A JSON object a line: attempt, reason and the raw row."""
    for batch in found:
        lines = ({"attempt": row["attempt"], "reason": row["reason"], "raw": row["raw"]} for row in batch)
        yield "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def as_csv(found: Iterator[Batch], columns: Sequence[str]) -> Iterator[str]:
    """A heading, then a line a row; texts that a spreadsheet would run are made harmless by a leading apostrophe."""
    yield _lines([["attempt", "reason", *(harmless(name) for name in columns)]])
    for batch in found:
        yield _lines([_cells(row, columns) for row in batch])


def _cells(row: Mapping[str, Any], columns: Sequence[str]) -> list[Any]:
    raw = row["raw"] if isinstance(row["raw"], dict) else {}
    return [row["attempt"], harmless(row["reason"]), *(harmless(raw.get(name)) for name in columns)]


def harmless(value: Any) -> Any:
    """``=cmd()`` becomes ``'=cmd()``; numbers stay numbers, nested values become JSON."""
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA):
        return f"'{value}"
    return value


def _lines(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
