"""What in a database would keep the sync from working there, found before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqp_provider.core.contract import ACTIVE_WEEKS, EXTRAS, FIGURES, PRICES, RATES, TEXTS
from sqp_provider.core.period import SyncType

_TEXT = ("text", "character varying", "character")
_COUNT = ("smallint", "integer", "bigint", "numeric", "double precision")
_NUMBER = ("smallint", "integer", "bigint")
_DAY = ("date",)
_MOMENT = ("timestamp with time zone",)

_MAY_BE_EMPTY = ("bigquery_sync_id", "sync_log_id", "last_synced_at", ACTIVE_WEEKS, *EXTRAS)
"""Columns that are null in the rows of a derived or of a synced month, or that the source may not have."""

_KEY = ("period_start", "period_end", "query", "asin")

SPECIFIED_FUNCTIONS = {
    "get_latest_sync_status": "TABLE(last_sync_time timestamp with time zone, last_sync_status character varying, "
    "records_processed integer, next_sync_due timestamp with time zone)",
    "check_data_freshness": "TABLE(table_name text, latest_period date, days_old integer, is_stale boolean)",
    "update_aggregate_summaries": "trigger",
}
"""Functions that may be there before the first migration, and what they must return to be replaced."""


@dataclass(frozen=True)
class Obstacle:
    """One thing that would keep the sync from working, and what to do about it."""

    name: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name} {self.found}. {self.remedy}"


@dataclass(frozen=True)
class TableFound:
    """A table that has the name of one of ours."""

    name: str
    kind: str
    """``pg_class.relkind``: ``r`` for a plain table, ``p`` for a partitioned one."""
    partition_key: str | None
    is_ours_to_change: bool
    owner: str


@dataclass(frozen=True)
class ColumnFound:
    """A column of such a table; the type is the one under a domain."""

    table_name: str
    name: str
    type: str
    is_not_null: bool
    is_filled: bool
    """Whether a row that does not name the column gets a value: a default, an identity, a generated column."""
    is_generated: bool
    takes_bytes_apart: bool
    """Whether its collation tells apart any two texts that differ in a byte."""


@dataclass(frozen=True)
class KeyFound:
    """A unique index of such a table. ``columns`` is None for one over expressions or over some rows only."""

    table_name: str
    name: str
    columns: tuple[str, ...] | None
    takes_nulls_as_equal: bool


@dataclass(frozen=True)
class OthersFound:
    """A table, view or function that has a name which only ours may have, or a publication that refuses updates."""

    name: str
    found: str
    remedy: str


@dataclass(frozen=True)
class DatabaseFound:
    """What the catalogue says about a schema."""

    tables: tuple[TableFound, ...] = ()
    columns: tuple[ColumnFound, ...] = ()
    keys: tuple[KeyFound, ...] = ()
    others: tuple[OthersFound, ...] = ()


def obstacles(database: DatabaseFound) -> list[Obstacle]:
    """Return everything that has to be put right before the schema can be migrated; ``[]`` if it can be."""
    found: list[Obstacle] = []
    for table in database.tables:
        found += _of_table(table)
        if table.name in _SUMMARIES and table.kind == "r":
            columns = {column.name: column for column in database.columns if column.table_name == table.name}
            found += _of_columns(table.name, columns)
            for key in database.keys:
                if key.table_name == table.name:
                    found += _of_key(key, columns)
    return found + [Obstacle(other.name, other.found, other.remedy) for other in database.others]


def _of_table(table: TableFound) -> Iterator[Obstacle]:
    rename = f"Rename it (alter table {table.name} rename to …), or move it to another schema."
    if table.kind == "p" and table.partition_key != "RANGE (period_start)":
        yield Obstacle(table.name, f"is partitioned by {table.partition_key}, not by RANGE (period_start)", rename)
    elif table.kind not in "rp":
        yield Obstacle(table.name, "is neither a plain table nor a partitioned one", rename)
    if not table.is_ours_to_change:
        yield Obstacle(
            table.name,
            f"belongs to {table.owner}, and only its owner may add columns, triggers and indexes",
            f"Migrate as {table.owner}, or make the role that migrates a member of it (grant {table.owner} to …).",
        )


def _of_columns(table: str, columns: Mapping[str, ColumnFound]) -> Iterator[Obstacle]:
    expected = _SUMMARIES[table]
    for name in _KEY:
        if name not in columns:
            yield Obstacle(table, f"has no column {name}", f"Add it (alter table {table} add column {name} …).")
    for column in columns.values():
        label = f"{table}.{column.name}"
        if column.name not in expected:
            yield from _of_their_column(label, column)
            continue
        types = expected[column.name]
        if column.type not in types:
            yield Obstacle(
                label,
                f"is of type {column.type}, and the sync writes {_either(types)}",
                f"Convert it ({_alter(column)} type {types[-1]} using …).",
            )
        yield from _of_our_column(label, column)


def _of_their_column(label: str, column: ColumnFound) -> Iterator[Obstacle]:
    if column.is_not_null and not column.is_filled:
        yield Obstacle(
            label,
            "must not be null and has no default, but the sync does not know what to write there",
            f"Give it a default, or drop its not null constraint ({_alter(column)} …).",
        )


def _of_our_column(label: str, column: ColumnFound) -> Iterator[Obstacle]:
    if column.name in _MAY_BE_EMPTY and column.is_not_null:
        yield Obstacle(
            label,
            "must not be null, but rows that are summed from weeks, or are Amazon's own, leave it empty",
            f"Drop its not null constraint ({_alter(column)} drop not null).",
        )
    if not column.takes_bytes_apart:
        yield Obstacle(
            label,
            "has a nondeterministic collation, which takes different texts for equal and would mix their rows",
            f'Give it another collation ({_alter(column)} type {column.type} collate "default").',
        )
    if column.is_generated and column.name in _WRITTEN:
        yield Obstacle(
            label,
            "is generated, but the sync has to write it",
            f"Make it a plain column ({_alter(column)} drop expression).",
        )


def _of_key(key: KeyFound, columns: Mapping[str, ColumnFound]) -> Iterator[Obstacle]:
    """Refuse a unique index that two rows of ours would violate, because it leaves out a part of their key."""
    if key.columns is None or any(_differs_by_itself(columns[name], key) for name in key.columns):
        return
    unit = _UNITS[key.table_name]
    dated = {"period_start", "period_end"} & set(key.columns) or {"year", unit} <= set(key.columns)
    missing = [name for name in ("query", "asin") if name not in key.columns]
    if not dated:
        missing.insert(0, "period_start")
    if missing:
        yield Obstacle(
            f"{key.table_name}, unique index {key.name}",
            f"allows one row for each ({', '.join(key.columns)}), but a report has one for each query and asin of a "
            f"{unit}",
            f"Replace it by a unique index that also has {' and '.join(missing)}.",
        )


def _differs_by_itself(column: ColumnFound, key: KeyFound) -> bool:
    """Return whether a column of theirs keeps the rows apart: a serial, or nulls that count as different."""
    if column.name in _SUMMARIES[key.table_name] and column.name not in ("created_at", "updated_at"):
        return False
    return column.is_filled or not key.takes_nulls_as_equal


def _alter(column: ColumnFound) -> str:
    return f"alter table {column.table_name} alter column {column.name}"


def _either(types: Iterable[str]) -> str:
    *most, last = types
    return f"{', '.join(most)} or {last}" if most else last


def _expected(sync_type: SyncType) -> dict[str, tuple[str, ...]]:
    """Return the columns of a summary table and the types that each may have."""
    numbers = () if sync_type is SyncType.WEEKLY else ("year", sync_type.period_type.unit, ACTIVE_WEEKS)
    return {
        **dict.fromkeys(("period_start", "period_end"), _DAY),
        **dict.fromkeys(("query", "asin", "bigquery_sync_id", *(text.column for text in TEXTS)), _TEXT),
        **dict.fromkeys((figure.column for figure in FIGURES), _COUNT),
        **dict.fromkeys((rate.column for rate in RATES), ("double precision", "numeric")),
        **dict.fromkeys((price.column for price in PRICES), ("numeric",)),
        **dict.fromkeys(numbers, _NUMBER),
        "sync_log_id": ("integer", "bigint"),
        "last_synced_at": _MOMENT,
    }


_SUMMARIES = {sync_type.target_table: _expected(sync_type) for sync_type in SyncType}
_UNITS = {sync_type.target_table: sync_type.period_type.unit for sync_type in SyncType}
_WRITTEN = {*_KEY[:1], *_KEY[2:], *(figure.column for figure in FIGURES), *EXTRAS, "sync_log_id", "last_synced_at"}
"""What must be written as it is. Calendar columns and rates may be generated: they follow from the others."""
