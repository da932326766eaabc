"""Compare what an extract wrote with the recomputation: each cell, and totals and hash with those of the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import reduce
from operator import xor
from typing import Any

from sqp_provider.core.contract import METRICS, RATES, measures_of
from sqp_provider.core.period import Period, SyncType
from tests.googlesql.examples import TALLY
from tests.googlesql.extracted import Extracted

Row = dict[str, Any]


def as_target(row: Mapping[str, Any], period: Period) -> Row:
    """A row of a snapshot as it is published: rates in millionths become decimals."""
    rates = {rate.column: row[rate.column] for rate in RATES}
    decimals = {name: None if value is None else Decimal(value).scaleb(-6) for name, value in rates.items()}
    figures = {name: row[name] for name in ("query", "asin", *measures_of(period.sync_type))}
    return period.columns | figures | decimals


def assert_cells(found: Extracted, expected: Sequence[Row], period: Period) -> None:
    rows = sorted(
        (as_target(row, period) for row in found.accepted), key=lambda row: (row["query"].encode(), row["asin"])
    )
    assert [(row["query"], row["asin"]) for row in rows] == [(row["query"], row["asin"]) for row in expected]
    for row, wanted in zip(rows, expected, strict=True):
        assert row == {name: wanted[name] for name in row}
        TALLY["cells"] += len(row)
    TALLY["rows"] += len(rows)
    assert_totals(found, expected, period)


def assert_totals(found: Extracted, expected: Sequence[Row], period: Period) -> None:
    totals = found.totals.totals
    assert (totals.row_count, totals.key_count) == (len(expected), len(expected))
    assert totals.sums == {
        m.column: sum(row[m.column] or 0 for row in expected) for m in METRICS if m.column in totals.sums
    }
    assert totals.row_hash == reduce(xor, (hash_of(row, period.sync_type) for row in expected), 0)
    assert (found.window or found.totals).fingerprint == found.totals.fingerprint
    assert (found.window is None) == (found.totals.source_rows == 0)


def hash_of(row: Row, sync_type: SyncType) -> int:
    """The hash of a row, from the text that Postgres makes of it."""
    rates = {rate.column for rate in RATES}
    cells = ((name, row[name]) for name in measures_of(sync_type))
    figures = ["" if value is None else f"{value:.6f}" if name in rates else str(value) for name, value in cells]
    text = f"{row['asin']}({','.join(figures)}){row['query']}"
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:15], 16)
