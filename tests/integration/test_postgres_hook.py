"""The hook's connection: what outlives a task, and what must not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psycopg
import pytest

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
        wait_until(lambda: holder.execute(locks).fetchall() == [(1,)])
        task.send_signal(signal.SIGKILL)
        task.wait()
        wait_until(lambda: holder.execute(locks).fetchall() == [])


def wait_until(condition: object, seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < give_up
        time.sleep(0.1)
