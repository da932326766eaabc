"""Somebody writes into the tables while a week is attached: neither fails, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from sqp_provider.hooks.postgres import Database
from sqp_provider.target.publication import Publication
from tests.landing import WEEK, Landing, report_row
from tests.stages import NO_OPTIONS, Run, Stages

Connection = psycopg.Connection[Any]

INSERT = (
    "insert into weekly_summary (period_start, period_end, query, asin, total_clicks)"
    " values (%s, %s::date + 6, 'of theirs', 'B000000001', 7)"
)
LONGEST_WAIT = 60


@pytest.fixture
def writer(database: str) -> Iterator[Connection]:
    """A session of somebody else."""
    with psycopg.connect(database, options="-c search_path=sqp") as connection:
        yield connection


@pytest.fixture
def staged(landing: Landing, stages: Stages) -> Run:
    """A new week, ready to be published."""
    landing.land(*(report_row(f"query {number}") for number in range(3)))
    run = Run("manual__staged", NO_OPTIONS | {"period_start": str(WEEK), "max_delete_fraction": 1})
    for task_id in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(run, task_id), run.errors
    return run


def until_one_waits(stages: Stages) -> None:
    """Wait until a session waits for another one's lock."""
    end = time.monotonic() + LONGEST_WAIT
    waiting = (
        "select 1 from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0"
    )
    while not stages.query(waiting):
        assert time.monotonic() < end, "nobody waits"
        time.sleep(0.05)


def test_rows_of_the_week_that_are_committed_meanwhile_are_compared(
    stages: Stages, staged: Run, writer: Connection
) -> None:
    writer.execute(INSERT, [WEEK, WEEK])
    with ThreadPoolExecutor(1) as threads:
        published = threads.submit(stages.run_task, staged, "publish")
        until_one_waits(stages)
        writer.commit()
        assert published.result(), staged.errors
    assert staged["publish"] == {"how": "difference", "inserted": 3, "updated": 0, "deleted": 1, "unchanged": 0}
    assert [row["query"] for row in stages.target()] == ["query 0", "query 1", "query 2"]


def test_a_writer_of_another_week_of_the_month_waits_and_both_succeed(
    stages: Stages, staged: Run, writer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer waits for the month, and the publish for the writer: the publish makes way and tries again."""
    put_in_place = Publication._put_in_place

    def while_somebody_writes(self: Publication, database: Database) -> None:
        if not written:
            written.append(threads.submit(writer.execute, INSERT, ["2026-11-15", "2026-11-15"]))
            until_one_waits(stages)
        put_in_place(self, database)

    monkeypatch.setattr(Publication, "_put_in_place", while_somebody_writes)
    written: list[Any] = []
    with ThreadPoolExecutor(2) as threads:
        publishing = threads.submit(stages.run_task, staged, "publish")
        while not written:
            time.sleep(0.01)
        written[0].result()
        writer.commit()
        assert publishing.result(), staged.errors
    assert staged["publish"]["how"] == "attached"
    assert stages.query("select sum(total_clicks)::int as clicks, count(*) from monthly_summary") == [
        {"clicks": 3 * 50 + 7, "count": 4}
    ]
