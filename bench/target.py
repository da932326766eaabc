"""The target: a database for each repeat, cloned from one that has a published week, and dropped afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from bench.child import in_child
from bench.statements import statement
from sqp_provider.migrations import migrate


@dataclass
class Target:
    """One database."""

    dsn: str

    def row(self, file: str, name: str, values: Mapping[str, Any] | None = None, **names: sql.Composable) -> Any:
        """Run a statement and return its first row as a dict, or None if it returns no rows."""
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement(file, name, **names), values)
            return cursor.fetchone() if cursor.description else None

    def partition(self, week: date) -> sql.Identifier:
        """Return the table of a published week."""
        return sql.Identifier("sqp", f"weekly_summary_{week:%Y%m%d}")

    def keep_month_and_quarter_of(self, week: date) -> None:
        """Mark the week's month and quarter as synced, so that a publish of the week does not change them."""
        self.row("database", "own_month_and_quarter", {"week": week})

    def derive_months_and_quarters(self) -> None:
        """Let months and quarters be summed from the weeks again."""
        self.row("database", "disown_month_and_quarter")


@dataclass
class Server:
    """The services' Postgres, and the databases the benchmark made on it."""

    dsn: str = field(default_factory=lambda: os.environ["SQP_POSTGRES_DSN"])
    made: list[str] = field(default_factory=list)

    def migrated(self) -> Target:
        """Create an empty database and give it the schema."""
        target = self._create("template0")
        in_child(_migration, target.dsn)
        return target

    def copy(self, template: Target) -> Target:
        """Copy a database, and run a checkpoint so that nothing is left to write."""
        target = self._create(str(psycopg.conninfo.conninfo_to_dict(template.dsn)["dbname"]))
        target.row("database", "checkpoint")
        return target

    @contextmanager
    def clone(self, template: Target) -> Iterator[Target]:
        """Copy a database for one repeat."""
        target = self.copy(template)
        try:
            yield target
        finally:
            self._drop(self.made.pop())

    def drop(self) -> None:
        """Drop the databases that still exist."""
        while self.made:
            self._drop(self.made.pop())

    def _create(self, template: str) -> Target:
        name = f"sqp_bench_{uuid4().hex[:8]}"
        self._run("create_database", name=sql.Identifier(name), template=sql.Identifier(template))
        self.made.append(name)
        return Target(make_conninfo(self.dsn, dbname=name))

    def _drop(self, name: str) -> None:
        self._run("drop_database", name=sql.Identifier(name))

    def _run(self, block: str, **names: sql.Composable) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(statement("database", block, **names))


def _migration(dsn: str) -> Callable[[], None]:
    def step() -> None:
        migrate(dsn)

    return step
