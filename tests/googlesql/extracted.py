"""An extract in GoogleSQL's evaluator: the provider's source over given rows, and the snapshot that it writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqp_provider.core.period import Period
from sqp_provider.core.run import SyncRun
from sqp_provider.core.snapshot import PeriodTotals, Snapshot
from sqp_provider.source.table import Source
from tests.googlesql.client import GoogleSqlClient, GoogleSqlHook
from tests.googlesql.configurations import Configuration
from tests.googlesql.googlesql import Rows


@dataclass(frozen=True)
class Extracted:
    """What an extract wrote.

    :param totals: of the snapshot.
    :param window: what a check for restatements says of the same period; None if nothing landed.
    """

    accepted: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    totals: Snapshot
    window: PeriodTotals | None


def source_over(configuration: Configuration, rows: Rows) -> tuple[GoogleSqlClient, Source]:
    """Return a source that has these rows, and its client."""
    tables = dict.fromkeys(configuration.tables, configuration.columns)
    client = GoogleSqlClient(tables, {configuration.table: rows}, configuration.described)
    source = Source(GoogleSqlHook(client), configuration.settings)
    source.location = "EU"
    source.refuse_if_unusable()
    return client, source


def sync_of(period: Period) -> SyncRun:
    """Return a run of a period."""
    return SyncRun(
        sync_log_id=12,
        attempt=1,
        period=period,
        started_at=datetime(2026, 11, 18, 6, tzinfo=UTC),
        dag_id=period.sync_type.dag_id,
        run_id="manual__1",
        partition_name=f"{period.sync_type.target_table}_{period.compact}",
    )


def extract(configuration: Configuration, rows: Rows, period: Period) -> Extracted:
    """Extract a period from rows."""
    client, source = source_over(configuration, rows)
    sync = sync_of(period)
    totals = source.read_totals(sync, source.start_extract(sync, "sqp", 1))
    found = [dict(row) for row in client.rows[totals.table]]
    asked = [row["row_hash"] for row in found if row["reject_reason"] is None][::2]
    changes = source.copy_changes(sync, totals, asked)
    assert [row["row_hash"] for row in client.rows[changes]] == asked
    window = source.window_totals(period.sync_type, [period])
    return Extracted(
        [row for row in found if row["reject_reason"] is None],
        [row for row in found if row["reject_reason"] is not None],
        totals,
        window.get(period),
    )
