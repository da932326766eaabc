"""A run as ``read_sync`` gives it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncOptions, SyncRun

ROW = {
    "id": 12,
    "attempt": 2,
    "sync_status": "started",
    "sync_type": "weekly",
    "period_start": date(2026, 11, 8),
    "started_at": datetime(2026, 11, 19, 12, tzinfo=UTC),
    "dag_id": "sqp_weekly_sync",
    "run_id": "manual__1",
    "sync_metadata": None,
    "partition_name": "weekly_summary_20261108",
}
OPTIONS = {"force": True, "allow_empty": True, "dry_run": True, "max_delete_fraction": 0.5}


def test_a_run_is_read_from_its_row() -> None:
    run = SyncRun.from_row(ROW | {"sync_status": "failed", "sync_metadata": {"options": OPTIONS | {"later": 1}}})
    assert run == SyncRun(
        sync_log_id=12,
        attempt=2,
        period=Period(SyncType.WEEKLY, date(2026, 11, 8), date(2026, 11, 14)),
        started_at=datetime(2026, 11, 19, 12, tzinfo=UTC),
        dag_id="sqp_weekly_sync",
        run_id="manual__1",
        sync_status="failed",
        options=SyncOptions(force=True, allow_empty=True, dry_run=True, max_delete_fraction=0.5),
        partition_name="weekly_summary_20261108",
    )
    assert run.is_closed
    assert run.staged_name == "weekly_summary_20261108_12"
    assert str(run) == "weekly 2026-11-08..2026-11-14 (sync_log 12, attempt 2)"


@pytest.mark.parametrize("metadata", [None, {}, {"outcome": "attached"}])
def test_a_run_without_options_has_the_defaults(metadata: dict[str, Any] | None) -> None:
    run = SyncRun.from_row(ROW | {"sync_metadata": metadata})
    assert run.options == SyncOptions(force=False, allow_empty=False, dry_run=False, max_delete_fraction=None)
    assert not run.is_closed
