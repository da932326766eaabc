"""Read how fresh a table is."""

from __future__ import annotations

from dataclasses import replace

from sqp_provider.core.completeness import Answer
from sqp_provider.core.freshness import Freshness, freshness_of
from sqp_provider.core.settings import TargetSettings
from sqp_provider.hooks.postgres import SqpPostgresHook


def read_freshness(target: TargetSettings, table_name: str, *, complete: bool = False) -> Freshness:
    """Return the row of ``table_freshness()`` of one table, ``weekly_summary`` for example.

    :param complete: also read how its newest period that is due stands.
    :raises InvalidSettings: there is no such table.
    :raises TargetUnreachable: Postgres did not answer.
    :raises TargetUnusable: the schema was not migrated, or the role may not read it.
    """
    with SqpPostgresHook(target).transaction(read_only=True) as database:
        rows = database.connection.execute(database.statement("freshness", "tables")).fetchall()
        freshness = freshness_of(table_name, [Freshness(**row) for row in rows])
        if not complete:
            return freshness
        row = database.row("freshness", "newest_due", {"table_name": table_name})
    due = Answer(**row) if row else None
    return replace(freshness, due=due, is_complete=due is not None and due.trusted)
