"""What a publish tells other Dags: an asset for each table, with an event for each published period."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetAlias

from sqp_provider.core.period import SyncType
from sqp_provider.core.publish import PublishResult
from sqp_provider.core.run import SyncRun


def published(sync_type: SyncType | str = SyncType.WEEKLY, schema: str = "sqp") -> Asset:
    """Return the asset of a table, to schedule a Dag on: ``DAG("report", schedule=published("weekly"))``.

    The one of ``sqp.weekly_summary`` has that name and the URI ``x-sqp://sqp/weekly_summary``. The connection is not
    part of it: a target that moves stays the same table to those who read it.
    """
    table = SyncType(sync_type).target_table
    return Asset(name=f"{schema}.{table}", uri=f"x-sqp://{schema}/{table}", group="sqp")


def outlet(sync_type: SyncType, schema: str) -> AssetAlias:
    """Return what the publish task names as its outlet.

    An alias, because a task that succeeds emits an event for each asset among its outlets, and a dry run succeeds.
    """
    return AssetAlias(name=f"{schema}.{sync_type.target_table}.publish", group="sqp")


def emit_published(events: Any, sync: SyncRun, result: PublishResult, schema: str) -> None:
    """Have Airflow emit the event of a published period when the task has succeeded.

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
