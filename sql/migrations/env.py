"""Runs the revisions inside one schema, on the connection that sqp_provider.migrations opened."""

from alembic import context
from sqlalchemy import Connection, text


def create_schema(connection: Connection, name: str) -> None:
    """Create the schema unless it is there; "if not exists" would demand the right to create even then."""
    if not connection.scalar(text("select 1 from pg_namespace where nspname = :name"), {"name": name}):
        connection.execute(text(f'create schema "{name}"'))


def run(connection: Connection, schema: str) -> None:
    """Each revision runs in a transaction that names the schema; no .sql file does."""
    create_schema(connection, schema)
    create_schema(connection, f"{schema}_staging")
    connection.commit()
    context.configure(connection=connection, version_table_schema=schema, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"], context.config.attributes["schema"])
