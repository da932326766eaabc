"""The limit: copy rows that are encoded already into a bare table, then add key, indexes and foreign key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from bench.rows import WEEK
from bench.statements import statement
from bench.target import Target
from sqp_provider.core.contract import copied_of
from sqp_provider.core.period import SyncType

BLOCK_BYTES = 1 << 20


def prepare(target: Target, encoded: Path) -> Callable[[], None]:
    """Return the step."""
    sync_log_id = target.row("database", "last_sync")["sync_log_id"]
    constants = {
        "period_start": sql.Literal(WEEK),
        "period_end": sql.Literal(WEEK + timedelta(days=6)),
        "sync_log_id": sql.Literal(sync_log_id),
    }
    columns = sql.SQL(", ").join(map(sql.Identifier, copied_of(SyncType.WEEKLY)))
    connection = psycopg.connect(target.dsn)
    connection.execute(statement("limit", "create_schema"))
    connection.commit()

    def step() -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement("limit", "create_table"))
            cursor.execute(statement("limit", "set_constants", **constants))
            with encoded.open("rb") as file, cursor.copy(statement("limit", "copy_rows", columns=columns)) as copy:
                while block := file.read(BLOCK_BYTES):
                    copy.write(block)
            cursor.execute(statement("limit", "sort_in_memory"))
            for name in ("add_key", "add_sync_index", "add_reference_index", "add_reference"):
                cursor.execute(statement("limit", name))

    return step


def forget(target: Target) -> None:
    """Drop the table of the step."""
    target.row("limit", "drop_table")
