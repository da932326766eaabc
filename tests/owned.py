"""What one session of the tests owns: its databases, and an Airflow home with a metadata database for each worker.

All of it is named after the session and goes with it. What a killed session has left goes when the next one starts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from dev.checkout import STATE

PREFIX = "sqp_test_"
NAME = os.environ.setdefault("SQP_TEST_SESSION", f"{PREFIX}{uuid4().hex[:8]}")
"""The same in all workers of a session: they inherit it."""

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
HOMES = STATE / "tests"
HOME = HOMES / NAME / WORKER
METADATA = f"{NAME}_airflow_{WORKER}"
METADATA_TEMPLATE = "sqp_template_airflow"
"""Stays on the server: it takes ten seconds to migrate, and no session writes to it."""


def new_name() -> str:
    """Return the name of a database that nobody else has."""
    return f"{NAME}_{uuid4().hex[:12]}"


def enter(environment: os._Environ[str]) -> None:
    """Lead Airflow away from the home and the database that `make up` uses, before it is imported."""
    environment["AIRFLOW_HOME"] = str(HOME / "airflow")
    # Nobody needs the tests' data after a power cut, so that no commit waits for the disk.
    environment["PGOPTIONS"] = "-c synchronous_commit=off"
    if dsn := environment.get("SQP_POSTGRES_DSN"):
        environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = for_sqlalchemy(make_conninfo(dsn, dbname=METADATA))


def for_sqlalchemy(dsn: str) -> str:
    """Return the URL of a database as Airflow reads it."""
    parts = conninfo_to_dict(dsn)
    login = f"{parts['user']}:{parts['password']}" if parts.get("password") else parts["user"]
    return f"postgresql+psycopg2://{login}@{parts['host']}:{parts['port']}/{parts['dbname']}"


@contextmanager
def alive(server_dsn: str) -> Iterator[None]:
    """Hold the session's name on the server; before it drop what others left, after it what this one has."""
    with psycopg.connect(server_dsn, autocommit=True, application_name=NAME) as server:
        at_work = {str(name) for (name,) in server.execute("select application_name from pg_stat_activity")}
        for name in _sessions(server) - at_work:
            _remove(server, name)
        try:
            yield
        finally:
            _remove(server, NAME)


def left(server: psycopg.Connection[tuple[object, ...]], session: str) -> list[str]:
    """Return the databases of a session."""
    ask = "select datname from pg_database where datname = %s or starts_with(datname, %s)"
    found = server.execute(ask, [session, f"{session}_"])
    return [str(name) for (name,) in found]


def metadata_template(server_dsn: str) -> str:
    """Return the name of a metadata database to clone; the first session with this version of Airflow migrates it."""
    wanted = f"airflow {version('apache-airflow')}"
    with psycopg.connect(server_dsn, autocommit=True) as server:
        server.execute("select pg_advisory_lock(hashtext(%s))", [METADATA_TEMPLATE])
        ask = "select shobj_description(oid, 'pg_database') from pg_database where datname = %s"
        if server.execute(ask, [METADATA_TEMPLATE]).fetchone() != (wanted,):
            name = sql.Identifier(METADATA_TEMPLATE)
            server.execute(sql.SQL("drop database if exists {} with (force)").format(name))
            server.execute(sql.SQL("create database {}").format(name))
            _migrate(make_conninfo(server_dsn, dbname=METADATA_TEMPLATE))
            server.execute(sql.SQL("comment on database {} is {}").format(name, wanted))
    return METADATA_TEMPLATE


def _sessions(server: psycopg.Connection[tuple[object, ...]]) -> set[str]:
    named = [*left(server, PREFIX.rstrip("_")), *(path.name for path in HOMES.glob(f"{PREFIX}*"))]
    return {"_".join(name.split("_")[:3]) for name in named}


def _remove(server: psycopg.Connection[tuple[object, ...]], session: str) -> None:
    for database in left(server, session):
        server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))
    shutil.rmtree(HOMES / session, ignore_errors=True)


def _migrate(dsn: str) -> None:
    environment = os.environ | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": for_sqlalchemy(dsn)}
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"'airflow db migrate' failed:\n{done.stdout[-3000:]}")
