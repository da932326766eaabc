"""A PgBouncer before the target. In transaction mode each transaction may get another connection of the server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from dev.services.ports import any_free

PROGRAM = "pgbouncer"

CONFIGURATION = """
[databases]
* = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = {pool_mode}
default_pool_size = {pool_size}
server_round_robin = {round_robin}
ignore_startup_parameters = options, extra_float_digits
logfile = {folder}/log
"""

STATE = """
    select
        current_user::text, current_setting('search_path'), current_setting('lock_timeout'),
        current_setting('work_mem'), current_setting('statement_timeout'), current_setting('datestyle'),
        current_setting('row_security'), (select count(*) from pg_prepared_statements),
        (select count(*) from pg_class where relpersistence = 't'),
        (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())
"""
"""What a client of the pool finds in its session."""


def pgbouncer_path() -> str:
    """Where PgBouncer is; without it the tests are skipped, unless SQP_REQUIRE_PGBOUNCER=1 makes that a failure."""
    if found := shutil.which(PROGRAM, path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return found
    missing = "A POOLER IS NOT TESTED: there is no pgbouncer (Debian: apt-get install pgbouncer)"
    if os.environ.get("SQP_REQUIRE_PGBOUNCER") == "1":
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@contextmanager
def pooled(dsn: str, *, pool_mode: str = "transaction", pool_size: int = 3, round_robin: bool = False) -> Iterator[str]:
    """Run a pooler before a database, as nobody where the tests are root, and yield the dsn through it."""
    program, parts = pgbouncer_path(), conninfo_to_dict(dsn)
    folder, port = Path(tempfile.mkdtemp(prefix="sqp-pgbouncer-")), any_free()
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            host=parts["host"],
            port=parts["port"],
            user=parts["user"],
            password=parts.get("password", "none"),
            listen_port=port,
            pool_mode=pool_mode,
            pool_size=pool_size,
            round_robin=int(round_robin),
            folder=folder,
        )
    )
    account = "nobody" if os.geteuid() == 0 else None
    if account:
        for path in (folder, configuration):
            shutil.chown(path, account)
    running = subprocess.Popen([program, "-q", configuration], user=account)
    through = make_conninfo(dsn, host="127.0.0.1", port=port, password="any")
    try:
        _wait_for(through, running, folder)
        yield through
    finally:
        running.send_signal(signal.SIGINT)
        running.wait()
        shutil.rmtree(folder)


def _wait_for(dsn: str, running: subprocess.Popen[bytes], folder: Path) -> None:
    while True:
        try:
            psycopg.connect(dsn).close()
            return
        except psycopg.OperationalError:
            if running.poll() is not None:
                raise RuntimeError(f"PgBouncer has ended:\n{(folder / 'log').read_text()}") from None
            time.sleep(0.05)


@contextmanager
def other_clients(dsn: str, count: int = 4) -> Iterator[set[tuple[object, ...]]]:
    """Keep the pool's connections moving between clients; yields the states of a session that they have found."""
    found: set[tuple[object, ...]] = set()
    over = threading.Event()

    def work() -> None:
        with psycopg.connect(dsn, prepare_threshold=None) as connection:
            while not over.is_set():
                found.update(connection.execute(STATE).fetchall())
                connection.execute("select pg_sleep(0.003)")
                connection.commit()

    with _threads(work, count):
        try:
            yield found
        finally:
            over.set()


@contextmanager
def _threads(work: Callable[[], None], count: int) -> Iterator[None]:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()
