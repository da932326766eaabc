"""Three feeds of one source table in one database, and what a schema holds, to see that nobody else touches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from sqp_provider.core.feeds import Feeds
from sqp_provider.migrations import migrate
from tests.conftest import new_database
from tests.fixtures import connection_to
from tests.landing import COLUMNS, Landing
from tests.stages import Stages

MARKETPLACES = {"acme_us": ("US",), "acme_ca": ("CA",), "acme_eu": ("DE", "FR")}
"""The feeds, and which rows each takes; the last one takes those of two marketplaces as one."""

ROWS = {"r": "t::text || t.xmin", "S": "concat(t.last_value, t.is_called)"}
"""What is read of each row of a table and of a sequence."""

Row = Mapping[str, Any]


def feeds_over(table: str, dataset: str, own: Mapping[str, Any] | None = None, **sections: Any) -> Feeds:
    """Return the three feeds of a table with a column ``country``.

    :param own: what a feed has besides, by name.
    """
    source = {
        "table": table,
        "staging_dataset": dataset,
        "retry_seconds": 1,
        "columns": {"ingested_at": "ingested_at"},
        "same_feed": ["country"],
    }
    feeds = {name: dict((own or {}).get(name, {})) for name in MARKETPLACES}
    for name, values in MARKETPLACES.items():
        feeds[name]["source"] = {"where": {"country": list(values)}} | feeds[name].get("source", {})
    content = {"source": source | sections.pop("source", {}), "feeds": feeds, **sections}
    found = Feeds.checked(content, origin="sqp_config.yaml")
    assert found.mistakes == {}
    return found


@dataclass
class SharedTable:
    """The rows of all feeds, by feed."""

    landing: Landing
    columns: Mapping[str, str] = field(default_factory=lambda: COLUMNS)
    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in MARKETPLACES})

    def create(self) -> None:
        """Create it anew, with the rows that it is to have."""
        self.landing.create(dict(self.columns) | {"country": "STRING"})
        self.landing.land(*(row for rows in self.rows.values() for row in rows))


class Part(Landing):
    """The rows of one feed in the shared table; creating it anew leaves those of the others."""

    def __init__(self, shared: SharedTable, feed: str) -> None:
        super().__init__(shared.landing.client, shared.landing.table)
        self.shared = shared
        self.feed = feed
        self.countries = cycle(MARKETPLACES[feed])

    def create(self, columns: Mapping[str, str] = COLUMNS) -> None:
        """Delete this feed's rows."""
        self.shared.rows[self.feed] = []
        self.shared.create()

    def land(self, *rows: Row) -> None:
        """Add rows of this feed."""
        added = [dict(row) | {"country": next(self.countries)} for row in rows]
        self.shared.rows[self.feed] += added
        super().land(*added)


@dataclass
class Several:
    """The feeds of one test, with the landing and the stages of each."""

    feeds: Feeds
    dsn: str
    shared: SharedTable

    def __post_init__(self) -> None:
        self.parts = {name: Part(self.shared, name) for name in self.feeds.names}
        self.stages = {name: Stages(self.feeds.of(name), self.dsn) for name in self.feeds.names}

    def untouched(self, *names: str) -> dict[str, Any]:
        """What these feeds have; two of these are equal if nobody touched them in between."""
        return {name: held(self.dsn, self.feeds.of(name).target.schema_name) for name in names}

    def others(self, name: str) -> list[str]:
        """All feeds but one."""
        return [each for each in self.feeds.names if each != name]


def held(dsn: str, schema: str) -> dict[str, Any]:
    """Every table of a schema and of its staged tables: which file it is, its rows, and who wrote each."""
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            "select oid::regclass::text, relnamespace::regnamespace::text, relname, oid, relfilenode, relkind"
            " from pg_class where relnamespace::regnamespace::text = any(%s) and relkind in ('r', 'S', 'v', 'p')",
            [[schema, f"{schema}_staging"]],
        ).fetchall()
        return {
            name: (oid, file, _rows(connection, namespace, table, ROWS[kind]) if kind in ROWS else None)
            for name, namespace, table, oid, file, kind in tables
        }


def _rows(connection: psycopg.Connection[Any], schema: str, table: str, row: str) -> Any:
    ask = f"select count(*), md5(string_agg(row, ',' order by row)) from (select {row} as row from {{}} as t) as t"
    return connection.execute(sql.SQL(ask).format(sql.Identifier(schema, table))).fetchone()


@pytest.fixture(scope="session")
def feeds_template(server_dsn: str, make_database: Callable[..., str]) -> str:
    """The name of a database with the schemas of the three feeds."""
    dsn = make_database(server_dsn)
    for name in MARKETPLACES:
        migrate(dsn, f"sqp_{name}")
    return str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def feeds_database(server_dsn: str, feeds_template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The dsn of a new database with the schemas of the three feeds, which is that of the connection."""
    with new_database(server_dsn, template=feeds_template) as dsn:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(dsn))
        yield dsn


@pytest.fixture
def three(landing: Landing, dataset: str, feeds_database: str) -> Several:
    """Three feeds of one empty table, in one database."""
    shared = SharedTable(landing)
    shared.create()
    return Several(feeds_over(landing.table, dataset), feeds_database, shared)
