"""Refuses to migrate a schema in which the sync could not work, before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, LiteralString

from sqlalchemy import Connection

from sqp_provider.core.adoption import (
    SPECIFIED_FUNCTIONS,
    ColumnFound,
    DatabaseFound,
    KeyFound,
    Obstacle,
    OthersFound,
    TableFound,
    obstacles,
)
from sqp_provider.core.period import SyncType
from sqp_provider.core.together import SUMS
from sqp_provider.revisions import MigrationError
from sqp_provider.sql_files import named_statements, schema_files, sql_folder

_OF_OTHERS = ("open_schema", "forced", "publications")
"""The statements that find what others have set or made."""

ADOPTABLE = ("sync_log", "data_quality_checks", *(sync_type.target_table for sync_type in SyncType))
"""Tables that may be there before the first migration."""


Ask = Callable[[LiteralString, dict[str, Any]], Sequence[Mapping[Any, Any]]]
"""Runs a statement and returns its rows by column, over whatever connection the caller has."""


def refuse_obstacles(connection: Connection, schema: str) -> None:
    """Read the catalogue, and stop if something there would keep the sync from working.

    :raises MigrationError: names every object, what was found, and what to do.
    """

    def ask(statement: LiteralString, values: dict[str, Any]) -> Sequence[Mapping[Any, Any]]:
        return connection.exec_driver_sql(statement, values).mappings().all()

    with connection.begin():
        found = find_obstacles(ask, schema)
    if found:
        listed = "".join(f"\n- {schema}.{obstacle}" for obstacle in found)
        raise MigrationError(
            f"Schema {schema} cannot be migrated as it is. The target is unchanged. "
            f"Put this right and migrate again:{listed}"
        )


def find_obstacles(ask: Ask, schema: str) -> list[Obstacle]:
    """Return what in the schema would keep the sync from working; ``[]`` if nothing would."""
    return obstacles(_found(ask, schema))


def _found(ask: Ask, schema: str) -> DatabaseFound:
    def rows(statement: str, **values: Any) -> Sequence[Mapping[Any, Any]]:
        return ask(named_statements("adoption")[statement], {"schema": schema} | values)

    others = [OthersFound(**row) for statement in _OF_OTHERS for row in rows(statement)]
    if not rows("migrated"):
        others += [OthersFound(**row) for row in rows("names_taken", relations=own_relations())]
        others += [taken for row in rows("functions", functions=own_functions()) if (taken := _taken(row))]
    return DatabaseFound(
        tables=tuple(TableFound(**row) for row in rows("tables")),
        columns=tuple(ColumnFound(**row) for row in rows("columns")),
        keys=tuple(KeyFound(**{**row, "columns": row["columns"] and tuple(row["columns"])}) for row in rows("keys")),
        others=tuple(others),
    )


def _taken(function: Mapping[str, Any]) -> OthersFound | None:
    """Return what keeps a function from being replaced, or None."""
    name = f"{function['name']}()"
    rename = f"Rename it (alter function {function['name']} rename to …), or choose another schema."
    wanted = SPECIFIED_FUNCTIONS.get(function["name"])
    if wanted is None:
        return OthersFound(name, "has a name that the sync needs for a function of its own", rename)
    if function["result"] != wanted:
        return OthersFound(name, f"returns {function['result']}, and the specification says {wanted}", rename)
    if not function["is_ours_to_change"]:
        owner = function["owner"]
        return OthersFound(name, f"belongs to {owner}, and only its owner may replace it", f"Migrate as {owner}.")
    return None


def own_functions() -> list[str]:
    """Return the names of our functions."""
    return sorted(set(_named(schema_files(), "create or replace function")))


def own_relations() -> list[str]:
    """Return the names of our tables and views that may not be there before the first migration."""
    tables = _named([sql_folder("schema/0_tables.sql") / "schema" / "0_tables.sql"], "create table")
    views = {*_named(schema_files(), "create or replace view"), *SUMS}
    return sorted({*tables, *views} - set(ADOPTABLE))


def _named(files: list[Path], statement: str) -> list[str]:
    found = re.compile(rf"^{statement} (\w+)", re.MULTILINE)
    return [name for file in files for name in found.findall(file.read_text(encoding="utf-8"))]
