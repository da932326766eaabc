"""The target's side of a publish: weeks of one month that are published at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

import psycopg
import pytest

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncRun
from sqp_provider.core.settings import TargetSettings
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.target.target import Target
from tests.fixtures import connection_to

WEEKS_AT_ONCE = 6
MONTHS = [date(2025, month, 1) for month in range(1, 13)]


def test_weeks_published_at_once_make_each_month_and_quarter_one_partition(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(database))
    barrier = Barrier(WEEKS_AT_ONCE)
    with psycopg.connect(database, options="-c search_path=sqp") as connection:
        for month in MONTHS:  # a week that is there, so that its publish writes a difference
            week = Period.containing(SyncType.WEEKLY, month.replace(day=10))
            connection.execute(
                "select ensure_period_partition('weekly_summary', %s, %s)", [week.first_day, week.last_day]
            )

    def make_room(number: int) -> None:
        for month in MONTHS:
            week = Period.containing(SyncType.WEEKLY, month.replace(day=10))
            sync = SyncRun(
                sync_log_id=number,
                attempt=1,
                period=week,
                started_at=datetime(2026, 11, 18, tzinfo=UTC),
                dag_id="sqp_weekly_sync",
                run_id=f"manual__{number}",
                partition_name=f"weekly_summary_{week.compact}",
            )
            with SqpPostgresHook(TargetSettings()).transaction() as connected:
                barrier.wait()
                Target(connected, sync).make_room()

    with ThreadPoolExecutor(WEEKS_AT_ONCE) as threads:
        assert list(threads.map(make_room, range(WEEKS_AT_ONCE))) == [None] * WEEKS_AT_ONCE

    with psycopg.connect(database) as connection:
        made = connection.execute(
            "select inhparent::regclass::text, count(*) from pg_inherits"
            " where inhparent in ('sqp.monthly_summary'::regclass, 'sqp.quarterly_summary'::regclass)"
            " group by 1 order by 1"
        ).fetchall()
    assert made == [("sqp.monthly_summary", 12 + 1), ("sqp.quarterly_summary", 4 + 1)]  # and the default one
