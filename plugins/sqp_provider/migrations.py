"""Brings a schema of the target database to the version that this code expects.

Revisions of sql/migrations make the tables. The files of sql/schema are functions, views and triggers, put in force
after them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from sqp_provider.core.ownership import Owner, refuse_other_owner
from sqp_provider.core.settings import Settings
from sqp_provider.migration_session import first_line, migration_session, turn
from sqp_provider.obstacles import refuse_obstacles
from sqp_provider.revisions import MigrationError, alembic_config, create_schema, pending_revisions, run_sql
from sqp_provider.sql_files import files_hash, named_statements, schema_files

log = logging.getLogger(__name__)


def migrate(dsn: str, schema: str = "sqp", settings: Settings | None = None, asking: Owner | None = None) -> list[str]:
    """Apply every revision the schema does not have yet, one transaction each, then the files of sql/schema.

    A second call returns ``[]``. Calls that overlap wait for each other.

    :param dsn: libpq URL or key=value string, e.g. ``postgresql://sqp@db.example.com/warehouse``.
    :param schema: created if absent, together with ``<schema>_staging``.
    :param settings: where given, its delays and allowed ages are written for the SQL functions.
    :param asking: where given, a schema that belongs to somebody else is left alone.
    :return: the ids of the revisions, and the hash of the files if others were in force: ``["0004", "3f2a81c09d5e"]``.
    :raises MigrationError: database unreachable, rights missing, its revision unknown to this code, or something in the
        schema that would keep the sync from working.
    :raises SchemaOwned: it belongs to another Airflow or feed.
    """
    _refuse_name(schema)
    config = alembic_config(schema)
    with migration_session(dsn, schema) as connection, _clear_errors(schema), turn(dsn, schema):
        if asking is not None:
            _refuse_other_owner(connection, schema, asking)
        pending = pending_revisions(connection, config, schema)
        refuse_obstacles(connection, schema)
        if pending:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            log.info("Schema %s: revisions %s applied.", schema, ", ".join(pending))
        applied = [*pending, *_put_in_force(connection, schema)]
        if settings is not None:
            _write_settings(connection, schema, settings)
    if not applied:
        log.info("Schema %s is up to date.", schema)
    return applied


def take_over(dsn: str, schema: str, owner: Owner) -> None:
    """Make an Airflow and feed the owner of a schema, whoever was.

    :raises MigrationError: database unreachable, rights missing, or the schema was never migrated.
    """
    _refuse_name(schema)
    with migration_session(dsn, schema) as connection, _clear_errors(schema):
        found = connection.scalar(text("select to_regclass(:table)"), {"table": f"{schema}.schema_state"})
        connection.commit()
        if not found:
            raise MigrationError(f"Schema {schema} was never migrated, so it has no owner. Run 'sqp migrate' first.")
        _run_named(connection, schema, "take_over", {"airflow": owner.airflow, "feed": owner.feed})
    log.info("Schema %s belongs to %s.", schema, owner)


def _refuse_other_owner(connection: Connection, schema: str, asking: Owner) -> None:
    """Leave another's schema at the version that its code expects."""
    with connection.begin():
        if not connection.scalar(text("select to_regclass(:table)"), {"table": f"{schema}.schema_state"}):
            return
        found = connection.exec_driver_sql(named_statements("schema_state")["owner"]).mappings().first()
    if found and found["airflow"] and Owner(asking.airflow) != Owner(found["airflow"], found["feed"]):
        refuse_other_owner(schema, asking, Owner(found["airflow"], found["feed"]), found["airflow_since"])


def _refuse_name(schema: str) -> None:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,54}", schema):
        raise MigrationError(
            f"Schema name {schema!r} cannot be used: at most 55 lower-case letters, digits and underscores, "
            "not starting with a digit. The target is unchanged. Change the schema setting."
        )


def _put_in_force(connection: Connection, schema: str) -> list[str]:
    """Create or replace the functions, views and triggers, in one transaction.

    Also when the same files are in force already: what somebody has dropped or replaced comes back, and so does the
    schema of staged tables.

    :return: the files' hash, unless it was recorded before.
    """
    with connection.begin():
        create_schema(connection, f"{schema}_staging")
        before = connection.scalar(text("select files from schema_state"))
        for file in schema_files():
            log.debug("Running %s", file.name)
            run_sql(connection, file.read_text(encoding="utf-8"))
        # Not an update: a person may have deleted the row to be rid of the owner.
        in_force = (
            "insert into schema_state (files, schema_name) values (:files, :schema_name)"
            " on conflict (only_row) do update set files = :files, schema_name = :schema_name"
        )
        connection.execute(text(in_force), {"files": files_hash(), "schema_name": schema})
    log.info("Schema %s: functions, views and triggers of sql/schema are in force.", schema)
    return [] if before == files_hash() else [files_hash()]


def _write_settings(connection: Connection, schema: str, settings: Settings) -> None:
    for values in settings.of_period_types():
        _run_named(connection, schema, "write_settings", values)


def _run_named(connection: Connection, schema: str, statement: str, values: dict[str, Any]) -> None:
    """Run a statement of sql/queries/schema_state.sql in a transaction of its own."""
    with connection.begin():
        connection.exec_driver_sql(named_statements("schema_state")[statement], values)


@contextmanager
def _clear_errors(schema: str) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        remedy = "Correct the cause and run migrate again; it continues where it stopped."
        if isinstance(cause, psycopg.errors.InsufficientPrivilege):
            remedy = (
                f"The role must own schema {schema}, {schema}_staging and the tables in them, or be allowed "
                "to create schemas (grant create on database). Grant that and run migrate again."
            )
        if isinstance(cause, psycopg.errors.LockNotAvailable):
            remedy = "Somebody was using the table for longer than 30 s. Run migrate again at a quieter time."
        raise MigrationError(
            f"Migrating schema {schema} failed: {first_line(error)}{_details(cause)} "
            f"What it failed in was rolled back, all rows are as they were. {remedy}"
        ) from error


def _details(cause: BaseException | None) -> str:
    if not isinstance(cause, psycopg.Error):
        return ""
    return "".join(f" {line}" for line in (cause.diag.message_detail, cause.diag.message_hint) if line)
