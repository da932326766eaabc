"""Every test of this folder runs twice: on the configured server and on Postgres 15, the oldest supported one."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sqp_provider.migrations import migrate
from tests.published import Publisher

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
SEED_SCHEMA = Path(__file__).with_name("seed_schema.sql")


@pytest.fixture(scope="session", params=["configured", "postgres 15"])
def server_dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    """The server the tests create their databases on."""
    if request.param == "configured":
        dsn = os.environ.get("SQP_POSTGRES_DSN")
        if not dsn:
            raise pytest.UsageError('SQP_POSTGRES_DSN is not set: run "make services" and ". .dev/env" first.')
        yield dsn
    elif not (POSTGRES_15 / "initdb").exists():
        missing = f"PostgreSQL 15 IS NOT TESTED: {POSTGRES_15} is missing (Debian: apt-get install postgresql-15)"
        if os.environ.get("SQP_REQUIRE_POSTGRES_15") == "1":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    else:
        with _server_of(POSTGRES_15) as dsn:
            yield dsn


@pytest.fixture(scope="session")
def shared_database(make_database: Callable[..., str]) -> Callable[..., str]:
    """A database of the given server that many tests use; each leaves it as it should be found."""
    return cache(make_database)


@pytest.fixture
def connection(
    server_dsn: str, shared_database: Callable[..., str], migrated_template: Callable[[str], str]
) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a migrated database, in a transaction that is rolled back."""
    dsn = shared_database(server_dsn, migrated_template(server_dsn))
    with connect(dsn) as connection, connection.transaction(force_rollback=True):
        yield connection


@pytest.fixture
def committing(database: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommitting connection to ``database``, for tests with a second session."""
    with connect(database) as connection:
        yield connection


@pytest.fixture
def other(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A second session beside ``committing``."""
    with connect(database) as connection:
        yield connection


@pytest.fixture
def publisher(database: str, monkeypatch: pytest.MonkeyPatch) -> Publisher:
    """Publishes rows into ``database`` as a sync does."""
    return Publisher(database, monkeypatch)


@pytest.fixture
def seed_database(server_dsn: str, shared_database: Callable[..., str]) -> str:
    """The dsn of a database with nothing but the specification's own schema: plain tables, adding trigger."""
    dsn = shared_database(server_dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop schema if exists sqp, sqp_staging cascade")
        connection.execute(SEED_SCHEMA.read_bytes())
    return dsn


@pytest.fixture
def seed(seed_database: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommitting connection to ``seed_database``."""
    with connect(seed_database) as connection:
        yield connection


@pytest.fixture
def adopt(seed: psycopg.Connection[Any], seed_database: str) -> Callable[[], psycopg.Connection[Any]]:
    """Migrate ``seed_database``; returns the connection to it."""

    def migrated() -> psycopg.Connection[Any]:
        migrate(seed_database)
        return seed

    return migrated


def connect(dsn: str) -> psycopg.Connection[Any]:
    """Connect with an eye on schema ``sqp``."""
    return psycopg.connect(dsn, autocommit=True, options="-c search_path=sqp")


@pytest.fixture(scope="session")
def logical_server(server_dsn: str) -> Iterator[str]:
    """A server of the same version whose write-ahead log another database can follow."""
    with psycopg.connect(server_dsn) as connection:
        (programs,) = connection.execute("select setting from pg_config where name = 'BINDIR'").fetchone() or ("",)
    with _server_of(Path(programs), "-c wal_level=logical") as dsn:
        yield dsn


def _unprivileged_account() -> str | None:
    """Whom the programs run as, which refuse to run as root."""
    if os.geteuid():
        return None
    return next(entry.pw_name for name in ("postgres", "nobody") for entry in pwd.getpwall() if entry.pw_name == name)


@contextmanager
def _server_of(programs: Path, options: str = "") -> Iterator[str]:
    """Run a throw-away server from the given folder of programs."""
    folder = Path(tempfile.mkdtemp(prefix="sqp-postgres-"))
    account = _unprivileged_account()
    if account:
        shutil.chown(folder, account)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, "-D", folder / "data", *arguments],
            user=account,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    try:
        run("initdb", "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        run("pg_ctl", "-w", "-o", f"-h 127.0.0.1 -p {port} -k {folder} -F {options}", "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
