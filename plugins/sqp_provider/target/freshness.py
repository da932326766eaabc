"""Read how fresh a table is."""

from __future__ import annotations

from sqp_provider.core.freshness import Freshness, freshness_of
from sqp_provider.core.settings import TargetSettings
from sqp_provider.hooks.postgres import SqpPostgresHook


def read_freshness(target: TargetSettings, table_name: str) -> Freshness:
    """Return the row of ``table_freshness()`` of one table, ``weekly_summary`` for example.

    :raises InvalidSettings: there is no such table.
    :raises TargetUnreachable: Postgres did not answer.
    :raises TargetUnusable: the schema was not migrated, or the role may not read it.
    """
    with SqpPostgresHook(target).transaction(read_only=True) as database:
        rows = database.connection.execute(database.statement("freshness", "tables")).fetchall()
    return freshness_of(table_name, [Freshness(**row) for row in rows])
