"""How many definitions a sync changes: an API beside it, such as PostgREST, reads its whole schema again after each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.landing import WEEK, Landing, report_row
from tests.stages import NO_OPTIONS, Run, Stages

WATCH = """
create schema watch;
create table watch.seen (tag text, transaction xid8 default pg_current_xact_id());
create function watch.note() returns event_trigger language plpgsql security definer as $$
begin
    if tg_event = 'sql_drop' then
        insert into watch.seen
        select 'drop ' || object_type from pg_event_trigger_dropped_objects()
        where original and not is_temporary and object_type in ('table', 'trigger', 'view', 'function');
    elsif not exists (select from pg_event_trigger_ddl_commands() where schema_name = 'pg_temp') then
        insert into watch.seen values (tg_tag);
    end if;
end
$$;
create event trigger watch_commands on ddl_command_end execute function watch.note();
create event trigger watch_drops on sql_drop execute function watch.note();
"""


class Watched:
    """The commands that an event trigger saw, as PostgREST's own trigger does: all but those on temporary tables."""

    def __init__(self, stages: Stages) -> None:
        self.stages = stages
        self.commands: Counter[str] = Counter()
        self.transactions = 0

    @contextmanager
    def during(self) -> Iterator[None]:
        """Count from here to the end of the block."""
        self.stages.query("truncate watch.seen")
        yield
        seen = self.stages.query("select tag, transaction::text from watch.seen")
        self.commands = Counter(row["tag"].lower() for row in seen)
        self.transactions = len({row["transaction"] for row in seen})


@pytest.fixture
def watched(stages: Stages) -> Watched:
    """A database whose event triggers write down each definition that changes."""
    with psycopg.connect(stages.dsn, autocommit=True) as connection:
        connection.execute(WATCH)
    return Watched(stages)


def land(landing: Landing, week: Any = WEEK, **changes: Any) -> None:
    landing.land(*(report_row(f"query {number}", week=week, **changes) for number in range(3)))


def changed(landing: Landing, stages: Stages, watched: Watched, first_day: str, **figures: Any) -> tuple[int, int]:
    """Land a week and sync it; return how many commands and transactions changed definitions."""
    if figures:
        land(landing, WEEK.fromisoformat(first_day), **figures)
    with watched.during():
        run = stages.sync(first_day)
    assert run.colour == "success", run.errors
    return sum(watched.commands.values()), watched.transactions


def test_a_sync_changes_few_definitions_and_an_unchanged_one_none(
    landing: Landing, stages: Stages, watched: Watched
) -> None:
    first, later = {"asin_click_count": 50}, {"asin_click_count": 1, "ingested_at": "2026-11-25T06:00:00Z"}
    assert changed(landing, stages, watched, "2026-11-08", **first) == (40, 8)  # and attaches month and quarter
    assert changed(landing, stages, watched, "2026-11-15", **first) == (50, 10)  # and swaps month and quarter
    assert changed(landing, stages, watched, "2026-11-15", **later) == (
        11,
        5,
    )  # loads, compares, drops all three tables
    # a drop is seen twice
    assert watched.commands == {"create table": 1, "create table as": 2, "alter table": 2, "drop table": 6}
    assert changed(landing, stages, watched, "2026-11-15") == (0, 0)


def test_a_filter_on_the_calendar_opens_only_the_partitions_of_synced_periods(landing: Landing, stages: Stages) -> None:
    """Whoever made the partition: a week's sync, the sum of its month, or the month's own sync."""
    for first_day in ("2026-10-11", "2026-11-08"):
        land(landing, WEEK.fromisoformat(first_day))
        assert stages.sync(first_day).colour == "success"
    for query, partition in (
        ("weekly_summary where period_end = '2026-11-14'", "weekly_summary_20261108"),
        ("monthly_summary where year = 2026 and month = 10", "monthly_summary_20261001"),
    ):
        plan = str(stages.query(f"explain select * from {query}"))
        assert partition in plan
        assert plan.count("Scan on") == 2, plan  # and the default partition


def test_rows_that_a_crash_of_the_server_emptied_are_not_published(landing: Landing, stages: Stages) -> None:
    """What is staged to be compared is not logged. Emptying it stands in for the crash."""
    land(landing)
    assert stages.sync(WEEK).colour == "success"
    land(landing, asin_click_count=1, ingested_at="2026-11-25T06:00:00Z")
    run = Run("manual__crash", NO_OPTIONS | {"period_start": WEEK})
    for task_id in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(run, task_id), run.errors
    staged = f"sqp_staging.weekly_summary_20261108_{run['log_start']}"
    stages.query(f"truncate {staged}")
    assert not stages.run_task(run, "publish")
    assert f"{staged} is empty, because the server has restarted" in str(run.errors["publish"])
    assert len(stages.target()) == 3
