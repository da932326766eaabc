"""Postgres: one transaction with the schema as its search_path, named statements and explained errors."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from copy import deepcopy
from typing import Any, cast

import psycopg
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import Connection
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from sqp_provider.core.errors import TargetUnreachable, TargetUnusable
from sqp_provider.core.revision import SchemaVersion, refuse_other_version, refuse_renamed
from sqp_provider.core.settings import TargetSettings
from sqp_provider.hooks.postgres_errors import explained, found_in
from sqp_provider.sql_files import files_hash, named_statements, newest_revision

Names = Mapping[str, sql.Composable]

CONNECT_SECONDS = 10
"""How long to wait for a connection, unless the connection's extra has ``connect_timeout``. psycopg waits 130 s."""

MOMENT_SECONDS = 0.2
"""How long readers may have to wait because we wait for a lock."""

PATIENT_SECONDS = 10.0
"""How long we wait for a lock that nobody else waits for."""

_SERVER_STOPS = "57P"
"""The first characters of the codes with which a server shuts down or ends a session."""


class Database:
    """A connection inside a transaction. It runs the statements of ``sql/queries/``."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]], settings: TargetSettings) -> None:
        self.connection = connection
        self.settings = settings

    def enter(self, *, read_only: bool) -> None:
        """Set what holds for this transaction, and compare the schema's version with that of this code.

        All of it is one message to the server, which runs its statements one after the other: each is parsed with the
        search_path and the rights that those before it have set.

        :raises SchemaMismatch: they differ, or the schema was renamed.
        :raises TargetUnusable: row security hides rows from a role that would write.
        """
        schema = self.settings.schema_name
        names = ("enter", "act_as_writer", "version", *(() if read_only else ("hidden_rows",)))
        message = sql.SQL("").join(
            self.statement("session", name, {"schema": sql.Identifier(schema)}) for name in names
        )
        values = {"schema": schema, "lock_timeout": "0", "row_security": "on" if read_only else "off"}
        # Only a message without parameters may have several statements, so the client writes the values into it.
        with psycopg.ClientCursor(self.connection) as cursor:
            found = [results.fetchall() for results in cursor.execute(message, values).results()]
        version, hidden = found[2][0], [row for rows in found[3:] for row in rows]
        refuse_renamed(schema, version.pop("schema_name"))
        refuse_other_version(schema, SchemaVersion(**version), SchemaVersion(newest_revision(), files_hash()))
        if hidden:
            raise TargetUnusable(_hides(schema, **hidden[0]))

    def table(self, name: str) -> sql.Identifier:
        """Return the quoted name of a table in the schema."""
        return sql.Identifier(self.settings.schema_name, name)

    def staged(self, name: str) -> sql.Identifier:
        """Return the quoted name of a table in the staging schema."""
        return sql.Identifier(self.settings.staging_schema, name)

    def statement(self, file: str, name: str, names: Names | None = None) -> sql.Composed:
        """Return the named block of ``sql/queries/<file>.sql`` with quoted identifiers filled in."""
        return sql.SQL(named_statements(file)[name]).format(**(names or {}))

    def run(self, file: str, name: str, values: Mapping[str, Any] | None = None, **names: sql.Composable) -> int:
        """Run a named statement and return how many rows it touched."""
        return self.connection.execute(self.statement(file, name, names), values).rowcount

    def row(
        self, file: str, name: str, values: Mapping[str, Any] | None = None, **names: sql.Composable
    ) -> dict[str, Any] | None:
        """Run a named statement and return its first row, or None."""
        return self.connection.execute(self.statement(file, name, names), values).fetchone()

    def one(
        self, file: str, name: str, values: Mapping[str, Any] | None = None, **names: sql.Composable
    ) -> dict[str, Any]:
        """Run a statement that always returns a row, and return it."""
        row = self.row(file, name, values, **names)
        if row is None:
            raise TargetUnusable(f"statement {file}.{name} returned no row. The target is unchanged.")
        return row

    def wait_at_most(self, seconds: float) -> None:
        """Let the lock waits that follow in this transaction fail after some seconds."""
        self.run("publish", "wait_at_most", {"milliseconds": str(max(int(seconds * 1000), 1))})

    def wait_until(self, moment: float) -> None:
        """Let them fail at a moment, by ``time.monotonic``."""
        self.wait_at_most(moment - time.monotonic())

    def wait_a_moment(self) -> None:
        """Let them fail as soon as somebody who reads could feel that we wait: readers queue behind us."""
        self.wait_at_most(MOMENT_SECONDS)

    def wait_patiently(self) -> None:
        """Let them fail after a while, where nobody queues behind us."""
        self.wait_at_most(min(PATIENT_SECONDS, self.settings.lock_timeout_seconds))


class SqpPostgresHook(PostgresHook):
    """The Postgres provider's hook, bound to the configured schema."""

    def __init__(self, target: TargetSettings, postgres_conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(postgres_conn_id=postgres_conn_id or target.conn_id, **kwargs)
        self.target = target
        self._keeps = False
        self._idle: list[psycopg.Connection[dict[str, Any]]] = []

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """Return the connection with a connect timeout, so that a silent server stalls neither page nor task."""
        connection: Connection = deepcopy(super().get_connection(conn_id))
        connection.extra = json.dumps({"connect_timeout": CONNECT_SECONDS} | connection.extra_dejson)
        return connection

    def dsn(self) -> str:
        """Return the connection as a libpq string. It includes the password, so never log it."""
        with explained(f"a statement over Postgres connection {self.get_conn_id()}"):
            opened = cast("psycopg.Connection[Any]", self.get_conn())
            with closing(opened) as connection:
                return make_conninfo(connection.info.dsn, password=connection.info.password)

    def address(self) -> tuple[str, str]:
        """Return OpenLineage's names of server and database: ``("postgres://db.example.com:5432", "warehouse")``."""
        connection = self.get_connection(self.get_conn_id())
        return f"postgres://{connection.host}:{connection.port or 5432}", str(connection.schema)

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Database]:
        """Open a connection with a transaction. At the end everything commits, or nothing.

        No state outlives the transaction, so that the connection may come from a pooler.

        :param read_only: all statements see one state of the database, and none can change it.
        :raises TargetUnreachable: Postgres did not answer, or a lock was not free in time. A retry may help.
        :raises TargetUnusable: the schema or the rights on it do not fit. The message says what to do.
        """
        with explained(f"a statement over Postgres connection {self.get_conn_id()}"), self._opened() as connection:
            # A statement must see what the one before waited for, whatever the server's default level is.
            level = psycopg.IsolationLevel
            connection.isolation_level = level.REPEATABLE_READ if read_only else level.READ_COMMITTED
            connection.read_only = read_only
            with _committed(connection, self.get_conn_id(), self.target.schema_name):
                database = Database(connection, self.target)
                database.enter(read_only=read_only)
                yield database

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Let the transactions of a block that follow each other share a connection. A block inside changes nothing."""
        if self._keeps:
            yield
            return
        self._keeps = True
        try:
            yield
        finally:
            self._keeps = False
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def _opened(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        connection = self._idle.pop() if self._idle else None
        if connection is not None and _was_ended(connection):
            connection.close()
            connection = None
        if connection is None:
            connection = cast("psycopg.Connection[dict[str, Any]]", self.get_conn())
            connection.row_factory = cast("Any", dict_row)
            connection.prepare_threshold = None  # the next transaction may be on another connection of a pooler
        try:
            yield connection
        finally:
            if self._keeps and connection.info.transaction_status is TransactionStatus.IDLE:
                self._idle.append(connection)
            else:
                connection.close()


def _was_ended(connection: psycopg.Connection[Any]) -> bool:
    """Return whether the server has ended an idle connection: it says nothing else to one that has asked nothing."""
    return bool(select.select([connection.fileno()], [], [], 0)[0])


def _hides(schema: str, name: str, role: str) -> str:
    table = f"{schema}.{name}"
    return (
        f"row security applies to role {role} on {table}, so that a sync would see and write but a part of its rows. "
        "The target is unchanged. Use the table's owner or a role with bypassrls, and no force: "
        f"alter table {table} no force row level security."
    )


@contextmanager
def _committed(connection: psycopg.Connection[Any], conn_id: str, schema: str) -> Iterator[None]:
    """Open a transaction and commit it. A connection that is lost during COMMIT raises its own error.

    :raises TargetUnreachable: it is not known whether the transaction was committed.
    """
    committing = False
    try:
        with connection.transaction():
            yield
            committing = True
    except psycopg.OperationalError as error:
        # Any other code means that the server has rolled back.
        if not committing or (error.sqlstate and not error.sqlstate.startswith(_SERVER_STOPS)):
            raise
        raise TargetUnreachable(
            f"Postgres connection {conn_id} was lost during COMMIT: {found_in(error)}. It is not known yet whether the "
            "change is in the target. Airflow tries the task again, and the retry checks that. If it fails again, see "
            f"{schema}.period_status for what is published, and clear the task when Postgres is back."
        ) from error
