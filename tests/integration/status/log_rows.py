"""Rows of sync_log, as runs leave them."""

from __future__ import annotations

import json
from typing import Any

import psycopg


def add_sync(connection: psycopg.Connection[Any], **other: Any) -> int:
    """Insert a run into sync_log: completed, weekly 2026-11-08; name a column to change it."""
    row = {
        "sync_type": "weekly",
        "sync_status": "completed",
        "started_at": "2026-11-18 06:00:00+00",
        "completed_at": "2026-11-18 06:00:12.5+00",
        "source_table": "amazon.report",
        "target_table": "sqp.weekly_summary",
        "period_start": "2026-11-08",
        "period_end": "2026-11-14",
        "dag_id": "sqp_weekly_sync",
        "run_id": None,
        "records_processed": 19001,
    } | other
    columns = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
    statement = f"insert into sync_log ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))}) returning id"
    found = connection.execute(statement, list(columns.values())).fetchone()  # type: ignore[arg-type]
    assert found
    return int(found[0])
