"""The hook's connection: what outlives a task, and what must not."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from sqp_provider.core.errors import TargetUnreachable
from sqp_provider.core.settings import TargetSettings
from sqp_provider.hooks.postgres import SqpPostgresHook
from tests.fixtures import connection_to

WAIT_FOR_A_LOCK = """
from sqp_provider.core.settings import TargetSettings
from sqp_provider.hooks.postgres import SqpPostgresHook
with SqpPostgresHook(TargetSettings()).transaction() as database:
    database.connection.execute("select pg_advisory_xact_lock(1), pg_advisory_xact_lock(2)")
"""


def test_the_locks_of_a_task_that_was_killed_while_it_waited_go_with_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(database))
    locks = """select objid from pg_locks
        where locktype = 'advisory' and pid <> pg_backend_pid() and granted
        and database = (select oid from pg_database where datname = current_database())"""
    with psycopg.connect(database, autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(2)")
        task = subprocess.Popen([sys.executable, "-c", WAIT_FOR_A_LOCK])
        wait_until(lambda: holder.execute(locks).fetchall() == [(1,)] or task.poll() is not None)
        assert task.poll() is None
        task.send_signal(signal.SIGKILL)
        task.wait()
        wait_until(lambda: holder.execute(locks).fetchall() == [])


@pytest.mark.parametrize(("constant", "extra"), [(2, {}), (86_400, {"connect_timeout": 2})])
def test_a_server_that_never_answers_is_given_up(
    monkeypatch: pytest.MonkeyPatch, constant: int, extra: dict[str, int]
) -> None:
    """Unless the connection says how long; two seconds are the shortest that psycopg knows."""
    monkeypatch.setattr("sqp_provider.hooks.postgres.CONNECT_SECONDS", constant)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = {"conn_type": "postgres", "host": "127.0.0.1", "port": silent.getsockname()[1], "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", json.dumps(connection))
        with pytest.raises(TargetUnreachable, match="timeout"), SqpPostgresHook(TargetSettings()).transaction():
            pass


def test_a_connection_waits_ten_seconds_and_keeps_what_else_its_extra_says(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"application_name": "reports"}
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", json.dumps(json.loads(connection_to(database)) | {"extra": extra}))
    with closing(SqpPostgresHook(TargetSettings()).get_conn()) as connection:
        parameters = connection.info.get_parameters()  # type: ignore[attr-defined]
    assert (parameters["connect_timeout"], parameters["application_name"]) == ("10", "reports")


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.1)
