"""The target's side of a publish: weeks of one month that are published at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import psycopg
import pytest

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncRun
from sqp_provider.target.target import Target
from tests.published import Publisher

WEEKS_AT_ONCE = 6
MONTHS = [date(2025, month, 1) for month in range(1, 13)]
SUMMED = (SyncType.MONTHLY, SyncType.QUARTERLY)


def partitions(database: str) -> list[tuple[str, int]]:
    """How many partitions months and quarters have."""
    with psycopg.connect(database) as connection:
        return connection.execute(
            "select inhparent::regclass::text, count(*) from pg_inherits"
            " where inhparent in ('sqp.monthly_summary'::regclass, 'sqp.quarterly_summary'::regclass)"
            " group by 1 order by 1"
        ).fetchall()


def test_weeks_that_make_room_at_once_make_each_month_and_quarter_one_partition(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier, postgres = Barrier(WEEKS_AT_ONCE), Publisher(database, monkeypatch).postgres

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
            for sync_type in SUMMED:
                with postgres.transaction() as connected:
                    barrier.wait()
                    Target(connected, sync.of(Period.containing(sync_type, month)), derived=True).make_room()

    with ThreadPoolExecutor(WEEKS_AT_ONCE) as threads:
        assert list(threads.map(make_room, range(WEEKS_AT_ONCE))) == [None] * WEEKS_AT_ONCE
    assert partitions(database) == [("sqp.monthly_summary", 12 + 1), ("sqp.quarterly_summary", 4 + 1)]  # and default


@pytest.mark.parametrize("there_already", [False, True])
def test_weeks_that_are_published_at_once_all_count_in_their_month_and_quarter(
    database: str, monkeypatch: pytest.MonkeyPatch, there_already: bool
) -> None:
    """Six weeks of a month and the next one: 2026-10-25 is October's, those from 2026-11-01 are November's."""
    publisher, barrier = Publisher(database, monkeypatch), Barrier(WEEKS_AT_ONCE)
    weeks = [date(2026, 10, 25) + timedelta(7 * number) for number in range(WEEKS_AT_ONCE)]
    if there_already:
        for week in weeks:
            publisher.week(week, [{"total_clicks": 1000}])

    def publish(week: date) -> str:
        sync = publisher.start(Period.starting(SyncType.WEEKLY, week))
        snapshot = publisher.stage(sync, [{"query": "a", "asin": "B000000001", "total_clicks": week.day}])
        barrier.wait()
        return publisher.finish(sync, snapshot).how

    with ThreadPoolExecutor(WEEKS_AT_ONCE) as threads:
        how = set(threads.map(publish, weeks))
    assert how == ({"difference"} if there_already else {"attached"})
    assert partitions(database) == [("sqp.monthly_summary", 2 + 1), ("sqp.quarterly_summary", 1 + 1)]
    november = sum(week.day for week in weeks if week.month == 11)
    with psycopg.connect(database, options="-c search_path=sqp") as connection:
        month = "select month, query, total_clicks, active_weeks from monthly_summary order by month"
        assert connection.execute(month).fetchall() == [(10, "a", 25, 1), (11, "a", november, 5)]
        quarter = "select query, total_clicks, active_weeks from quarterly_summary"
        assert connection.execute(quarter).fetchall() == [("a", november + 25, 6)]
        ledger = "select distinct state, week_changed_at from synced_period where sync_type <> 'weekly'"
        assert connection.execute(ledger).fetchall() == [("derived", None)]
