"""The target's side of a publish: weeks of one month that are published at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import psycopg
import pytest

from sqp_provider.core.period import Period, SyncType
from tests.published import Publisher

WEEKS_AT_ONCE = 6


def partitions(database: str) -> list[tuple[str, int]]:
    """How many partitions months and quarters have."""
    with psycopg.connect(database) as connection:
        return connection.execute(
            "select inhparent::regclass::text, count(*) from pg_inherits"
            " where inhparent in ('sqp.monthly_summary'::regclass, 'sqp.quarterly_summary'::regclass)"
            " group by 1 order by 1"
        ).fetchall()


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
        barrier.wait(timeout=120)
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
