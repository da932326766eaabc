"""The run that tests of a stage's decision share."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncRun

SYNC = SyncRun(
    sync_log_id=12,
    attempt=2,
    period=Period.starting(SyncType.WEEKLY, date(2026, 11, 8)),
    started_at=datetime(2026, 11, 19, 12, tzinfo=UTC),
    dag_id="sqp_weekly_sync",
    run_id="manual__1",
    partition_name="weekly_summary_20261108",
)
"""The second attempt to sync week 2026-11-08."""
