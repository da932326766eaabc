"""The revisions of sql/migrations: which a schema lacks, and what each of them does."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import NoReturn

from alembic import op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from sqp_provider.core.errors import InvalidSettings
from sqp_provider.sql_files import sql_folder

log = logging.getLogger(__name__)

OUTSIDE_TRANSACTION = re.compile(r"^-- outside a transaction, when (.+)$", re.MULTILINE)


class MigrationError(Exception):
    """The schema could not be migrated; the message says why and what to do."""


def run_sql_of(revision_file: str) -> None:
    """Run the .sql file beside a revision: ``0001_new_tables.py`` runs ``0001_new_tables.sql``.

    Everything up to the first line ``-- outside a transaction, when <condition>`` runs in the revision's
    transaction. What follows such a line is one statement, run on its own if the SQL condition holds.
    """
    path = Path(revision_file).with_suffix(".sql")
    log.info("Running %s", path.name)
    first, *rest = OUTSIDE_TRANSACTION.split(path.read_text(encoding="utf-8"))
    run_sql(op.get_bind(), first)
    if not rest:
        return
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        schema = op.get_context().version_table_schema
        # For the session, because there is no transaction. Building an index concurrently waits for older transactions;
        # cutting that short leaves it invalid.
        run_sql(connection, f'set search_path = "{schema}", pg_temp; set lock_timeout = 0; set statement_timeout = 0')
        run_sql(connection, "set default_transaction_read_only = off")
        for condition, statement in zip(rest[::2], rest[1::2], strict=True):
            if connection.scalar(text(f"select {condition}")):
                log.info("Running %s", " ".join(statement.split()))
                run_sql(connection, statement)
        run_sql(connection, "reset all")


def refuse_downgrade(revision: str) -> NoReturn:
    """Explain why revisions are not taken back.

    :raises MigrationError: always.
    """
    raise MigrationError(
        f"Revision {revision} cannot be taken back: that would drop columns and tables with synced rows. "
        "The target is unchanged. Restore a backup, or write a new revision that changes what is wrong."
    )


def create_schema(connection: Connection, name: str) -> None:
    """Create the schema unless it is there; "if not exists" would demand the right to create even then."""
    if not connection.scalar(text("select 1 from pg_namespace where nspname = :name"), {"name": name}):
        connection.execute(text(f'create schema "{name}"'))


def run_sql(connection: Connection, sql: str) -> None:
    """Run a text of one or several statements as it stands."""
    # Without parameters the text goes to Postgres as it stands: several statements, and % is just a sign.
    connection.execution_options(no_parameters=True).exec_driver_sql(sql)


def alembic_config(schema: str) -> Config:
    """Return what Alembic needs to find the revisions.

    :raises MigrationError: the folder sql/ is not there.
    """
    try:
        folder = sql_folder("migrations/env.py").joinpath("migrations")
    except InvalidSettings as error:
        raise MigrationError(f"No migrations: {error} The target is unchanged.") from error
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["schema"] = schema
    return config


def pending_revisions(connection: Connection, config: Config, schema: str) -> list[str]:
    """Return the revisions that the schema lacks, oldest first.

    :raises MigrationError: the schema is at a revision that this code does not know.
    """
    scripts = ScriptDirectory.from_config(config)
    known = [script.revision for script in scripts.walk_revisions()][::-1]
    heads = MigrationContext.configure(connection, opts={"version_table_schema": schema}).get_current_heads()
    connection.commit()
    unknown = sorted(set(heads) - set(known))
    if unknown:
        raise MigrationError(
            f"Schema {schema} is at revision {', '.join(unknown)}, which this code does not know; "
            f"its newest is {known[-1]}. The target is unchanged. "
            "Use the version of the code that wrote it, or a newer one."
        )
    return known[known.index(heads[0]) + 1 :] if heads else known
