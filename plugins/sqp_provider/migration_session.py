"""The connection of a migration: one session of the server from beginning to end, and never a pooler's."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from sqp_provider.revisions import MigrationError
from sqp_provider.sql_files import named_statements

log = logging.getLogger(__name__)

OLDEST_POSTGRES = 15

LOCK_TIMEOUT = "30s"
"""Better to fail and be run again than to queue in front of every reader of a busy table."""

_PROBES, _PROBES_BEHIND_A_PROXY = 2, 20

_POOLED = (
    "Migrating needs a session of its own, and {} is a pooler that gives each transaction another one, such as "
    "PgBouncer or Supavisor in transaction mode. {} Migrate over the direct connection (on Supabase port 5432, "
    "not 6543): name it in target.migrate_conn_id, or in SQP_POSTGRES_DSN for 'sqp migrate'."
)

Session = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def migration_session(dsn: str, schema: str) -> Iterator[Connection]:
    """Connect; in each transaction the schema is named and what the role or database has set is set aside.

    :raises MigrationError: database unreachable or too old, or a pooler is in between.
    """
    libpq_dsn = _for_libpq(dsn)
    with _opened(libpq_dsn) as connection:
        version = connection.scalar(text("select current_setting('server_version_num')::integer / 10000"))
        connection.commit()
        if version < OLDEST_POSTGRES:
            raise MigrationError(
                f"Postgres at {address(libpq_dsn)} is version {version}; {OLDEST_POSTGRES} or newer is "
                "needed (MERGE). The target is unchanged. Use a newer server."
            )
        with _reached(libpq_dsn):
            pid = _refuse_pooler(connection, libpq_dsn)
        _enter_each_transaction(connection, schema, pid, address(libpq_dsn))
        yield connection


@contextmanager
def turn(dsn: str, schema: str) -> Iterator[None]:
    """Wait until no other migration of the schema runs, and keep others waiting.

    The lock is that of a second connection's open transaction, so that no pooler can keep it. It is asked for again and
    again, and without parameters: a concurrent index waits for snapshots, which a waiting statement has, and so has the
    portal of a statement with parameters.
    """
    key = sql.Literal(f"sqp migrate {schema}")
    ask = sql.SQL("select pg_try_advisory_xact_lock(hashtextextended({}, 0))").format(key)
    with closing(_connect(_for_libpq(dsn))) as other:
        _enter(other, schema)
        waiting = False
        while other.execute(ask).fetchone() != (True,):
            other.rollback()
            if not waiting:
                log.info("Another migration of schema %s is running; waiting for it to finish.", schema)
            waiting = True
            time.sleep(0.2)
            _enter(other, schema)
        yield


def _connect(libpq_dsn: str) -> Session:
    connection = psycopg.connect(libpq_dsn, application_name="sqp migrate", connect_timeout=10, prepare_threshold=None)
    # Whatever the role's or the database's defaults are.
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    connection.read_only = False
    connection.add_notice_handler(_log_info)
    return connection


@contextmanager
def _opened(libpq_dsn: str) -> Iterator[Connection]:
    engine = create_engine("postgresql+psycopg://", creator=lambda: _connect(libpq_dsn), poolclass=NullPool)
    with _reached(libpq_dsn):
        connection = engine.connect()
    with connection:
        yield connection


@contextmanager
def _reached(libpq_dsn: str) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        raise MigrationError(
            f"Cannot connect to Postgres at {address(libpq_dsn)}: {first_line(error)} "
            "The target is unchanged. Check the connection (SQP_POSTGRES_DSN) and that the server is running."
        ) from error


def is_pooled(dsn: str) -> bool:
    """Return whether a pooler gives each transaction another session of the server. Nothing is changed there.

    :raises MigrationError: database unreachable.
    """
    libpq_dsn = _for_libpq(dsn)
    with _reached(libpq_dsn), closing(_connect(libpq_dsn)) as connection:
        return _own_process(connection, libpq_dsn) is None


def identity(dsn: str) -> str:
    """Return what the server calls the database, ``7581234567890123456/16384``, however it was reached.

    :raises MigrationError: database unreachable.
    """
    queries = named_statements("together")
    libpq_dsn = _for_libpq(dsn)
    with _reached(libpq_dsn), closing(_connect(libpq_dsn)) as session:
        may_identify = _only(session, queries["may_identify"])
        return str(_only(session, queries["identity" if may_identify else "identity_by_start"]))


def _only(session: Session, query: LiteralString) -> Any:
    row = session.execute(query).fetchone()
    return row and row[0]


def _refuse_pooler(connection: Connection, libpq_dsn: str) -> int:
    """Return the process that serves the session and no other one."""
    driver: Any = connection.connection.driver_connection
    pid = _own_process(driver, libpq_dsn)
    if pid is None:
        raise MigrationError(_POOLED.format(address(libpq_dsn), "The target is unchanged."))
    return pid


def _own_process(session: Session, libpq_dsn: str) -> int | None:
    """Return the process of a session, or None if other connections were given it between two transactions.

    A pooler answers a login in the server's place, with a number that is not the server's; then more are tried.
    """
    mine = {_pid(session)}
    is_direct = session.info.backend_pid in mine
    for _ in range(_PROBES if is_direct else _PROBES_BEHIND_A_PROXY):
        with closing(_connect(libpq_dsn)) as other:
            theirs = _pid(other, keep_open=True)
            if theirs not in mine:
                mine.add(_pid(session))
            if theirs in mine or len(mine) > 1:
                return None
    return mine.pop()


def _pid(connection: Session, *, keep_open: bool = False) -> int:
    row = connection.execute("select pg_backend_pid()").fetchone()
    if not keep_open:
        connection.rollback()
    return int(row[0]) if row else 0


def _enter_each_transaction(connection: Connection, schema: str, pid: int, at: str) -> None:
    @event.listens_for(connection, "begin")
    def enter(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if _enter(driver, schema) != pid:
            raise MigrationError(_POOLED.format(at, "The migration has stopped between two steps, each of them whole."))


def _enter(connection: Session, schema: str) -> int:
    """Set what holds for this transaction, and return the process that serves it."""
    enter = named_statements("session")["enter"]
    connection.execute(enter, {"schema": schema, "lock_timeout": LOCK_TIMEOUT, "row_security": "off"})
    row = connection.execute("select pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0


def _for_libpq(dsn: str) -> str:
    """SQLAlchemy names its driver in the scheme, libpq does not know such names."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", dsn)


def address(dsn: str) -> str:
    """Name the database without its password: ``db.example.com:5432/warehouse as sqp``."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "an address that is not a libpq connection string"
    host, port, name = parts.get("host", "local socket"), parts.get("port", 5432), parts.get("dbname", "")
    return f"{host}:{port}/{name} as {parts.get('user', 'the current user')}"


def first_line(error: DBAPIError | psycopg.Error) -> str:
    """Return what Postgres said, without its context."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).strip().split("\n")[0].rstrip(".") + "."


def _log_info(message: psycopg.errors.Diagnostic) -> None:
    """Pass on what the .sql files say with ``raise info``, not the server's own notices."""
    if message.severity_nonlocalized == "INFO":
        log.info("%s", message.message_primary)
