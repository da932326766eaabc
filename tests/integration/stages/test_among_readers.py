"""Somebody reads while a week is published: readers wait for a moment at most, and see all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from sqp_provider.target import waiting
from sqp_provider.target.publication import Publication
from sqp_provider.target.target import Target
from tests.fixtures import connection_to
from tests.integration.sql.conftest import server_dsn  # noqa: F401 - every test runs on both versions of Postgres
from tests.landing import WEEK, Landing
from tests.logins import logins
from tests.others import (
    Way,
    figures,
    let_in,
    listen,
    ready,
    refusals,
    session,
    stage,
    until,
    until_one_waits,
    with_target,
    wrong,
)
from tests.stages import Stages

WAYS: list[Way] = ["attached", "swapped", "difference"]
TABLES = ("weekly_summary", "monthly_summary", "quarterly_summary")
OLD = {
    "attached": ((0, None), (4, 46), (4, 46)),
    "swapped": ((4, 86), (4, 132), (4, 132)),
    "difference": ((4, 86), (4, 132), (4, 132)),
}
NEW = {
    "attached": ((4, 86), (4, 132), (4, 132)),
    "swapped": ((4, 126), (4, 172), (4, 172)),
    "difference": ((4, 126), (4, 172), (4, 172)),
}


@contextmanager
def dashboard(dsn: str) -> Iterator[list[int]]:
    """Read all tables again and again; fail if a lock is not free within 5 s, far more than the promised moment."""
    reads, errors, stop = [0], list[BaseException](), Event()

    def read() -> None:
        try:
            with session(dsn, "another dashboard", autocommit=True) as reader:
                reader.execute("set lock_timeout = '5s'")
                while not stop.is_set():
                    with reader.transaction():
                        figures(reader)
                    for table in TABLES[::-1]:
                        reader.execute(f"select count(*) from {table}".encode())
                    reads[0] += 1
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=read)
    thread.start()
    try:
        yield reads
    finally:
        stop.set()
        thread.join()
    assert errors == []


@pytest.mark.parametrize("table", [*TABLES, "sync_log"])
@pytest.mark.parametrize("way", ["attached", "swapped"])
def test_a_publish_waits_for_an_open_reader_and_keeps_no_other_reader_waiting(
    way: Way, table: str, landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready(way, landing, stages)
    heard, refused = listen(monkeypatch), refusals(monkeypatch)
    monkeypatch.setattr(waiting, "REFUSALS", 1000)
    with session(stages.dsn) as reader, dashboard(stages.dsn) as reads, ThreadPoolExecutor(1) as threads:
        pid = f"pid {reader.info.backend_pid}"
        reader.execute(f"select count(*) from {table}".encode())
        published = threads.submit(stages.run_task, run, "publish")
        until(lambda: len(refused) >= 3)
        before = reads[0]
        until(lambda: len(refused) >= 6 and reads[0] > before + 1)
        assert not published.done()
        reader.rollback()
        assert published.result(), run.errors
    assert run["publish"]["how"] == way
    assert f"{pid} (application dashboard, login postgres, " in heard.text
    with session(stages.dsn) as reader:
        assert figures(reader) == NEW[way]


def test_after_five_refused_locks_a_period_is_written_row_by_row_while_it_is_read(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready("swapped", landing, stages)
    heard, refused = listen(monkeypatch), refusals(monkeypatch)
    with session(stages.dsn) as reader:
        assert figures(reader) == OLD["swapped"]
        assert stages.run_task(run, "publish"), run.errors
        assert figures(reader) == NEW["swapped"]
    assert run["publish"] == {"how": "difference", "inserted": 0, "updated": 4, "deleted": 0, "unchanged": 0}
    assert len(refused) == waiting.REFUSALS
    assert "the other way may meet no lock, so it is prepared again" in heard.text


@pytest.mark.parametrize("order", [TABLES, TABLES[::-1]], ids=["weeks first", "quarters first"])
@pytest.mark.parametrize("way", ["attached", "swapped"])
def test_whoever_reads_several_tables_in_a_transaction_never_meets_a_deadlock(
    way: Way, order: tuple[str, ...], landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publish has locked the weeks when the reader, who has read the months, asks for the weeks; or the reverse."""
    run = ready(way, landing, stages)
    refusals(monkeypatch)
    first, *others = order
    locked = []

    def count(table: str) -> Any:
        return reader.execute(f"select count(*) from {table}".encode()).fetchone()

    def go_on() -> None:
        locked.append(threads.submit(lambda: [count(table) for table in others]))
        if first != "weekly_summary":
            until_one_waits(stages)

    lock = Target.lock_readers_out

    def lock_with_a_reader(self: Target, way: Any, until: float) -> None:
        if self.sync.period.sync_type == "monthly" and not locked:
            go_on()
        lock(self, way, until)

    monkeypatch.setattr(Target, "lock_readers_out", lock_with_a_reader)
    with session(stages.dsn) as reader, ThreadPoolExecutor(2) as threads:
        count(first)
        if first == "weekly_summary":
            let_in(monkeypatch, Publication, "_put_in_place", go_on)
        published = threads.submit(stages.run_task, run, "publish")
        until(lambda: locked)
        assert len(locked[0].result()) == 2
        reader.commit()
        assert published.result(), run.errors
    assert wrong(stages) == []


@pytest.mark.parametrize("way", ["attached", "swapped"])
def test_when_the_time_is_up_the_task_says_who_reads_and_clearing_it_publishes(
    way: Way, landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready(way, landing, stages)
    with_target(stages, lock_timeout_seconds=1)
    monkeypatch.setattr(waiting, "REFUSALS", 1000)
    before = stages.target()
    with session(stages.dsn) as reader:
        reader.execute("select count(*) from weekly_summary")
        assert not stages.run_task(run, "publish")
        stages.run_task(run, "log_finish")
        error, pid = str(run.errors["publish"]), f"pid {reader.info.backend_pid}"
        assert f"{pid} (application dashboard, login postgres, " in error
        assert "was in the way until the time was up. The target is unchanged, and what is staged stays." in error
        assert "End that transaction or wait for it, then clear 'publish'" in error
        assert stages.target() == before
        assert figures(reader) == OLD[way]
    assert stages.log(run)["error_details"]["type"] == "TargetBusy"
    stages.clear(run, "publish")
    assert run.colour == "success", run.errors
    assert run.ran == {"log_start", "publish", "log_finish"}
    assert run["publish"]["how"] == way
    assert wrong(stages) == []
    assert stages.query("select relname from pg_class where relnamespace = 'sqp_staging'::regnamespace") == []


@pytest.mark.parametrize("moment", ["before it is prepared", "before it is put in place"])
@pytest.mark.parametrize("way", WAYS)
def test_a_snapshot_from_before_a_publish_sees_all_of_it_or_nothing(
    way: Way, moment: str, landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction in isolation level repeatable read, such as a report of several queries."""
    run = ready(way, landing, stages)
    with session(stages.dsn) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

        def take_snapshot() -> None:
            reader.execute("select count(*) from period_type")

        if moment == "before it is prepared":
            take_snapshot()
        else:
            let_in(monkeypatch, Publication, "_commit", take_snapshot)
        assert stages.run_task(run, "publish"), run.errors
        seen = figures(reader)
        assert seen in (OLD[way], NEW[way])
        sums = {reader.execute(f"select sum(total_clicks) from {table}".encode()).fetchone() for table in TABLES}
        assert len(sums) == 1  # of all weeks, all months and all quarters
        assert figures(reader) == seen
        reader.rollback()
        assert figures(reader) == NEW[way]
    assert run["publish"]["how"] == way
    assert wrong(stages) == []


@pytest.mark.parametrize("table", TABLES)
def test_a_snapshot_from_before_rows_leave_the_default_partition_sees_none_of_them_twice(
    table: str, landing: Landing, stages: Stages
) -> None:
    """Those that leave stay visible to him where they were, and never where they are. So they stay while he reads."""
    ready("swapped", landing, stages)
    partition = f"{table}_{ {'w': '20261108', 'm': '20261101', 'q': '20261001'}[table[0]] }"
    stages.query(f"alter table {table} detach partition {partition}")
    stages.query(f"insert into {table}_default select * from {partition}")
    stages.query(f"drop table {partition}")
    run = stage(stages)
    with session(stages.dsn) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select count(*) from period_type")
        assert stages.run_task(run, "publish"), run.errors
        assert figures(reader) in (OLD["swapped"], NEW["swapped"])
        sums = {reader.execute(f"select sum(total_clicks) from {every}".encode()).fetchone() for every in TABLES}
        assert len(sums) == 1  # without a filter the default partition is read too
        reader.rollback()
        assert figures(reader) == NEW["swapped"]
    assert wrong(stages) == []
    assert stages.sync(WEEK, force=True).colour == "success"
    assert stages.query(f"select count(*) as rows from {partition}") == [{"rows": 4}]


def test_a_prepared_statement_reads_what_was_published_since(landing: Landing, stages: Stages) -> None:
    run = ready("swapped", landing, stages)
    with session(stages.dsn, autocommit=True) as reader:
        reader.execute("prepare clicks as select sum(total_clicks)::int from weekly_summary where period_start = $1")
        for _ in range(7):  # from the sixth time on Postgres keeps the plan
            assert reader.execute("execute clicks('2026-11-08')").fetchone() == (86,)
        assert stages.run_task(run, "publish"), run.errors
        assert run["publish"]["how"] == "swapped"
        assert reader.execute("execute clicks('2026-11-08')").fetchone() == (126,)


@pytest.mark.parametrize("attributes", ["", "noinherit"])
def test_a_login_with_few_rights_waits_for_an_open_reader_and_names_it(
    attributes: str, landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready("attached", landing, stages)
    heard, refused = listen(monkeypatch), refusals(monkeypatch)
    with logins(stages.dsn) as login, session(stages.dsn) as reader, ThreadPoolExecutor(1) as threads:
        pid = reader.info.backend_pid
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(login("sqp_writer", attributes=attributes)))
        reader.execute("select count(*) from weekly_summary")
        published = threads.submit(stages.run_task, run, "publish")
        until(lambda: refused or published.done())
        reader.rollback()
        assert published.result(), run.errors
    assert run["publish"]["how"] == "attached"
    assert f"pid {pid} (application dashboard, login postgres, " in heard.text
