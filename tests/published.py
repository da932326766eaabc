"""Publishes rows of a test as a run does that has loaded them: a row of sync_log, a staged table, stage ``publish``.

What stands in for extract and load: the rows are inserted into the staged table as they are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from psycopg import sql

from sqp_provider.core.contract import RATES
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.publish import PublishResult
from sqp_provider.core.run import SyncOptions, SyncRun
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.hooks.postgres import Database, SqpPostgresHook
from sqp_provider.operators.publish import SyncPublishOperator
from sqp_provider.target.checks import Checks
from sqp_provider.target.periods import Accounted
from sqp_provider.target.staging import Staging
from sqp_provider.target.sync_log import DagRunIdentity, SyncLog
from tests.fixtures import connection_to, settings_for

Rows = Sequence[Mapping[str, Any]]

ROW = {
    "query": "wireless headphones",
    "asin": "B000000001",
    "total_impressions": 765,
    "total_clicks": 50,
    "total_cart_adds": 10,
    "total_purchases": 5,
    "market_impressions": 1000,
    "market_clicks": 1000,
    "market_cart_adds": 1000,
    "market_purchases": 1000,
    "query_score": 5,
    "query_volume": 15000,
}
"""What a row has that a test does not name."""


class Publisher:
    """Publishes into a database, over a login of it.

    :param target: settings of the target that differ: ``swap_above_rows=0, swap_above_fraction=0`` replaces every
        period of which anything changes.
    """

    def __init__(self, dsn: str, monkeypatch: pytest.MonkeyPatch, **target: Any) -> None:
        conn_id = f"published_{uuid4().hex[:12]}"
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", connection_to(dsn))
        target = {"conn_id": conn_id, "max_delete_fraction": 1, "lock_timeout_seconds": 120} | target
        self.settings = settings_for("landing.report", "landing", target=target)
        self.postgres = SqpPostgresHook(self.settings.target)

    def week(self, first_day: date | str, rows: Rows = ({},)) -> PublishResult:
        """Publish a week."""
        return self.period(SyncType.WEEKLY, first_day, rows)

    def period(self, sync_type: SyncType, first_day: date | str, rows: Rows = ({},)) -> PublishResult:
        """Publish a period that has exactly these rows at the source."""
        sync = self.start(Period.starting(sync_type, date.fromisoformat(str(first_day))))
        snapshot = self.stage(sync, [ROW | row for row in rows])
        return self.finish(sync, snapshot)

    def start(self, period: Period) -> SyncRun:
        """Write the row of a new run."""
        run = DagRunIdentity(period.sync_type.dag_id, f"manual__{uuid4().hex}")
        with self.postgres.transaction() as database:
            log = SyncLog(database)
            sync_log_id, _ = log.start(run, period.sync_type, period, "landing.report", SyncOptions())
            return log.read(sync_log_id)

    def stage(self, sync: SyncRun, rows: Rows) -> Snapshot:
        """Create and fill the staged table of a run."""
        job = f"job-{sync.sync_log_id}"
        with self.postgres.transaction() as database:
            staging = Staging(database, sync)
            staging.create(bigquery_sync_id=job)
            _insert(database, staging, rows)
            staging.add_key()
            totals = Checks(database, sync).staged_totals().totals
        return Snapshot(
            totals=totals,
            reject_count=0,
            source_rows=totals.row_count,
            fingerprint=f"{totals.row_count} {totals.row_hash}",
            table="landing.snapshot",
            job_id=job,
            snapshot_at=datetime.now(UTC),
            bytes_processed=0,
        )

    def finish(self, sync: SyncRun, snapshot: Snapshot) -> PublishResult:
        """Publish what is staged, and end the run."""
        result = SyncPublishOperator(task_id="publish", settings=self.settings).publish(sync, snapshot)
        with self.postgres.transaction() as database:
            SyncLog(database).finish(sync, None)
            Staging(database, sync).drop_leftovers(of_finished_runs=True)
        return result

    def sum_anew(self, sync_type: SyncType, first_day: str) -> PublishResult:
        """Sum a month or quarter from its weeks, as the daily check does, and return what was wrong."""
        period = Period.starting(sync_type, date.fromisoformat(first_day))
        known = Accounted(period, "derived", None, None, fingerprint=None, published_at=None, must_be_summed=True)
        return known.sum_anew(self.postgres, SyncPublishOperator(task_id="sum", settings=self.settings).log, 120)


def _insert(database: Database, staging: Staging, rows: Rows) -> None:
    for row in rows:
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        values = sql.SQL(", ").join(map(sql.Literal, row.values()))
        database.connection.execute(sql.SQL("insert into {} ({}) values ({})").format(staging.name, names, values))
    for rate in (rate for rate in RATES if rate.column in staging.columns.written([rate.column])):
        function = database.table("rate")
        names = map(sql.Identifier, (rate.column, rate.numerator, rate.denominator))
        database.connection.execute(
            sql.SQL("update {} set {} = {}({}, {})").format(staging.name, next(names), function, *names)
        )
