"""Whether the settings fit the tables: each thing that does not, in words, with what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqp_provider.core.contract import INGESTED_AT, PERIOD_END, PERIOD_START, SOURCE_COLUMNS, Column
from sqp_provider.core.landing import Condition, Place, tells_feeds_apart
from sqp_provider.source.landing import Landing
from sqp_provider.source.paths import Unreadable

_COLUMNS = {column.key: column for column in SOURCE_COLUMNS}
_DATES = (PERIOD_START.key, PERIOD_END.key)
_MATCHING = {"STRING": str, "BOOLEAN": bool, **dict.fromkeys(("INTEGER", "FLOAT", "NUMERIC", "BIGNUMERIC"), int)}
_WORDS = {str: "a text", int: "a whole number", bool: "true or false"}


def problems(landing: Landing) -> Iterator[str]:
    """Yield what does not fit, each with what was found and what was expected."""
    for key, places in landing.settings.mapped().items():
        for place in places:
            if place.column:
                yield from _problem(landing, place, _COLUMNS[key])
    for place, condition in landing.settings.conditions():
        yield from _misfit(landing, place, condition)
    for path in landing.settings.same_feed:
        if not any(table.column(path) for table in landing.tables):
            yield f"column `{path}` (in same_feed) is missing; the table has {landing.paths.known}"
    try:
        _ = landing.entries
    except Unreadable as error:
        yield str(error)
    yield from _disagreements(landing)


def _problem(landing: Landing, place: Place, column: Column) -> Iterator[str]:
    try:
        leaf = landing.paths.leaf(place)
    except Unreadable as error:
        yield _named(error, place, f"for {column.key}")
        return
    said = f"column `{place.column}` (for {column.key}) is {leaf.type}"
    if leaf.type not in column.bigquery_types:
        yield f"{said}, expected {' or '.join(column.bigquery_types)}"
    elif leaf.type == "TIMESTAMP" and column.key in _DATES and not leaf.time_zone:
        yield f"{said}; say whose day it is: `{{column: {place.column}, time_zone: UTC}}`"
    elif leaf.type in ("STRING", "INTEGER") and column.key in _DATES and not leaf.format:
        yield f"{said}; say how it is written: `{{column: {place.column}, format: '%Y-%m-%d'}}`"
    elif leaf.type == "INTEGER" and column.key == INGESTED_AT.key and not leaf.unit:
        yield f"{said}; say what it counts: `{{column: {place.column}, unit: milliseconds}}`"
    elif place.pattern and leaf.type != "STRING":
        yield f"{said}; a pattern needs STRING"


def _misfit(landing: Landing, place: Place, condition: Condition) -> Iterator[str]:
    try:
        leaf = landing.paths.leaf(place)
    except Unreadable as error:
        yield _named(error, place, "in where")
        return
    for value in condition.compared:
        if not isinstance(value, _MATCHING.get(leaf.type, ())) or isinstance(value, bool) != (leaf.type == "BOOLEAN"):
            yield (
                f"column `{place.column}` (in where) is {leaf.type}, but {value!r} is {_WORDS[type(value)]}; "
                "expected a column of texts, numbers or true and false, and a value of its type"
            )


def _disagreements(landing: Landing) -> Iterator[str]:
    """Yield what is not the same in all tables, of what is read or may tell feeds apart."""
    read = {str(place.column) for places in landing.settings.mapped().values() for place in places if place.column}
    read |= {str(place.column) for place, _ in landing.settings.conditions()} | {landing.settings.unnest or ""} - {""}
    feeds = {path for table in landing.tables for path in table.columns if tells_feeds_apart(path)}
    feeds = {path for path in feeds if path.lower() not in landing.decided}
    for table in landing.tables[1:]:
        other = replace(landing.paths, facts=table)
        for path in sorted(read | feeds):
            here, there = landing.paths.kind_of(path), other.kind_of(path)
            if here != there and (path in feeds or here != "missing"):
                yield (
                    f"column `{path}` is {here} in {landing.facts.name}, but {there} in {table.name}; "
                    "expected tables of one shape"
                )


def _named(error: Unreadable, place: Place, what_for: str) -> str:
    return str(error).replace(f"`{place.column}`", f"`{place.column}` ({what_for})", 1)
