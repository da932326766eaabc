"""Send metrics to where Airflow sends its own: stage durations, row counts, outcomes and the age of each table.

Each has the tag ``sync_type``, and ``feed`` where there are several.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from airflow.sdk.observability import stats

from sqp_provider.core.freshness import Freshness
from sqp_provider.core.period import SyncType

Labels = Mapping[str, str]
"""``{"feed": "acme_us"}``, or nothing."""


def stage_finished(sync_type: SyncType, stage: str, seconds: float, counts: Mapping[str, int], labels: Labels) -> None:
    """Send ``sqp.stage.duration`` and a counter for each count: ``{"rows.inserted": 7}`` is ``sqp.rows.inserted``."""
    tags = {"sync_type": sync_type.value, **labels}
    stats.timing("sqp.stage.duration", timedelta(seconds=seconds), tags=tags | {"stage": stage})
    for name, count in counts.items():
        stats.incr(f"sqp.{name}", count, tags=tags)


def sync_finished(sync_type: str, status: str, labels: Labels) -> None:
    """Count a closed row of ``sync_log`` as ``sqp.syncs.completed`` or ``sqp.syncs.failed``."""
    stats.incr(f"sqp.syncs.{status}", 1, tags={"sync_type": str(sync_type), **labels})


def table_age(freshness: Freshness, labels: Labels) -> None:
    """Send ``sqp.freshness.days``, the days since the newest period's last day; nothing for an empty table."""
    if freshness.days_old is not None:
        stats.gauge("sqp.freshness.days", freshness.days_old, tags={"sync_type": freshness.sync_type, **labels})
