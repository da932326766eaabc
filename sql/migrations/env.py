"""Runs the revisions inside one schema, on the connection that sqp_provider.migrations opened."""

from alembic import context
from sqlalchemy import Connection

from sqp_provider.revisions import create_schema


def run(connection: Connection, schema: str) -> None:
    """Each revision runs in a transaction that names the schema; no .sql file does."""
    create_schema(connection, schema)
    create_schema(connection, f"{schema}_staging")
    connection.commit()
    context.configure(connection=connection, version_table_schema=schema, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"], context.config.attributes["schema"])
