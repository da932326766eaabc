"""The source table, without one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sqp_provider.core.contract import METRICS
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncRun
from sqp_provider.core.source_settings import SourceSettings
from sqp_provider.source.table import Source

CREATED, STARTED = datetime(2026, 11, 19, 10, 0, tzinfo=UTC), datetime(2026, 11, 19, 10, 10, tzinfo=UTC)


@pytest.mark.parametrize(("started", "snapshot_at"), [(STARTED, STARTED), (None, CREATED)])
def test_a_snapshot_is_as_old_as_the_start_of_its_query(started: datetime | None, snapshot_at: datetime) -> None:
    """A job that waited in a queue read its tables when it started; the emulator's jobs never wait."""
    counts = (
        "row_count",
        "key_count",
        "row_hash",
        "reject_count",
        "reject_hash",
        "source_rows",
        "merged_rows",
        "differing_rows",
    )
    columns = [metric.column for metric in METRICS]
    row: dict[str, Any] = dict.fromkeys([*counts, *columns, *(f"{column}_nulls" for column in columns)], 0)
    row |= {"first_feed": None, "last_feed": None}
    hook = SimpleNamespace(project_id="p", finish=lambda job: None, rows=lambda *_, **__: [row])
    job = SimpleNamespace(job_id="j", created=CREATED, started=started, total_bytes_processed=1)
    week = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
    sync = SyncRun(
        sync_log_id=1, attempt=1, period=week, started_at=CREATED, dag_id="d", run_id="r", partition_name="p"
    )
    source = Source(cast("Any", hook), SourceSettings(table="a.b", location="EU"))
    assert source.read_totals(sync, cast("Any", job)).snapshot_at == snapshot_at
