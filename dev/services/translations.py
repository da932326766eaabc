"""What the emulator need not do again: parse one text some twenty times, translate one statement for each table.

It parses a statement anew in each of its steps, and translates it into DuckDB's SQL in thirty more. That is most of
what a sync takes in it. Both depend on the text alone, and from one sync to the next only the names of tables differ.
"""

import re
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

ONLY_READ = {
    "bqemulator.catalog.ddl_sync",
    "bqemulator.jobs.ddl_result",
    "bqemulator.jobs.executor",
    "bqemulator.jobs.routine_ddl",
    "bqemulator.sql.catalog_schema",
}
"""Modules that change nothing in the tree they get, so that they can share one."""

PARSED = re.compile(r"safe\.parse_json\(([^(),]+), wide_number_mode => 'round'\)")
"""It loses this function's name in a CREATE TABLE AS. Its functions of JSON take texts, too, and know each escape."""

TABLE = re.compile(r"(?<=`)([\w-]+)\.(\w+)\.(\w+)(?=`)")


class Names:
    """Stand-ins for the names of datasets and tables, so that a statement is one text whatever tables it is about."""

    def __init__(self) -> None:
        self.stand_ins: dict[str, str] = {}

    def hidden(self, text: str) -> str:
        """Return the text with a stand-in for each name of a table between back-ticks."""
        return TABLE.sub(lambda found: f"{found[1]}.{self.of(found[2])}.{self.of(found[3])}", text)

    def of(self, name: str) -> str:
        """Return a name's stand-in."""
        return self.stand_ins.setdefault(name, f"name_{len(self.stand_ins)}_")

    def restored(self, text: str) -> str:
        """Return a text with the names again."""
        for name, stand_in in self.stand_ins.items():
            text = text.replace(stand_in, name)
        return text


class Translated(str):
    """A statement of DuckDB that knows what it is with stand-ins."""

    hidden: str
    names: Names

    @classmethod
    def of(cls, hidden: str, names: Names) -> "Translated":
        """Put the names into a translation."""
        text = cls(names.restored(hidden))
        text.hidden, text.names = hidden, names
        return text


def remember() -> None:
    """Take the place of the emulator's own functions."""
    import sqlglot
    from bqemulator.jobs import executor
    from bqemulator.sql.translator import SQLTranslator

    sqlglot.parse_one = _sharing_trees(sqlglot.parse_one)
    SQLTranslator.translate = _translating_once(SQLTranslator.translate)
    executor.rewrite_table_refs = _qualifying_once(executor.rewrite_table_refs)


def _sharing_trees(parse: Callable[..., Any]) -> Callable[..., Any]:
    shared = lru_cache(maxsize=8)(parse)

    def parse_one(text: str, **options: Any) -> Any:
        reader = sys._getframe(1).f_globals["__name__"]
        return (shared if reader in ONLY_READ else parse)(text, **options)

    return parse_one


def _translating_once(translate: Callable[..., Any]) -> Callable[..., Any]:
    @lru_cache(maxsize=256)
    def remembered(translator: Any, text: str, schema: frozenset[Any], caller: Any) -> Any:
        tables = {table: dict(columns) for table, columns in schema}
        return translate(translator, text, schema=tables or None, caller=caller)

    def translate_once(self: Any, text: str, *, schema: dict[str, dict[str, str]] | None = None, caller: Any) -> Any:
        names = Names()
        text = PARSED.sub(r"\1", text)
        hidden = names.hidden(text)
        tables = frozenset((names.of(table), tuple(columns.items())) for table, columns in (schema or {}).items())
        found = remembered(self, hidden, tables, caller)
        if found.is_ok():
            return type(found)(Translated.of(found.value, names))
        return translate(self, text, schema=schema, caller=caller)  # an error names the tables

    return translate_once


def _qualifying_once(qualify: Callable[[str, str], str]) -> Callable[[str, str], str]:
    remembered = lru_cache(maxsize=256)(qualify)

    def rewrite_table_refs(text: str, project: str) -> str:
        if isinstance(text, Translated):
            return text.names.restored(remembered(text.hidden, project))
        return qualify(text, project)

    return rewrite_table_refs
