"""The values that a landed row has, by path: columns, fields of records, entries of lists, keys of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_SAME_TYPE = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}
_WRITABLE = re.compile(r"[^`\\'\".\x00-\x1f\[\]]+")


@dataclass
class Field:
    """One value of a landed row, and what some rows have there.

    :param path: as ``source.columns`` says it: ``asin``, ``dataByAsin.asin``, ``spec.marketplaceIds[0]``.
    :param type: BigQuery's type in the words of its REST API; ``JSON`` for a text inside JSON.
    :param entries_of: the list of whose entries it is a part, ``dataByAsin``.
    """

    path: str
    type: str
    entries_of: str | None = None
    samples: list[Any] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The last part of the path, in lower case, letters and digits only: ``asinclickcount``."""
        return normalised(re.sub(r"\[\d+\]$", "", self.path).rsplit(".", 1)[-1])


def normalised(name: str) -> str:
    """``normalised("Clicks: ASIN Count") == normalised("clicks_asin_count") == "clicksasincount"``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def fields_of(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> list[Field]:
    """Return each value that a configuration could name.

    :param columns: type and mode by path, as BigQuery's table says them.
    :param rows: some rows as the client returns them: records are mappings, lists are lists, JSON may be text.
    """
    lists = {path for path, kind in columns.items() if kind.endswith(" REPEATED")}
    found: dict[str, Field] = {}
    for path, kind in columns.items():
        name, _, mode = kind.partition(" ")
        inside = next((each for each in sorted(lists) if path.startswith(f"{each}.")), None)
        name = _SAME_TYPE.get(name, name)
        if name == "RECORD":
            continue
        values = [value for row in rows for value in _at(row, path.split(".")) if value is not None]
        if mode == "REPEATED":
            each = Field(f"{path}[0]", name, inside, values)
            found[each.path] = each
        elif parsed := _parsed(name, values):
            for value in parsed:
                _walk_json(value, path, inside, found)
        else:
            found[path] = Field(path, name, inside, values)
    return list(found.values())


def _at(value: Any, parts: Sequence[str]) -> Iterator[Any]:
    """Yield what a path leads to: of a list all entries."""
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from _at(entry, parts)
    elif not parts:
        yield value
    elif isinstance(value, Mapping):
        yield from _at(value.get(parts[0]), parts[1:])


def _parsed(kind: str, values: Sequence[Any]) -> list[Any]:
    """Return the objects and lists that a JSON column holds, or a text column that holds nothing else."""
    if kind not in ("JSON", "STRING") or not values:
        return []
    parsed = []
    for value in values:
        if isinstance(value, str):
            if not value.lstrip().startswith(("{", "[")):
                return []
            try:
                value = json.loads(value)
            except ValueError:
                return []
        parsed.append(value)
    return [value for value in parsed if isinstance(value, (dict, list))]


def _walk_json(value: Any, path: str, inside: str | None, found: dict[str, Field]) -> None:
    if isinstance(value, dict):
        for key, entry in value.items():
            if _WRITABLE.fullmatch(key):
                _walk_json(entry, f"{path}.{key}", inside, found)
    elif isinstance(value, list):
        for entry in value:
            if isinstance(entry, dict):
                _walk_json(entry, path, inside or path, found)
            elif value.index(entry) == 0:
                _walk_json(entry, f"{path}[0]", inside, found)
    elif value is not None:
        found.setdefault(path, Field(path, "JSON", inside)).samples.append(value)
