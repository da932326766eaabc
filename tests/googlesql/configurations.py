"""Configurations that the settings allow, each with the columns of a table that it fits.

This is the one place that knows how a configuration and a table may look. Whoever gives the settings a new key draws it
in :func:`configurations`, and every statement is analyzed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from sqp_provider.core.contract import SOURCE_COLUMNS, Column
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


@dataclass(frozen=True)
class Configuration:
    """Settings, and the columns of a table that they fit."""

    settings: SourceSettings
    columns: Columns

    @property
    def table(self) -> str:
        """The table's full name."""
        name = self.settings.table
        return name if name.count(".") == 2 else f"{PROJECT}.{name}"

    def landed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row of the table with these values of its logical columns, as the columns' types have them."""
        row: dict[str, Any] = {}
        for key, (_, path) in self.settings.mapped().items():
            fields, kinds = row, self.columns
            for part in path.split("."):
                name = next(each for each in kinds if each.lower() == part.lower())
                if isinstance(kind := kinds[name], str):
                    fields[name] = _as_landed(values[key], kind)
                else:
                    fields, kinds = fields.setdefault(name, {}), kind
        return row


@dataclass
class _Table:
    """A table in the making."""

    columns: dict[str, Any] = field(default_factory=lambda: dict(UNMAPPED))
    taken: set[str] = field(default_factory=lambda: {*UNMAPPED, *(each.partition(".")[0].lower() for each in RECORDS)})

    def add(self, name: str, record: str, kind: Kind) -> str:
        """Add a column, in a record or in none, and return its path; names differ by more than case."""
        while name.lower() in self.taken:
            name += "x"
        self.taken.add(name.lower())
        fields = self.columns
        for part in filter(None, record.split(".")):
            fields = fields.setdefault(part, {})
        fields[name] = kind
        return f"{record}.{name}" if record else name


@st.composite
def configurations(draw: Draw) -> Configuration:
    """Any mapping of the columns to names, records and types; optional columns may have none."""
    table, mapping = _Table(), {}
    dates = draw(st.sampled_from([("period_start",), ("period_end",), ("period_start", "period_end")]))
    for column in SOURCE_COLUMNS:
        optional = not column.required and column.key not in dates
        if optional and (column.key.startswith("period_") or draw(st.booleans())):
            mapping[column.key] = None
            continue
        path = table.add(draw(_names(column)), draw(st.sampled_from(["", "", *RECORDS])), draw(_kinds(column)))
        mapping[column.key] = draw(st.sampled_from([path, path, _in_other_case(path)]))
    marketplace = draw(st.sampled_from(["ATVPDKIKX0DER", "it's"])) if mapping["marketplace"] else None
    settings = SourceSettings(table=draw(st.sampled_from(TABLES)), columns=mapping, marketplace=marketplace)
    return Configuration(settings, table.columns)


def _names(column: Column) -> st.SearchStrategy[str]:
    usual = [column.source_name, column.key, column.source_name.replace("_", " ").title()]
    return st.sampled_from(usual) | st.sampled_from(CLASHING) | ODD


def _as_landed(value: Any, kind: str) -> Any:
    """A CSV lands numbers as texts, with commas between the thousands; other loaders as any number."""
    return f"{value:,}" if isinstance(value, int) and kind == "STRING" else value


def _in_other_case(name: str) -> str:
    """Only ASCII letters, because GoogleSQL tells other letters apart."""
    return "".join(letter.swapcase() if letter.isascii() else letter for letter in name)


def _kinds(column: Column) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted({KINDS.get(name, name) for name in column.bigquery_types}))
