"""Runs the revisions inside one schema, on the connection that sqp_provider.migrations opened."""

from alembic import context
from sqlalchemy import Connection, text

from sqp_provider.revisions import create_schema


def run(connection: Connection, schema: str) -> None:
    """Name the schema once for the session; no .sql file names it."""
    create_schema(connection, schema)
    create_schema(connection, f"{schema}_staging")
    connection.execute(text(f'set search_path = "{schema}", pg_temp'))
    # Better to fail and be run again than to queue in front of every reader of a busy table.
    connection.execute(text("set lock_timeout = '30s'"))
    connection.commit()
    context.configure(connection=connection, version_table_schema=schema, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"], context.config.attributes["schema"])
