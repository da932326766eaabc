"""Configurations that the settings allow, each with the columns of a table that it fits.

This is the one place that knows how a configuration and a table may look. Whoever gives the settings a new key draws it
in :func:`configurations`, and every statement is analyzed with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from google.cloud import bigquery
from hypothesis import strategies as st

from sqp_provider.core.contract import INGESTED_AT, PERIOD_END, PERIOD_START, SOURCE_COLUMNS, Column
from sqp_provider.core.source_settings import SourceSettings
from tests.googlesql.client import PROJECT
from tests.googlesql.values import Columns, Kind

TABLES = ("amazon.search_query_performance", "other-project.amazon.reports", "amazon.all of the-reports")
KINDS = {"INTEGER": "INT64", "FLOAT": "FLOAT64"}
"""What BigQuery's API calls otherwise than GoogleSQL does."""

RECORDS = ("clickData", "Report Body", "a.b", "from")
"""Paths of records that hold columns, and no column has their names."""

CLASHING = ("landed_row", "mapped", "first_day", "query", "select", "Group", "versions", "reject_reason", "raw", "t")
"""Names that the statements use for something else, or that are words of the language."""

ODD = st.text("aZ_ -%:#&+<=>|ÄßΣİ9'日", min_size=1, max_size=12).filter(lambda name: name.strip() == name)
"""What BigQuery allows in a name besides letters, digits and the underscore."""

UNMAPPED: dict[str, Kind] = {"labels": ["STRING"], "items": [{"n": "INT64"}], "body": "JSON", "deleted": "BOOL"}
"""Columns that a table has besides."""

Draw = Callable[[st.SearchStrategy[Any]], Any]
Write = Callable[[Any], Any]


@dataclass(frozen=True)
class Spot:
    """Where a row has the value of a logical column, and how it is written there."""

    path: tuple[str, ...]
    write: Write

    def put(self, row: dict[str, Any], value: Any) -> None:
        """Write a value into a row, through its records."""
        *records, name = self.path
        for record in records:
            row = row.setdefault(record, {})
        row[name] = None if value is None else self.write(value)


@dataclass(frozen=True)
class Configuration:
    """Settings, and the tables that they fit.

    :param spots: by key; none for a table that is named as the settings' defaults are.
    :param constant: what each row has besides, so that it belongs to the feed.
    :param entries: the list that holds the rows, if each landed row has one: ``("dataByAsin",)``.
    :param document: the column that has all of it as JSON, and its kind.
    :param described: what BigQuery says of the tables besides their columns.
    """

    settings: SourceSettings
    columns: Columns
    spots: Mapping[str, Spot] = field(default_factory=dict)
    constant: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[str, ...] = ()
    document: str = ""
    described: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tables(self) -> list[str]:
        """The tables' full names."""
        return [name if name.count(".") == 2 else f"{PROJECT}.{name}" for name in self.settings.tables]

    @property
    def table(self) -> str:
        """The first table's full name."""
        return self.tables[0]

    def landed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row of the table with these values of its logical columns, as the columns' types have them."""
        row: dict[str, Any] = {}
        for key, places in self.settings.mapped().items():
            spot = self.spots.get(key) or Spot((str(places[0].column),), lambda value: value)
            if places[0].column:
                spot.put(row, values.get(key))
        if self.entries:
            *records, name = self.entries
            inner: Any = {name: [row]}
            for record in reversed(records):
                inner = {record: inner}
            row = inner
        if self.document:
            row = {self.document: json.dumps(row)}
        return row | dict(self.constant)


@dataclass
class _Table:
    """A table in the making.

    :param prefix: what a path begins with: the document's column, and the list whose entries are the rows.
    """

    document: str = ""
    entries: tuple[str, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    besides: dict[str, Any] = field(default_factory=lambda: dict(UNMAPPED))
    taken: set[str] = field(default_factory=lambda: {*UNMAPPED, *(each.partition(".")[0].lower() for each in RECORDS)})

    def add(self, name: str, record: str, kind: Kind) -> tuple[str, tuple[str, ...]]:
        """Add a column; return its path, and where a row has it. Names differ by more than case."""
        while name.lower() in self.taken:
            name += "x"
        self.taken.add(name.lower())
        fields, records = self.fields, tuple(filter(None, record.split(".")))
        for part in records:
            fields = fields.setdefault(part, {})
        fields[name] = kind
        before = (self.document,) * bool(self.document) + self.entries
        return ".".join((*before, *records, name)), (*records, name)

    def add_beside(self, name: str, kind: Kind) -> str:
        """Add a column of the table itself."""
        while name.lower() in self.taken:
            name += "y"
        self.taken.add(name.lower())
        self.besides[name] = kind
        return name

    @property
    def columns(self) -> Columns:
        """All of them."""
        if self.document:
            return self.besides
        inner: Any = self.fields
        if self.entries:
            inner = [inner]
            for part in reversed(self.entries):
                inner = {part: inner}
            return {**self.besides, **inner}
        return {**self.besides, **inner}


LAYOUTS = [("", ())] * 4 + [
    ("", ("dataByAsin",)),
    ("", ("report", "rows")),
    ("Raw JSON", ()),
    ("raw", ("data by asin",)),
]
"""A column with all of it as JSON, and the list whose entries are the rows."""

ZONES = ("UTC", "Europe/London", "America/Los_Angeles", "Asia/Tokyo")
"""Noon in UTC is the same day in each."""


@st.composite
def configurations(draw: Draw) -> Configuration:
    """Any mapping of the columns to names, records and types; optional columns may have none."""
    document, entries = draw(st.sampled_from(LAYOUTS))
    table, mapping, spots = _Table(document, entries), {}, {}
    if document:
        table.add_beside(document, draw(st.sampled_from(["JSON", "STRING"])))
    dates = draw(st.sampled_from([("period_start",), ("period_end",), ("period_start", "period_end")]))
    for column in SOURCE_COLUMNS:
        optional = not column.required and column.key not in dates
        if optional and (column.key.startswith("period_") or draw(st.booleans())):
            mapping[column.key] = None
            continue
        record = draw(st.sampled_from(["", "", *(() if document else RECORDS)]))
        names = st.sampled_from([column.source_name, column.key, "A Name"]) if document else _names(column)
        kind, place, write = draw(_readings(column, in_json=bool(document)))
        path, where = table.add(draw(names), record, kind)
        mapping[column.key] = draw(st.sampled_from([path, path, _in_other_case(path, document)])) if not place else path
        spots[column.key] = Spot(where, write)
        if place:
            mapping[column.key] = {"column": path} | place
        elif column.key != "marketplace" and draw(st.integers(0, 5)) == 0:
            other, _ = table.add(f"other_{column.key}", "", kind)
            mapping[column.key] = draw(st.sampled_from([[other, path], [path, other]]))  # the other one is empty
    if draw(st.integers(0, 9)) == 0:
        mapping["report_period"] = {"value": draw(st.sampled_from(["WEEK", "weekly"]))}
    marketplace = draw(st.sampled_from(["ATVPDKIKX0DER", "it's"])) if mapping["marketplace"] else None
    where, constant = draw(_conditions(table))
    same_feed = [table.add_beside("account_id", "INT64")] if draw(st.booleans()) else []
    if draw(st.booleans()):
        constant[table.add_beside("Country Code", "STRING")] = "US"
    names = draw(st.sampled_from([TABLES[0], TABLES[1], TABLES[2], TABLES[:2]]))
    source = {"table": names, "columns": mapping, "marketplace": marketplace, "where": where, "same_feed": same_feed}
    if entries:
        source["unnest"] = ".".join((document, *entries) if document else entries)
    settings = SourceSettings.model_validate(source)
    described, columns = draw(_partitions(dict(table.columns)))
    return Configuration(settings, columns, spots, constant, entries, document, described)


@st.composite
def _conditions(draw: Draw, table: _Table) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a row must have to belong here, in every way that the file can say it; and such a row."""
    ways: list[tuple[str, Any, Any]] = [
        ("STRING", "it's", "it's"),
        ("STRING", ["one", None, ""], None),
        ("STRING", {"values": ["Amazon\u00a0US"], "fold": True}, " AMAZON us"),
        ("BOOL", False, False),
        ("BOOL", [True, None], None),
        ("INT64", [7, 8], 8),
        ("INT64", [None], None),
    ]
    where, constant = {}, {}
    for kind, condition, value in draw(st.lists(st.sampled_from(ways), max_size=2)):
        name = table.add_beside(draw(st.sampled_from(["shop", "Client Name", "_fivetran_deleted", "landed_row"])), kind)
        where[name], constant[name] = condition, value
    return where, constant


@st.composite
def _partitions(draw: Draw, columns: dict[str, Kind]) -> tuple[dict[str, Any], dict[str, Kind]]:
    """A column that the table is partitioned by, or none."""
    named = [name for name, kind in columns.items() if kind in ("DATE", "DATETIME", "TIMESTAMP")]
    numbers = [name for name, kind in columns.items() if kind == "INT64"]
    column = draw(st.sampled_from([None, "_PARTITIONTIME", *named, *named, *numbers[:1]]))
    if column is None:
        return {}, columns
    described: dict[str, Any] = {"require_partition_filter": draw(st.booleans())}
    if column in numbers:
        described["range_partitioning"] = bigquery.RangePartitioning(
            field=column, range_=bigquery.PartitionRange(start=0, end=100, interval=10)
        )
        return described, columns
    by_ingestion = column == "_PARTITIONTIME"
    described["time_partitioning"] = bigquery.TimePartitioning(field=None if by_ingestion else column)
    return described, columns | ({column: "TIMESTAMP"} if by_ingestion else {})


def _names(column: Column) -> st.SearchStrategy[str]:
    usual = [column.source_name, column.key, column.source_name.replace("_", " ").title()]
    return st.sampled_from(usual) | st.sampled_from(CLASHING) | ODD


def _as_number(kind: str) -> Write:
    """A CSV lands numbers as texts, with commas between the thousands; other loaders as any number."""
    return lambda value: f"{value:,}" if isinstance(value, int) and kind == "STRING" else value


def _in_other_case(name: str, document: str) -> str:
    """BigQuery's names ignore the case of ASCII letters, those of JSON do not."""
    return name if document else "".join(letter.swapcase() if letter.isascii() else letter for letter in name)


def _readings(column: Column, *, in_json: bool) -> st.SearchStrategy[tuple[Kind, dict[str, Any], Write]]:
    """A column's type, what the file says of it besides its name, and how a value is written there."""
    if column in (PERIOD_START, PERIOD_END):
        found: list[tuple[Kind, dict[str, Any], Write]] = [
            ("STRING", {"format": "%d/%m/%Y"}, lambda day: f" {date.fromisoformat(day):%d/%m/%Y}"),
            ("STRING", {"pattern": r"^on (\S+)", "format": "%Y-%m-%d"}, lambda day: f"on {day} or so"),
        ]
        if not in_json:
            found += [("DATE", {}, str)] * 3
            found += [
                ("DATETIME", {}, lambda day: f"{day}T23:59:59"),
                ("INT64", {"format": "%Y%m%d"}, lambda day: int(day.replace("-", ""))),
                *(("TIMESTAMP", {"time_zone": zone}, lambda day: f"{day}T12:00:00+00:00") for zone in ZONES),
            ]
        return st.sampled_from(found)
    if column is INGESTED_AT:
        found = [
            ("STRING", {}, str),
            ("STRING", {"unit": "microseconds"}, lambda moment: str(_microseconds(moment))),
            ("STRING", {"format": "%d.%m.%y %H:%M"}, lambda moment: f"{datetime.fromisoformat(moment):%d.%m.%y %H:%M}"),
        ]
        if not in_json:
            found += [
                ("TIMESTAMP", {}, str),
                ("DATETIME", {"time_zone": "Europe/London"}, lambda moment: moment.removesuffix("Z")),
                ("INT64", {"unit": "seconds"}, lambda moment: _microseconds(moment) // 10**6),
                ("INT64", {"unit": "milliseconds"}, lambda moment: _microseconds(moment) // 10**3),
                ("DATE", {}, lambda moment: moment[:10]),
            ]
        return st.sampled_from(found)
    if column.key == "report_period":
        named = {"weekly": ["7d", "it's"], "monthly": ["1M"]}
        return st.sampled_from(
            [("STRING", {}, lambda word: f" {word.lower()}ly "), ("STRING", named, lambda word: "It's")]
        )
    if column.key == "asin":
        cut: tuple[Kind, dict[str, Any], Write] = ("STRING", {"pattern": r"(?s)^asin=(.*);$"}, lambda v: f"asin={v};")
        return st.sampled_from([("STRING", {}, str), ("STRING", {}, str), cut])
    kinds = {"STRING"} if in_json else {KINDS.get(name, name) for name in column.bigquery_types}
    return st.sampled_from([(kind, {}, _as_number(kind)) for kind in sorted(kinds)])


def _microseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).astimezone(UTC).timestamp()) * 10**6
