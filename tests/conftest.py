"""Postgres for the tests: databases of their own on the server of $SQP_POSTGRES_DSN, dropped afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import Any

import hypothesis
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqp_provider.migrations import migrate
from tests import distribution, owned

hypothesis.settings.register_profile("unhurried", deadline=None)  # a busy machine fails no test
hypothesis.settings.load_profile("unhurried")

owned.enter(os.environ)  # before Airflow is imported, which reads it once

pytest_plugins = ["tests.fixtures", "tests.feeds"]

ALIVE = pytest.StashKey[ExitStack]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Say on the server that this session is alive, before it starts workers."""
    dsn, is_worker = os.environ.get("SQP_POSTGRES_DSN"), hasattr(session.config, "workerinput")
    with ExitStack() as stack:
        if dsn and not is_worker:
            stack.enter_context(owned.alive(dsn))
        session.config.stash[ALIVE] = stack.pop_all()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Drop what the session has, after its workers have ended."""
    config.stash.get(ALIVE, ExitStack()).close()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> distribution.Groups:
    """Take the place of what --dist says."""
    return distribution.Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let a worker have what takes longest first; without workers the order is that of the folders."""
    if hasattr(config, "workerinput"):
        items.sort(key=distribution.rank)


@pytest.fixture(scope="session")
def server_dsn() -> str:
    """The server the tests create their databases on."""
    dsn = os.environ.get("SQP_POSTGRES_DSN")
    if not dsn:
        raise pytest.UsageError('SQP_POSTGRES_DSN is not set: run "make services" and ". .dev/env" first.')
    return dsn


@pytest.fixture(scope="session")
def metadata_template(server_dsn: str) -> str:
    """The name of a metadata database of Airflow's, migrated and empty."""
    return owned.metadata_template(server_dsn)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish whose lock is refused tries again soon, so that no test waits for its pauses."""
    monkeypatch.setattr("sqp_provider.target.waiting.LONGEST_PAUSE_SECONDS", 0.3)


@pytest.fixture(scope="session", autouse=True)
def metadata_database(request: pytest.FixtureRequest) -> None:
    """The database that Airflow finds in this worker; without the services, unit tests do without it."""
    if dsn := os.environ.get("SQP_POSTGRES_DSN"):
        template = request.getfixturevalue("metadata_template")
        create = sql.SQL("create database {} template {}")
        with psycopg.connect(dsn, autocommit=True) as server:
            server.execute(create.format(sql.Identifier(owned.METADATA), sql.Identifier(template)))


@pytest.fixture
def empty_database(server_dsn: str) -> Iterator[str]:
    """The dsn of a new empty database."""
    with new_database(server_dsn) as dsn:
        yield dsn


@pytest.fixture
def database(server_dsn: str, migrated_template: Callable[[str], str]) -> Iterator[str]:
    """The dsn of a new database with schema ``sqp`` at the newest revision."""
    with new_database(server_dsn, template=migrated_template(server_dsn)) as dsn:
        yield dsn


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommitting connection to ``database`` whose search path is schema ``sqp``."""
    with psycopg.connect(database, autocommit=True, options="-c search_path=sqp") as connection:
        yield connection


@pytest.fixture(scope="session")
def make_database() -> Iterator[Callable[..., str]]:
    """Create a database that stays until the end of all tests: ``make_database(server_dsn, template)``."""
    with ExitStack() as databases:

        def make(server_dsn: str, template: str = "template0") -> str:
            return databases.enter_context(new_database(server_dsn, template))

        yield make


@pytest.fixture(scope="session")
def migrated_template(make_database: Callable[..., str]) -> Callable[[str], str]:
    """Name of a migrated database on the given server, made at the first call; cloning beats migrating."""

    @cache
    def template_on(server_dsn: str) -> str:
        dsn = make_database(server_dsn)
        migrate(dsn)
        return str(conninfo_to_dict(dsn)["dbname"])

    return template_on


@contextmanager
def new_database(server_dsn: str, template: str = "template0") -> Iterator[str]:
    """Create a database under a name nobody else uses, yield its dsn, drop it."""
    name = owned.new_name()
    with psycopg.connect(server_dsn, autocommit=True) as server:
        server.execute(sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield make_conninfo(server_dsn, dbname=name)
        finally:
            # A server that a test started for itself may be gone already, and the database with it.
            with suppress(psycopg.OperationalError):
                server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
