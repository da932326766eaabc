"""The panels that need several statements, for the pages and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import HTTPException

from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.status.models import Headline, PeriodStatus, SyncDetail
from sqp_provider.status.queries import StatusReader
from sqp_provider.status.view import attempts, balance, headline, stages


def headlines(settings: Settings, periods: Sequence[PeriodStatus], now: datetime | None = None) -> list[Headline]:
    """Return one answer for each type, which names the Dags of the feed.

    A period whose run has not fallen due is not missing: the runs of several feeds come one after the other.
    """
    now = now or datetime.now(UTC)
    delays = {sync_type: settings.schedule.delay(sync_type) + settings.spread for sync_type in SyncType}
    found = [headline(sync_type, periods, now, delay) for sync_type, delay in delays.items()]
    return [line.model_copy(update={"todo": line.todo and settings.worded(line.todo)}) for line in found]


def sync_detail(reader: StatusReader, sync_log_id: int) -> SyncDetail:
    """Return everything that is known of a run.

    :raises HTTPException: 404 if there is no such row.
    """
    sync = reader.sync(sync_log_id)
    if sync is None:
        raise HTTPException(404, f"sync_log has no row {sync_log_id}. Old rows may have been deleted.")
    checks = reader.checks(sync_log_id)
    return SyncDetail(
        sync=sync,
        balance=balance(sync),
        stages=stages(sync, checks),
        attempts=attempts(sync),
        checks=checks,
        rejects=reader.rejects(sync_log_id),
    )
