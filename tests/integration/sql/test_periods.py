"""What Postgres knows of the periods of a window, as the check for restatements reads it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.restatement import KnownPeriod
from sqp_provider.core.settings import TargetSettings
from sqp_provider.core.snapshot import PeriodTotals, Totals
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.periods import Periods, accounted_periods

WEEK = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
OLDER = Period.starting(SyncType.WEEKLY, date(2026, 11, 1))
DRY = {"options": {"dry_run": True}}


@pytest.fixture
def database(connection: psycopg.Connection[Any]) -> Database:
    """Named statements over a migrated schema, rolled back afterwards."""
    connection.row_factory = dict_row  # type: ignore[assignment]
    return Database(connection, TargetSettings())


@pytest.fixture
def periods(database: Database) -> Periods:
    """A window of two weeks."""
    return Periods(database, SyncType.WEEKLY, [WEEK, OLDER])


def log_run(database: Database, run_id: str | None, status: str, started: str, **more: Any) -> None:
    """Write a run of 2026-11-08."""
    database.connection.execute(
        "insert into sync_log (sync_type, sync_status, started_at, source_table, target_table, period_start, dag_id,"
        " run_id, error_details, sync_metadata) values (%s, %s, %s, 's', 't', '2026-11-08', 'd', %s, %s, %s)",
        [
            more.get("sync_type", "weekly"),
            status,
            started,
            run_id,
            json.dumps({"type": more["error"]}) if "error" in more else None,
            json.dumps(more["metadata"]) if "metadata" in more else None,
        ],
    )


def seen(database: Database) -> list[tuple[Any, ...]]:
    rows = database.connection.execute(
        "select period_start::text, period_end::text, fingerprint, row_count, reject_count,"
        " seen_at = '2026-11-23 06:00Z' as at_six from source_period order by 1"
    )
    return [tuple(row.values()) for row in rows]


def test_of_an_unknown_period_nothing_is_known(periods: Periods) -> None:
    assert periods.known(date(2026, 11, 23)) == {WEEK: KnownPeriod(), OLDER: KnownPeriod()}


def test_the_ledger_the_running_run_and_the_last_failure_are_known(periods: Periods, database: Database) -> None:
    database.connection.execute(
        "insert into synced_period (sync_type, period_start, period_end, state, fingerprint, row_count)"
        " values ('weekly', '2026-11-08', '2026-11-14', 'synced', 'aaa', 19001),"
        " ('monthly', '2026-11-01', '2026-11-30', 'derived', null, null)"
    )
    refused = {"snapshot": {"fingerprint": "bbb"}, "options": {"dry_run": False}}
    log_run(database, "first", "completed", "2026-11-19")
    log_run(database, "second", "failed", "2026-11-20", error="ChecksFailed", metadata=refused)
    log_run(database, "third", "started", "2026-11-21")
    assert periods.known(date(2026, 11, 23)) == {
        WEEK: KnownPeriod(
            state="synced",
            fingerprint="aaa",
            row_count=19001,
            running_run="third",
            failed_run="second",
            failed_type="ChecksFailed",
            failed_fingerprint="bbb",
        ),
        OLDER: KnownPeriod(),
    }


def test_a_failure_that_a_later_run_made_good_is_forgotten(periods: Periods, database: Database) -> None:
    log_run(database, "first", "failed", "2026-11-19", error="ChecksFailed")
    log_run(database, "second", "completed", "2026-11-20")
    assert periods.known(date(2026, 11, 23))[WEEK] == KnownPeriod()


def test_a_failure_before_the_snapshot_has_no_fingerprint(periods: Periods, database: Database) -> None:
    log_run(database, "first", "failed", "2026-11-19", error="SourceEmpty")
    assert periods.known(date(2026, 11, 23))[WEEK] == KnownPeriod(failed_run="first", failed_type="SourceEmpty")


def test_dry_runs_and_other_types_say_nothing(periods: Periods, database: Database) -> None:
    log_run(database, "dry", "started", "2026-11-19", metadata=DRY)
    log_run(database, "dry too", "failed", "2026-11-19", error="ChecksFailed", metadata=DRY)
    log_run(database, "monthly", "started", "2026-11-19", sync_type="monthly")
    assert periods.known(date(2026, 11, 23))[WEEK] == KnownPeriod()


def test_a_run_without_a_run_id_is_named_by_its_row(periods: Periods, database: Database) -> None:
    log_run(database, None, "started", "2026-11-19")
    (row,) = database.connection.execute("select id from sync_log")
    assert periods.known(date(2026, 11, 23))[WEEK].running_run == f"of sync_log {row['id']}"


def test_what_is_seen_is_written_and_an_older_check_does_not_replace_it(periods: Periods, database: Database) -> None:
    rows = Totals(row_count=19001, key_count=19001, row_hash=0, sums={}, nulls={})
    totals = PeriodTotals(totals=rows, reject_count=13, source_rows=19014, fingerprint="aaa")
    periods.record_seen({WEEK: totals}, datetime(2026, 11, 22, 6, tzinfo=UTC))
    periods.record_seen({OLDER: totals}, datetime(2026, 11, 23, 6, tzinfo=UTC))
    expected = [
        ("2026-11-01", "2026-11-07", "aaa", 19001, 13, True),
        ("2026-11-08", "2026-11-14", None, 0, 0, True),
    ]
    assert seen(database) == expected
    periods.record_seen({}, datetime(2026, 11, 23, 5, tzinfo=UTC))
    assert seen(database) == expected


@pytest.mark.parametrize(
    ("meanwhile", "is_overwritten"),
    [
        ("set asins_found = 3, expected_by = '2026-11-20'", True),
        ("set published_at = '2026-11-22 06:00Z'", False),
        ("set fingerprint = 'newer'", False),
    ],
)
def test_rows_that_are_not_those_published_are_noted_unless_the_week_was_published_meanwhile(
    database: Database, meanwhile: str, is_overwritten: bool
) -> None:
    database.connection.execute(
        "insert into synced_period (sync_type, period_start, period_end, state, fingerprint, row_count, row_hash,"
        " published_at) values ('weekly', '2026-11-08', '2026-11-14', 'synced', 'old', 7, 1, '2026-11-19 06:00Z')"
    )
    (known,) = accounted_periods(database, SyncType.WEEKLY)
    database.connection.execute(f"update synced_period {meanwhile}".encode())
    assert not known.is_intact(database)
    (row,) = database.connection.execute("select fingerprint is null as is_overwritten from synced_period").fetchall()
    assert row == {"is_overwritten": is_overwritten}
