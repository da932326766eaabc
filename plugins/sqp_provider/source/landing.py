"""The settings together with what the tables are: which values of a landed row the statements read, and how."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqp_provider.core.contract import (
    FIGURES,
    INGESTED_AT,
    MARKETPLACE,
    PERIOD_END,
    PERIOD_START,
    PRICED,
    PRICES,
    SOURCE_COLUMNS,
    TEXTS,
    Column,
    Price,
    Text,
)
from sqp_provider.core.landing import Condition, Place, tells_feeds_apart
from sqp_provider.core.source_settings import SourceSettings
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.hooks.bigquery import Value

_SAME_TYPE = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}
_COLUMNS = {column.key: column for column in SOURCE_COLUMNS}
_DATES = (PERIOD_START.key, PERIOD_END.key)
_ENTRY = re.compile(r"(?P<name>.+?)\[(?P<number>[0-9]+)\]")
_NUMBER = re.compile(r"\[[0-9]+\]")
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MATCHING = {"STRING": str, "BOOLEAN": bool, **dict.fromkeys(("INTEGER", "FLOAT", "NUMERIC", "BIGNUMERIC"), int)}
_SHOWN = ("STRING", "INTEGER", "FLOAT", "NUMERIC", "BIGNUMERIC")
_WORDS = {str: "a text", int: "a whole number", bool: "true or false"}


class Unreadable(Exception):
    """A path leads to nothing that can be read; the message says why."""


@dataclass(frozen=True)
class Leaf:
    """One value of a landed row.

    :param sql: how the statement reads it: ``landed_row.`clickData`.`asinClickCount` ``.
    :param type: BigQuery's type, in the words of its REST API.
    :param pattern: the pattern as a literal, because its groups decide what the function returns; or nothing.
    """

    path: str
    sql: str
    type: str
    pattern: str = ""
    format: str = ""
    time_zone: str = ""
    unit: str = ""

    @property
    def label(self) -> str:
        """The path inside a literal of the statement. It has no backslash."""
        return self.path.replace("'", r"\'")


@dataclass(frozen=True)
class Compared:
    """A condition as the statement has it.

    :param names: the names of the parameters that have the values.
    """

    leaf: Leaf
    condition: Condition
    names: tuple[str, ...]


@dataclass(frozen=True)
class Pruned:
    """What the statement says of a table's partitioning column alone.

    :param shift: how many days after the window it may be; None: it does not follow from the period.
    :param margin: how many days more on both sides.
    """

    leaf: Leaf
    shift: int | None = None
    margin: int = 0


@dataclass(frozen=True)
class Landing:
    """What the tables hold, as the settings say; the first table stands for all."""

    settings: SourceSettings
    tables: Sequence[TableFacts]

    @property
    def facts(self) -> TableFacts:
        """What BigQuery says of the first table."""
        return self.tables[0]

    @cached_property
    def leaves(self) -> dict[str, list[Leaf]]:
        """Return by key the values of which the first known one counts; a key that is not mapped has none."""
        mapped = self.settings.mapped()
        return {
            column.key: [
                self._leaf(place) if place.column else Leaf("", f"@fixed_{column.key}", "STRING")
                for place in mapped.get(column.key, ())
            ]
            for column in SOURCE_COLUMNS
        }

    @cached_property
    def compared(self) -> list[Compared]:
        """Return the conditions that a row must fulfil."""
        return [
            Compared(
                self._leaf(place),
                condition,
                tuple(f"where_{number}_{entry}" for entry, _ in enumerate(condition.compared)),
            )
            for number, (place, condition) in enumerate(self.settings.conditions())
        ]

    @cached_property
    def undecided(self) -> list[Leaf]:
        """Return the columns that look as if they told feeds apart, and of which the settings say nothing."""
        paths = dict.fromkeys(path for table in self.tables for path in table.columns if tells_feeds_apart(path))
        return [
            leaf for path in paths if path.lower() not in self._decided and (leaf := self._told_apart(path)) is not None
        ]

    @cached_property
    def _decided(self) -> set[str]:
        """The columns of which the settings say what their values mean, in lower case.

        A condition that lists several values says which rows to read, and not that their keys are the same.
        """
        read = [place for places in self.settings.mapped().values() for place in places]
        read += [place for place, condition in self.settings.conditions() if len(set(condition.compared)) < 2]
        paths = [_NUMBER.sub("", str(place.column)) for place in read] + list(self.settings.same_feed)
        decided = {path.lower() for path in paths}
        decided |= {path[: dot.start()] for path in decided for dot in re.finditer(r"\.", path)}  # JSON around it
        if self.settings.columns.get(MARKETPLACE.key, ()) is None:  # all rows are of one
            decided |= {path.lower() for table in self.tables for path in table.columns if "market" in path.lower()}
        return decided

    def _told_apart(self, path: str) -> Leaf | None:
        try:
            sql, kind, mode, _ = self._walk(path)
        except Unreadable:
            return None  # inside a list whose entries are not rows
        if kind == "JSON" or (mode == "REPEATED" and kind in _SHOWN):
            return Leaf(path, f"to_json_string({sql})", "STRING")
        return Leaf(path, sql, kind) if kind in _SHOWN else None

    @property
    def parameters(self) -> dict[str, Value]:
        """Return the values that the settings give: those of conditions, patterns and fixed columns."""
        found: dict[str, Value] = {}
        for key, places in self.settings.mapped().items():
            for place in places:
                if place.value and not (key == "report_period" and self.fixed_report):
                    found[f"fixed_{key}"] = place.value
        for word, names in self._reports:
            found |= dict(zip(self.report_names[word], names, strict=True))
        found |= {f"feed_{number}": leaf.path for number, leaf in enumerate(self.undecided)}
        for compared in self.compared:
            found |= dict(zip(compared.names, compared.condition.compared, strict=True))
        return found

    @property
    def says_report(self) -> bool:
        """Whether the source says which report a row is of."""
        return bool(self.settings.places("report_period"))

    @property
    def report_names(self) -> dict[str, list[str]]:
        """Return by report the names of the parameters that have the source's words for it."""
        return {word: [f"report_{word}_{number}" for number, _ in enumerate(names)] for word, names in self._reports}

    @property
    def _reports(self) -> list[tuple[str, tuple[str, ...]]]:
        if self.fixed_report:
            return []
        names: dict[str, dict[str, None]] = {}
        for place in self.settings.places("report_period"):
            for word, own in place.report_names().items():
                names[word] = names.get(word, {}) | dict.fromkeys(own)
        return [(word, tuple(own)) for word, own in names.items()]

    @property
    def prices(self) -> list[Price]:
        """Return the prices that the source has."""
        return [price for price in PRICES if self.settings.places(price.source.key)]

    @property
    def texts(self) -> list[Text]:
        """Return the texts that the source has, or that the settings say for all rows."""
        return [text for text in TEXTS if self.settings.places(text.source.key)]

    @property
    def unsure(self) -> list[str]:
        """Return the dates, then the figures, of which some landed value may not be one."""
        dates = [key for key in (*_DATES, INGESTED_AT.key) if self._may_fail(key, {"STRING", "INTEGER"})]
        numbers = [figure.source.key for figure in FIGURES]
        unsure = [key for key in numbers if self._may_fail(key, {"STRING", "FLOAT", "NUMERIC", "BIGNUMERIC"})]
        return dates + unsure + [each.source.key for each in PRICED if self.leaves[each.source.key]]

    def _may_fail(self, key: str, kinds: set[str]) -> bool:
        return any(leaf.type in kinds for leaf in self.leaves[key])

    @property
    def shown(self) -> list[str]:
        """Return the columns of a step of the statement that show what a malformed row had."""
        mapped = [key for key in self.settings.mapped() if key != MARKETPLACE.key]
        asked = ["unreadable"] * bool(self.unsure) + ["unclear"] * bool(self.compared)
        return [*mapped, *asked, *["feed"] * bool(self.undecided)]

    @property
    def fixed_report(self) -> str | None:
        """The report that all rows are of, if the settings say so: ``week``."""
        places = self.settings.places("report_period")
        return places[0].fixed_report if places else None

    @cached_property
    def entries(self) -> str:
        """Return the list of which each entry is a row, as the statement reads it; nothing if rows are rows."""
        if not self.settings.unnest:
            return ""
        sql, kind, mode, rest = self._walk(self.settings.unnest, stop=True)
        if mode == "REPEATED" and not rest:
            return sql
        if kind not in ("JSON", "STRING"):
            raise Unreadable(f"source.unnest is `{self.settings.unnest}`, which is {kind} {mode}, expected a list")
        none = f"[cast(null as {kind.lower()})]"  # a row without a list is one entry that says nothing: a reject
        return f"ifnull(json_query_array({sql}, '{_json_path(rest)}'), {none})"

    def pruned(self, table: TableFacts, shift: int) -> Pruned | None:
        """Return what the scan of a table may say of its partitioning column alone, so that no row is lost.

        :param shift: how many days after its first day an end date is that belongs to the period.
        """
        column = table.partitioned_by
        if column is None:
            return None
        leaf = self._partition(table, column)
        start, end = (self.leaves[key] for key in _DATES)
        first = (start or end)[0]
        if _reads(first, leaf):
            exact = leaf.type == "DATE" and len(start or end) == 1  # the statement's own condition is on it alone
            return None if exact else Pruned(leaf, shift=0 if start else shift)
        if start and len(start) == 1 and len(end) == 1 and _reads(end[0], leaf):
            return Pruned(leaf, shift=shift, margin=31)
        return Pruned(leaf) if table.requires_filter else None

    def required_filter(self, table: TableFacts) -> Pruned | None:
        """Return what a scan of all rows has to say where BigQuery refuses one without a condition."""
        column = table.partitioned_by
        return Pruned(self._partition(table, column)) if column and table.requires_filter else None

    def _partition(self, table: TableFacts, column: str) -> Leaf:
        if column == "_PARTITIONTIME":
            return Leaf(column, "landed_row._PARTITIONTIME", "TIMESTAMP")
        return Landing(self.settings, [table])._leaf(Place(column=column))  # the other tables may lack it

    def leaf_of(self, path: str) -> Leaf:
        """Return how a statement reads a path that is not mapped.

        :raises Unreadable: there is none, or it is a list.
        """
        return self._leaf(Place(column=path))

    def problems(self) -> Iterator[str]:
        """Yield what does not fit, each with what was found and what was expected."""
        for key, places in self.settings.mapped().items():
            for place in places:
                if place.column:
                    yield from self._problem(place, _COLUMNS[key])
        for place, condition in self.settings.conditions():
            yield from self._misfit(place, condition)
        for path in self.settings.same_feed:
            if not any(table.column(path) for table in self.tables):
                yield f"column `{path}` (in same_feed) is missing; the table has {self._known}"
        try:
            _ = self.entries
        except Unreadable as error:
            yield str(error)
        yield from self._disagreements()

    def _problem(self, place: Place, column: Column) -> Iterator[str]:
        try:
            leaf = self._leaf(place)
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

    def _misfit(self, place: Place, condition: Condition) -> Iterator[str]:
        try:
            leaf = self._leaf(place)
        except Unreadable as error:
            yield _named(error, place, "in where")
            return
        for value in condition.compared:
            if not isinstance(value, _MATCHING.get(leaf.type, ())) or isinstance(value, bool) != (
                leaf.type == "BOOLEAN"
            ):
                yield (
                    f"column `{place.column}` (in where) is {leaf.type}, but {value!r} is {_WORDS[type(value)]}; "
                    "expected a column of texts, numbers or true and false, and a value of its type"
                )

    def _disagreements(self) -> Iterator[str]:
        """Yield what is not the same in all tables, of what is read or may tell feeds apart."""
        read = {str(place.column) for places in self.settings.mapped().values() for place in places if place.column}
        read |= {str(place.column) for place, _ in self.settings.conditions()} | {self.settings.unnest or ""} - {""}
        feeds = {path for table in self.tables for path in table.columns if tells_feeds_apart(path)}
        feeds = {path for path in feeds if path.lower() not in self._decided}
        for table in self.tables[1:]:
            other = Landing(self.settings, [table])
            for path in sorted(read | feeds):
                here, there = self._kind(path), other._kind(path)
                if here != there and (path in feeds or here != "missing"):
                    yield (
                        f"column `{path}` is {here} in {self.facts.name}, but {there} in {table.name}; "
                        "expected tables of one shape"
                    )

    def _kind(self, path: str) -> str:
        try:
            _, kind, mode, rest = self._walk(path)
        except Unreadable:
            return "missing"
        return "JSON" if rest else f"{kind} REPEATED" if mode == "REPEATED" else kind

    @property
    def _known(self) -> str:
        return ", ".join(sorted(self.facts.columns))

    def _leaf(self, place: Place) -> Leaf:
        """Find a column.

        :raises Unreadable: there is none, or it is a list.
        """
        path = str(place.column)
        sql, kind, mode, rest = self._walk(path)
        if rest:
            sql, kind = f"json_value({sql}, '{_json_path(rest)}')", "STRING"
        elif mode == "REPEATED":
            raise Unreadable(
                f"column `{path}` is {kind} REPEATED, expected one value; write `{path}[0]`, or set unnest"
            )
        elif kind == "JSON":
            raise Unreadable(f"column `{path}` is JSON; add the path inside it, `{path}.clickData.asinClickCount`")
        return Leaf(
            path,
            sql,
            kind,
            pattern=json.dumps(place.pattern, ensure_ascii=False) if place.pattern else "",
            format=place.format or "",
            time_zone=place.time_zone or "",
            unit=place.unit or "",
        )

    def _walk(self, path: str, *, stop: bool = False) -> tuple[str, str, str, list[str]]:
        """Follow a path through records; return the statement's text, type and mode, and what is left for JSON.

        :param stop: the path is that of the list whose entries are rows.
        """
        unnest = None if stop else self.settings.unnest
        parts, sql, walked = path.split("."), "landed_row", ""
        if unnest and path.lower().startswith(f"{unnest.lower()}."):
            _, kind, _, rest = self._walk(unnest, stop=True)
            parts, sql, walked = path[len(unnest) + 1 :].split("."), "entry", f"{_NUMBER.sub('', unnest)}."
            if rest or kind != "RECORD":
                return sql, "JSON", "NULLABLE", parts
        for number, part in enumerate(parts):
            entry = _ENTRY.fullmatch(part)
            name = entry["name"] if entry else part
            found = self.facts.column(walked + name)
            if found is None:
                raise Unreadable(f"column `{path}` is missing; the table has {self._known}")
            walked, kind, mode = f"{found[0]}.", _SAME_TYPE.get(found[1], found[1]), found[2]
            sql += f".`{found[0].rsplit('.', 1)[-1]}`"
            rest = parts[number + 1 :]
            if entry and mode == "REPEATED":
                sql, mode = f"{sql}[safe_offset({entry['number']})]", "NULLABLE"
            elif entry:
                rest = [f"[{entry['number']}]", *rest]
            if kind in ("JSON", "STRING") and mode != "REPEATED" and rest:
                return sql, kind, mode, rest
            if mode == "REPEATED" and rest:
                raise Unreadable(f"column `{path}` leads through the list `{walked[:-1]}`; set unnest, or write `[0]`")
        return sql, kind, mode, []


def _named(error: Unreadable, place: Place, what_for: str) -> str:
    return str(error).replace(f"`{place.column}`", f"`{place.column}` ({what_for})", 1)


def _json_path(parts: Sequence[str]) -> str:
    """``$.dataByAsin[0]."Search Query"``, for a function of BigQuery."""
    path = "$"
    for part in parts:
        entry = _ENTRY.fullmatch(part)
        name, number = (entry["name"], f"[{entry['number']}]") if entry else (part, "")
        if name.startswith("["):
            path += name
            continue
        path += (f".{name}" if _SIMPLE.fullmatch(name) else f'."{name}"') + number
    return path.replace("'", r"\'")


def _reads(leaf: Leaf, column: Leaf) -> bool:
    """Whether a date is just what the partitioning column says."""
    return (
        leaf.sql.lower() == column.sql.lower() and not leaf.pattern and leaf.type in ("DATE", "DATETIME", "TIMESTAMP")
    )
