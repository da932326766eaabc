"""The weekly figures once more, by DuckDB, from the raw rows: what the target is compared with."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tests.landing import COLUMNS

_ARROW = {"DATE": pa.date32(), "STRING": pa.string(), "INT64": pa.int64(), "TIMESTAMP": pa.timestamp("us")}
_SCHEMA = pa.schema([(name, _ARROW[kind]) for name, kind in COLUMNS.items()])
_SQL = Path(__file__).with_name("recompute.sql").read_text(encoding="utf-8")
_RATES = ("avg_ctr", "avg_cvr", "impression_share", "click_share", "cart_add_share", "purchase_share")


@dataclass(frozen=True)
class Expected:
    """What a sync of the week must end in."""

    rows: list[dict[str, Any]]
    rejects: dict[str, int]


def recompute(raw: Sequence[Mapping[str, Any]], first_day: date) -> Expected:
    """Return the target rows in key order, and the rejects by reason."""
    with duckdb.connect() as connection:
        connection.create_function("fold", fold, ["VARCHAR"], "VARCHAR")  # type: ignore[list-item, arg-type]
        connection.create_function("quotient", quotient, ["BIGINT", "BIGINT"], "VARCHAR")  # type: ignore[list-item, arg-type]
        connection.register("raw", pa.Table.from_pylist([_typed(row) for row in raw], schema=_SCHEMA))
        found = connection.sql(_SQL, params={"first_day": first_day}).to_arrow_table().to_pylist()
    week = {"period_start": first_day, "period_end": first_day + timedelta(days=6)}
    rows = [
        week
        | {
            key: Decimal(value) if key in _RATES else value
            for key, value in row.items()
            if key not in ("reason", "rejects")
        }
        for row in found
        if row["reason"] is None
    ]
    rows.sort(key=lambda row: (row["query"].encode(), row["asin"]))
    return Expected(rows, {row["reason"]: row["rejects"] for row in found if row["reason"]})


def fold(text: str) -> str:
    """White space of any kind to one space, none at the ends."""
    spaced = "".join(" " if c in "\t\n\v\f\r\x85" or unicodedata.category(c).startswith("Z") else c for c in text)
    return " ".join(part for part in spaced.split(" ") if part)


def quotient(count: int, of: int) -> str:
    """A rate to six places, ties away from zero, with fifty digits on the way."""
    if of == 0:
        return "0.000000"
    exact = Context(prec=50).divide(Decimal(count), Decimal(of))
    return str(exact.quantize(Decimal("0.000001"), ROUND_HALF_UP, Context(prec=50)))


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row) | {
        "start_date": row["start_date"] and date.fromisoformat(row["start_date"]),
        "end_date": row["end_date"] and date.fromisoformat(row["end_date"]),
        "ingested_at": row["ingested_at"] and datetime.fromisoformat(row["ingested_at"]).replace(tzinfo=None),
    }
