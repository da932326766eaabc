"""A subscriber of the tables gets every row, by Postgres' own logical replication into a second database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import new_database
from tests.landing import Landing, report_row
from tests.others import SWAP_ALWAYS, land, with_target
from tests.stages import Stages

Connection = psycopg.Connection[Any]

FIRST, SECOND = date(2026, 11, 8), date(2026, 11, 15)
TABLES = "weekly_summary, monthly_summary, quarterly_summary"
LONGEST_WAIT = 60


@pytest.fixture
def database(logical_server: str, migrated_template: Callable[[str], str]) -> Iterator[str]:
    """The publisher, in place of a database of the other server."""
    with new_database(logical_server, template=migrated_template(logical_server)) as dsn:
        yield dsn


@pytest.fixture
def subscriber(logical_server: str, migrated_template: Callable[[str], str]) -> Iterator[Connection]:
    """A second database with the same tables, without the rows that a migration writes."""
    with (
        new_database(logical_server, template=migrated_template(logical_server)) as dsn,
        psycopg.connect(dsn, autocommit=True, options="-c search_path=sqp") as connection,
    ):
        connection.execute("set session_replication_role = replica")  # no trigger of these tables fires
        connection.execute(
            "truncate sync_log, data_quality_checks, sync_rejects, period_type, synced_period, source_period,"
            " sent_alert, schema_state, alembic_version cascade"
        )
        yield connection


def wait_until(connection: Connection, condition: str, *values: Any) -> None:
    """Ask until the answer is yes."""
    end = time.monotonic() + LONGEST_WAIT
    while connection.execute(f"select {condition}", values).fetchone() != (True,):  # type: ignore[arg-type]
        assert time.monotonic() < end, condition
        time.sleep(0.05)


class Replica:
    """The subscription of one database to another one of the same server."""

    def __init__(self, publisher: Connection, subscriber: Connection) -> None:
        self.publisher = publisher
        self.subscriber = subscriber

    def catch_up(self) -> None:
        """Wait until all that the publisher has committed was applied."""
        (lsn,) = self.publisher.execute("select pg_current_wal_lsn()::text").fetchone() or ("",)
        applied = "bool_and(confirmed_flush_lsn >= %s::pg_lsn) from pg_replication_slots where slot_name = 'replica'"
        wait_until(self.publisher, applied, lsn)

    def rows(self, table: str) -> tuple[list[Any], list[Any]]:
        """The rows of a table on both sides."""
        query = f"select * from {table} order by period_start, query, asin"
        return self.publisher.execute(query).fetchall(), self.subscriber.execute(query).fetchall()  # type: ignore[arg-type]


@contextmanager
def replicating(database: str, subscriber: Connection, publication: str) -> Iterator[Replica]:
    """Subscribe to a publication. In one server, the slot must be there before the subscription."""
    parts = conninfo_to_dict(database)
    address = f"host={parts['host']} port={parts['port']} user={parts['user']} dbname={parts['dbname']}"
    with psycopg.connect(database, autocommit=True, options="-c search_path=sqp") as publisher:
        publisher.execute(f"create publication replica {publication}")  # type: ignore[arg-type]
        publisher.execute("select pg_create_logical_replication_slot('replica', 'pgoutput')")
        subscriber.execute(
            f"create subscription replica connection '{address}' publication replica"  # type: ignore[arg-type]
            " with (create_slot = false, slot_name = replica)"
        )
        try:
            wait_until(subscriber, "count(*) > 0 and bool_and(srsubstate = 'r') from pg_subscription_rel")
            yield Replica(publisher, subscriber)
        finally:
            subscriber.execute("drop subscription replica")


@pytest.mark.parametrize(
    ("publication", "partition"),
    [
        (f"for table {TABLES} with (publish_via_partition_root)", "weekly_summary_20261115"),
        (f"for table {TABLES}", "weekly_summary_default"),
        ("for tables in schema sqp with (publish_via_partition_root)", "weekly_summary_20261115"),
        ("for all tables", "weekly_summary_default"),
    ],
)
def test_a_subscriber_gets_every_row_of_each_week_month_and_quarter(
    landing: Landing, stages: Stages, database: str, subscriber: Connection, publication: str, partition: str
) -> None:
    with replicating(database, subscriber, publication) as replica:
        for week in (FIRST, SECOND):
            landing.land(*(report_row(f"query {number}", week=week) for number in range(5)))
            run = stages.sync(week)
            assert (run.colour, run["publish"]["how"]) == ("success", "difference")
        landing.land(report_row("query 1", week=SECOND, asin_click_count=1, ingested_at="2026-11-25T06:00:00Z"))
        assert stages.sync(SECOND)["publish"]["updated"] == 1
        replica.catch_up()
        for table, rows in (("weekly_summary", 10), ("monthly_summary", 5), ("quarterly_summary", 5)):
            sent, arrived = replica.rows(table)
            assert len(sent) == rows
            assert arrived == sent
        where = f"select distinct tableoid::regclass::text from weekly_summary where period_start = '{SECOND}'"
        assert replica.publisher.execute(where).fetchall() == [(partition,)]  # type: ignore[arg-type]


def test_weeks_that_a_subscriber_has_already_stay_equal_when_they_are_restated(
    landing: Landing, stages: Stages, database: str, subscriber: Connection
) -> None:
    """The week was attached before anybody subscribed; the subscriber has its partition, and copies its rows."""
    landing.land(*(report_row(f"query {number}", week=FIRST) for number in range(5)))
    assert stages.sync(FIRST)["publish"]["how"] == "attached"
    for table, first, last in (
        ("weekly_summary", "2026-11-08", "2026-11-14"),
        ("monthly_summary", "2026-11-01", "2026-11-30"),
        ("quarterly_summary", "2026-10-01", "2026-12-31"),
    ):
        partition = f"{table}_{first.replace('-', '')}"
        subscriber.execute(f"create table {partition} (like {table} including all)")  # type: ignore[arg-type]
        subscriber.execute(
            f"alter table {table} attach partition {partition}"  # type: ignore[arg-type]
            f" for values from ('{first}') to (date '{last}' + 1)"
        )
    with replicating(database, subscriber, f"for table {TABLES}") as replica:
        landing.land(report_row("query 1", week=FIRST, asin_click_count=1, ingested_at="2026-11-25T06:00:00Z"))
        assert stages.sync(FIRST)["publish"]["updated"] == 1
        replica.catch_up()
        for table in TABLES.split(", "):
            sent, arrived = replica.rows(table)
            assert len(sent) == 5
            assert arrived == sent


def test_a_subscriber_of_one_partition_gets_every_row_of_its_restatement(
    landing: Landing, stages: Stages, database: str, subscriber: Connection
) -> None:
    """So much of the week changes that it would be replaced as a whole, which no subscriber would see."""
    with_target(stages, **SWAP_ALWAYS)
    land(landing, FIRST, 20)
    assert stages.sync(FIRST)["publish"]["how"] == "attached"
    subscriber.execute("create table weekly_summary_20261108 (like weekly_summary including all)")
    with replicating(database, subscriber, "for table weekly_summary_20261108") as replica:
        land(landing, FIRST, 30)
        assert stages.sync(FIRST)["publish"] == {
            "how": "difference",
            "inserted": 0,
            "updated": 4,
            "deleted": 0,
            "unchanged": 0,
        }
        replica.catch_up()
        sent, arrived = replica.rows("weekly_summary_20261108")
        assert len(sent) == 4
        assert arrived == sent
