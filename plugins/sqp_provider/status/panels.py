"""The panels that need several statements, for the pages and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import HTTPException

from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.status.models import Headline, PeriodStatus
from sqp_provider.status.queries import StatusReader
from sqp_provider.status.runs import AirflowRun, airflow_run
from sqp_provider.status.sync_models import Stage, SyncDetail
from sqp_provider.status.sync_view import attempts, balance, stages
from sqp_provider.status.view import headline


def headlines(settings: Settings, periods: Sequence[PeriodStatus], now: datetime | None = None) -> list[Headline]:
    """Return one answer for each type, which names the Dags of the feed.

    A period whose run has not fallen due is not missing: the runs of several feeds come one after the other.
    """
    now = now or datetime.now(UTC)
    delays = {sync_type: settings.schedule.delay(sync_type) + settings.spread for sync_type in SyncType}
    found = [headline(sync_type, periods, now, delay) for sync_type, delay in delays.items()]
    return [line.model_copy(update={"todo": line.todo and settings.worded(line.todo)}) for line in found]


def overview_lines(
    lines: Sequence[Headline], periods: Sequence[PeriodStatus]
) -> list[tuple[Headline, PeriodStatus | None]]:
    """Return each answer with the period that it is about, if anything is known of that."""
    found = {(row.sync_type, row.period_start): row for row in periods}
    return [(line, found.get((line.sync_type, line.period_start))) for line in lines]


NEWEST = {SyncType.WEEKLY: 4, SyncType.MONTHLY: 2, SyncType.QUARTERLY: 1}
"""Of how many periods the overview says whether they are complete."""


def newest_periods(periods: Sequence[PeriodStatus]) -> list[PeriodStatus]:
    """Return the newest periods of each type, newest first."""
    return [
        row
        for sync_type, count in NEWEST.items()
        for row in [row for row in periods if row.sync_type == sync_type][: -count - 1 : -1]
    ]


def sync_detail(reader: StatusReader, sync_log_id: int) -> SyncDetail:
    """Return everything that is known of a run.

    :raises HTTPException: 404 if there is no such row.
    """
    sync = reader.sync(sync_log_id)
    if sync is None:
        raise HTTPException(404, f"sync_log has no row {sync_log_id}. Old rows may have been deleted.")
    checks = reader.checks(sync_log_id)
    run = airflow_run(sync.dag_id, sync.run_id)
    return SyncDetail(
        sync=sync,
        is_deleted_in_airflow=run.is_deleted if run else None,
        balance=balance(sync),
        stages=[_timed(stage, run) for stage in stages(sync, checks)],
        attempts=attempts(sync),
        checks=checks,
        rejects=reader.rejects(sync_log_id),
    )


def _timed(stage: Stage, run: AirflowRun | None) -> Stage:
    """Add what Airflow says of the stage's task, unless the current attempt has not reached it."""
    time = run.times.get(stage.name) if run else None
    if time is None or stage.state == "not reached":
        return stage
    return stage.model_copy(update={"started_at": time.started_at, "seconds": time.seconds})
