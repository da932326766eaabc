"""Several feeds in a database of one test, whose roles are its own too: a server has one set of roles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from sqp_provider.core.feeds import Feeds
from sqp_provider.migrations import migrate
from sqp_provider.together import put_together
from tests.conftest import new_database

AIRFLOW = "https://airflow.example.com"

US_AND_CA: dict[str, Any] = {"us": {"source": {"where": {"Client Name": "Acme"}}}, "ca": {}}


@dataclass(frozen=True)
class Several:
    """A database and what the schemas of the feeds in it begin with."""

    dsn: str
    prefix: str

    def feeds(self, named: dict[str, Any], **defaults: Any) -> Feeds:
        """The configuration of some feeds."""
        return Feeds.checked(self.configuration(named, **defaults), origin="sqp_config.yaml")

    def configuration(self, named: dict[str, Any], **defaults: Any) -> dict[str, Any]:
        """The same as it stands in the file."""
        content = {"source": {"table": "amazon.report"}, "target": {"schema": self.prefix}, "airflow": AIRFLOW}
        return content | defaults | {"feeds": named}

    def migrate(self, feeds: Feeds, *names: str, dsn: str | None = None) -> list[str]:
        """Migrate the named feeds, or all; then put the views over all in force, and return which feeds they have."""
        for name in names or feeds.names:
            migrate(dsn or self.dsn, feeds.of(name).target.schema_name, feeds.of(name))
        return put_together(dsn or self.dsn, feeds, AIRFLOW)

    def schema(self, feed: str) -> str:
        """The schema of a feed, or that of the views: ``schema("all")``."""
        return f"{self.prefix}_{feed}"

    def execute(self, statement: str, dsn: str | None = None) -> list[tuple[Any, ...]]:
        """Run a statement in which ``sqp_us`` stands for the schema of feed ``us``, and return its rows."""
        with psycopg.connect(dsn or self.dsn) as connection:
            done = connection.execute(re.sub("sqp_(?!test_)", f"{self.prefix}_", statement).encode())
            return done.fetchall() if done.description else []

    def add_week(self, feed: str, *queries: str, schema: str | None = None) -> None:
        """Insert a row of week 2026-11-08 for each query."""
        table = sql.Identifier(schema or self.schema(feed), "weekly_summary")
        row = sql.SQL("insert into {} (period_start, period_end, query, asin) values ({}, {}, %s, 'B0EXAMPLE1')")
        with psycopg.connect(self.dsn) as connection:
            for query in queries:
                connection.execute(row.format(table, "2026-11-08", "2026-11-14"), [query])


@contextmanager
def several_in(server_dsn: str) -> Iterator[Several]:
    """Make the database, and drop it and its roles."""
    prefix = f"t{uuid4().hex[:8]}"
    try:
        with new_database(server_dsn) as dsn:
            yield Several(dsn, prefix)
    finally:
        with psycopg.connect(server_dsn, autocommit=True) as server:
            for (role,) in server.execute(
                "select rolname from pg_roles where rolname ^@ %s", [f"{prefix}_"]
            ).fetchall():
                server.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))
