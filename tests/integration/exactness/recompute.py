"""The figures once more, by DuckDB, and the texts by Python, from the raw rows: what the targets are compared with."""

from __future__ import annotations

import atexit
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from sqp_provider.core.period import Period, SyncType
from tests.landing import COLUMNS, MEDIAN_PRICES, SHIPPING_COUNTS

_ARROW = {"DATE": pa.date32(), "STRING": pa.string(), "INT64": pa.int64(), "TIMESTAMP": pa.timestamp("us")}
_TEXTS = ("query", "clean_asin", "text_problem")
_SCHEMA = pa.schema(
    [(name, _ARROW[kind]) for name, kind in COLUMNS.items()]
    + [(name, pa.int64()) for name in SHIPPING_COUNTS]
    + [(name, pa.decimal128(30, 4)) for name in MEDIAN_PRICES]
    + [(name, pa.string()) for name in ("currency_code", "unreadable", *_TEXTS)]
)
_SQL = Path(__file__).with_name("recompute.sql").read_text(encoding="utf-8")
_ROLLUP = Path(__file__).with_name("rollup.sql").read_text(encoding="utf-8")
_WEEKLY = pa.schema(
    [("period_start", pa.date32()), ("query", pa.string()), ("asin", pa.string())]
    + [
        (name, pa.int64())
        for name in (
            *("total_impressions", "total_clicks", "total_cart_adds", "total_purchases"),
            *("market_impressions", "market_clicks", "market_cart_adds", "market_purchases"),
            *("query_score", "query_volume"),
            *SHIPPING_COUNTS.values(),
        )
    ]
)


@dataclass(frozen=True)
class Expected:
    """What a sync of a period must end in."""

    rows: list[dict[str, Any]]
    rejects: dict[str, int]
    balance: dict[str, int]
    """Where the landed rows went."""
    differing: int
    """How many superseded copies differ from the row that superseded them."""


def recompute(raw: Sequence[Mapping[str, Any]], period: Period) -> Expected:
    """Return the target rows of a period that the source reports on, in key order, and the rejects by reason."""
    days = {"first_day": period.first_day, "last_day": period.last_day}
    found = _run(_SQL, "raw", [_typed(row) for row in raw], _SCHEMA, **days)
    native = {} if period.sync_type is SyncType.WEEKLY else {"active_weeks": None}
    rows = [row for row in found if row["reason"] is None and row["counted"] is None]
    rejects = {row["reason"]: row["rejects"] for row in found if row["reason"]}
    counted = Counter({row["counted"]: row["rejects"] for row in found if row["counted"]})
    balance = {
        "landed": counted["landed"],
        "published": len(rows),
        "rejected": counted["rejected"],
        "superseded": counted["landed"] - counted["accepted"] - counted["rejected"],
        "merged": counted["accepted"] - len(rows),
    }
    return Expected(_as_target(rows, period.columns | native), rejects, balance, counted["differing"])


def roll_up(weeks: Sequence[Mapping[str, Any]], period: Period) -> list[dict[str, Any]]:
    """Return the rows of a month or quarter that is summed from weekly target rows."""
    inside = [{name: row[name] for name in _WEEKLY.names} for row in weeks if _belongs(row, period)]
    return _as_target(_run(_ROLLUP, "weeks", inside, _WEEKLY), period.columns)


def _belongs(row: Mapping[str, Any], period: Period) -> bool:
    return bool(period.first_day <= row["period_start"] <= period.last_day)


def _run(
    statement: str, table: str, rows: list[dict[str, Any]], schema: pa.Schema, **params: Any
) -> list[dict[str, Any]]:
    connection = _database()
    connection.register(table, pa.Table.from_pylist(rows, schema=schema))
    return connection.sql(statement, params=params or None).to_arrow_table().to_pylist()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """An empty database, made once for the hundreds of questions of a history; it keeps the rows of the last one."""
    connection = duckdb.connect(config={"threads": 1})
    atexit.register(connection.close)  # else its functions outlive it, and Python's end complains
    connection.create_function(
        "quotient",
        quotient,
        ["BIGINT", "BIGINT"],  # type: ignore[list-item]
        "DECIMAL(38, 6)",  # type: ignore[arg-type]
        null_handling="special",  # type: ignore[arg-type]
    )
    return connection


def _as_target(rows: list[dict[str, Any]], constants: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [
        dict(constants) | {key: value for key, value in row.items() if key not in ("reason", "rejects", "counted")}
        for row in rows
    ]
    return sorted(found, key=lambda row: (row["query"].encode(), row["asin"]))


def fold(text: str) -> str:
    """White space of any kind to one space, none at the ends."""
    spaced = "".join(" " if c in "\t\n\v\f\r\x85" or unicodedata.category(c).startswith("Z") else c for c in text)
    return " ".join(part for part in spaced.split(" ") if part)


def read_texts(search_query: str | None, asin: str | None) -> dict[str, str | None]:
    """The texts as the target has them, and what is wrong with them.

    Python lowers any text as GoogleSQL does, final sigmas and dotted capital I included: tests/googlesql/test_texts.py.
    """
    query, clean_asin = fold(search_query or "").lower(), fold(asin or "").upper()
    problem = None
    if not re.fullmatch("[0-9A-Za-z]{10}", fold(asin or "")):
        problem = "invalid_asin"
    elif not query:
        problem = "empty_query"
    elif "\0" in query:
        problem = "nul_character"
    elif len(query.encode()) > 2600:
        problem = "query_too_long"
    return dict(zip(_TEXTS, (query, clean_asin, problem), strict=True))


def quotient(count: int, of: int | None) -> Decimal | None:
    """A rate to six places, ties away from zero, with fifty digits on the way; unknown if it is too large to store."""
    if of is None:
        return None
    if of == 0:
        return Decimal("0.000000")
    exact = Context(prec=50).divide(Decimal(count), Decimal(of))
    rate = exact.quantize(Decimal("0.000001"), ROUND_HALF_UP, Context(prec=50))
    return rate if rate <= Decimal("9999.999999") else None


def amount(landed: Any) -> Decimal | None:
    """A price as it landed, exactly; None if nothing landed. A NaN stands for what is no amount."""
    text = fold(str(landed)) if landed is not None else ""
    if text == "":
        return None
    if re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+", text):
        text = text.replace(",", "")
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
        return Decimal("NaN")
    found = Decimal(text)
    return found if found == round(found, 4) else Decimal("NaN")


def _extras(row: Mapping[str, Any]) -> dict[str, Any]:
    """What is read of the prices and their currency, and what cannot be."""
    prices = {name: amount(row.get(name)) for name in MEDIAN_PRICES}
    code = fold(row.get("currency_code") or "")
    unreadable = [f"{name} {row[name]}" for name, price in prices.items() if price is not None and price.is_nan()]
    unreadable += [code] if code and not re.fullmatch("[A-Za-z]{3}", code) else []
    return {
        **{name: None if price is None or price.is_nan() else price for name, price in prices.items()},
        "currency_code": code.upper() if re.fullmatch("[A-Za-z]{3}", code) else None,
        "unreadable": "; ".join(unreadable),
    }


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    moments = {
        "start_date": row["start_date"] and date.fromisoformat(row["start_date"]),
        "end_date": row["end_date"] and date.fromisoformat(row["end_date"]),
        "ingested_at": row["ingested_at"] and datetime.fromisoformat(row["ingested_at"]).replace(tzinfo=None),
    }
    return dict(row) | moments | _extras(row) | read_texts(row["search_query"], row["asin"])
