"""The assets that other Dags can wait for: one for each table, with an event for each published period."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetAlias

from sqp_provider.core.period import SyncType
from sqp_provider.core.publish import PublishResult
from sqp_provider.core.run import SyncRun


def published(sync_type: SyncType | str = SyncType.WEEKLY, schema: str = "sqp") -> Asset:
    """Return the asset of a table, to schedule a Dag on: ``DAG("report", schedule=published("weekly"))``.

    The asset of ``sqp.weekly_summary`` has that name and the URI ``x-sqp://sqp/weekly_summary``. The URI does not name
    the connection, so it stays the same when the target moves to another server.
    """
    table = SyncType(sync_type).target_table
    return Asset(name=f"{schema}.{table}", uri=f"x-sqp://{schema}/{table}", group="sqp")


def outlet(sync_type: SyncType, schema: str) -> AssetAlias:
    """Return the outlet of the publish task.

    It is an alias. A task that succeeds emits an event for each asset in its outlets, and a dry run succeeds too.
    """
    return AssetAlias(name=f"{schema}.{sync_type.target_table}.publish", group="sqp")


def emit_published(events: Any, sync: SyncRun, result: PublishResult, schema: str) -> None:
    """Let Airflow emit the event of a published period when the task has succeeded.

    ``{"period_start": "2026-11-08", "period_end": "2026-11-14", "sync_log_id": 12, "how": "attached", …}``

    :param events: ``context["outlet_events"]``.
    """
    sync_type = sync.period.sync_type
    about = {
        "sync_type": sync_type.value,
        "period_start": sync.period.first_day.isoformat(),
        "period_end": sync.period.last_day.isoformat(),
        "sync_log_id": sync.sync_log_id,
        "attempt": sync.attempt,
    }
    extra = about | result.model_dump(mode="json")
    events[outlet(sync_type, schema)].add(published(sync_type, schema), extra=extra)
