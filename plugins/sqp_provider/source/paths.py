"""Where a path of the settings leads in a table, and how a statement reads what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqp_provider.core.landing import Place
from sqp_provider.core.table_facts import TableFacts

NUMBER = re.compile(r"\[[0-9]+\]")
"""What takes an entry of a list: ``ids[0]``."""

_ENTRY = re.compile(r"(?P<name>.+?)\[(?P<number>[0-9]+)\]")
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SAME_TYPE = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}


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
class Paths:
    """The paths of one table.

    :param unnest: the list of which each entry is a row, ``dataByAsin``.
    """

    facts: TableFacts
    unnest: str | None = None

    def leaf(self, place: Place) -> Leaf:
        """Find a column.

        :raises Unreadable: there is none, or it is a list.
        """
        path = str(place.column)
        sql, kind, mode, rest = self.walk(path)
        if rest:
            sql, kind = f"json_value({_as_json(sql, kind)}, '{_json_path(rest)}')", "STRING"
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

    def walk(self, path: str, *, stop: bool = False) -> tuple[str, str, str, list[str]]:
        """Follow a path through records; return the statement's text, type and mode, and what is left for JSON.

        :param stop: the path is that of the list whose entries are rows.
        """
        unnest = None if stop else self.unnest
        parts, sql, walked = path.split("."), "landed_row", ""
        if unnest and path.lower().startswith(f"{unnest.lower()}."):
            _, kind, mode, rest = self.walk(unnest, stop=True)
            parts, sql, walked = path[len(unnest) + 1 :].split("."), "entry", f"{NUMBER.sub('', unnest)}."
            if rest or kind != "RECORD":
                return sql, kind if mode == "REPEATED" and not rest else "JSON", "NULLABLE", parts
        for number, part in enumerate(parts):
            entry = _ENTRY.fullmatch(part)
            name = entry["name"] if entry else part
            found = self.facts.column(walked + name)
            if found is None:
                raise Unreadable(f"column `{path}` is missing; the table has {self.known}")
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

    @property
    def entries(self) -> str:
        """Return the list of which each entry is a row, as the statement reads it; nothing if rows are rows."""
        if not self.unnest:
            return ""
        sql, kind, mode, rest = self.walk(self.unnest, stop=True)
        if mode == "REPEATED" and not rest:
            return sql
        if kind not in ("JSON", "STRING"):
            raise Unreadable(f"source.unnest is `{self.unnest}`, which is {kind} {mode}, expected a list")
        # a row without a list is one entry that says nothing: a reject
        return f"ifnull(json_query_array({_as_json(sql, kind)}, '{_json_path(rest)}'), [cast(null as json)])"

    def kind_of(self, path: str) -> str:
        """Return type and mode of what a path leads to, in one word where that is enough; ``missing``."""
        try:
            _, kind, mode, rest = self.walk(path)
        except Unreadable:
            return "missing"
        return "JSON" if rest else f"{kind} REPEATED" if mode == "REPEATED" else kind

    @property
    def known(self) -> str:
        """The columns of the table, for messages."""
        return ", ".join(sorted(self.facts.columns))


def _as_json(sql: str, kind: str) -> str:
    """Return a text as JSON: of a text, json_value would read an escaped emoji as two unknown characters."""
    return sql if kind == "JSON" else f"safe.parse_json({sql}, wide_number_mode => 'round')"


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
