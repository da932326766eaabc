"""The other functions: status, locks, partitions, retention."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection[Any]

LOG = (
    "insert into sync_log (sync_type, sync_status, started_at, completed_at, source_table, target_table,"
    " records_processed) values (%s, %s, %s, %s, 's', 't', 7) returning id"
)
WEEK = (
    "insert into weekly_summary (period_start, period_end, query, asin, sync_log_id)"
    " values (%s, %s::date + 6, 'a', 'B000000001', %s)"
)
CHECK = "insert into data_quality_checks (sync_log_id, check_type, check_status) values (%s, 'row_count', 'passed')"
REJECT = "insert into sync_rejects (sync_log_id, attempt, reason, raw) values (%s, 1, 'empty query', '{}')"


def log_row(connection: Connection, started: str, sync_type: str = "weekly", status: str = "completed") -> int:
    row = connection.execute(LOG, [sync_type, status, started, started]).fetchone()
    assert row is not None
    return int(row[0])


def test_the_latest_sync_of_a_type_is_returned_as_the_specification_says(
    connection: Connection, seed: Connection
) -> None:
    for target in (seed, connection):
        log_row(target, "2026-11-01 00:00Z", status="failed")
        log_row(target, "2026-11-08 00:00Z")
        log_row(target, "2026-11-09 00:00Z", sync_type="monthly")
        assert target.execute(
            "select last_sync_time = '2026-11-08 00:00Z', last_sync_status, records_processed,"
            " next_sync_due = '2026-11-09 00:00Z' from get_latest_sync_status()"
        ).fetchall() == [(True, "completed", 7, True)]
        log_row(target, "2026-11-10 00:00Z", sync_type="quarterly", status="failed")
        assert target.execute(
            "select last_sync_status, next_sync_due = now() from get_latest_sync_status('quarterly')"
        ).fetchall() == [("failed", True)]
        assert target.execute("select * from get_latest_sync_status('hourly')").fetchall() == []


def test_freshness_ignores_rows_without_a_period_in_adopted_tables(connection: Connection) -> None:
    connection.execute("drop table weekly_summary cascade")
    connection.execute("create table weekly_summary (period_start date, period_end date)")
    connection.execute("insert into weekly_summary values (null, null), (current_date - 7, current_date - 1)")
    assert connection.execute("select days_old from check_data_freshness() limit 1").fetchall() == [(1,)]


def test_a_period_is_locked_for_one_transaction_at_a_time(committing: Connection, other: Connection) -> None:
    other.execute("set lock_timeout = '100ms'")
    with committing.transaction():
        committing.execute("select lock_period('weekly', '2026-11-08')")
        committing.execute("select lock_period('weekly', '2026-11-08')")
        other.execute("select lock_period('weekly', '2026-11-15')")
        other.execute("select lock_period('monthly', '2026-11-08')")
        other.execute("set datestyle = 'SQL, DMY'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("select lock_period('weekly', '08/11/2026')")
    other.execute("select lock_period('weekly', '08/11/2026')")


def test_a_period_gets_one_partition_with_key_indexes_and_reference(connection: Connection) -> None:
    ensure = "select ensure_period_partition('weekly_summary', '2026-11-08', '2026-11-14')"
    assert connection.execute(ensure).fetchall() == [(True,)]
    assert connection.execute(ensure).fetchall() == [(False,)]
    for day, last in (("2026-11-08", "2026-11-14"), ("2026-11-14", "2026-11-14"), ("2026-11-15", "2026-11-21")):
        connection.execute(
            "insert into weekly_summary (period_start, period_end, query, asin) values (%s, %s, 'a', 'B000000001')",
            [day, last],
        )
    assert connection.execute(
        "select period_start::text, tableoid::regclass::text from weekly_summary order by 1"
    ).fetchall() == [
        ("2026-11-08", "weekly_summary_20261108"),
        ("2026-11-14", "weekly_summary_20261108"),
        ("2026-11-15", "weekly_summary_default"),
    ]
    inherited = connection.execute(
        "select (select count(*) from pg_index where indrelid = c.oid),"
        " (select count(*) from pg_constraint where conrelid = c.oid and contype in ('p', 'f'))"
        " from pg_class as c where relname = 'weekly_summary_20261108'"
    )
    assert inherited.fetchall() == [(3, 2)]


def test_old_log_rows_go_with_their_checks_and_rejects(connection: Connection) -> None:
    old, young = log_row(connection, "2025-01-01"), log_row(connection, "now")
    for log in (old, young):
        connection.execute(CHECK, [log])
        connection.execute(REJECT, [log])
    assert connection.execute("select delete_old_sync_log('90 days')").fetchall() == [(1,)]
    for table in ("data_quality_checks", "sync_rejects"):
        assert connection.execute(f"select sync_log_id from {table}").fetchall() == [(young,)]
    assert connection.execute("select id from sync_log").fetchall() == [(young,)]


def test_log_rows_that_are_still_referred_to_stay_with_their_checks(connection: Connection) -> None:
    in_table, in_ledger, _ = (log_row(connection, "2025-01-01") for _ in range(3))
    connection.execute(WEEK, ["2024-12-01", "2024-12-01", in_table])
    connection.execute(
        "insert into synced_period (sync_type, period_start, period_end, state, sync_log_id)"
        " values ('weekly', '2024-12-08', '2024-12-14', 'synced', %s)",
        [in_ledger],
    )
    connection.execute(CHECK, [in_table])
    assert connection.execute("select delete_old_sync_log('90 days')").fetchall() == [(1,)]
    assert connection.execute("select id from sync_log order by 1").fetchall() == [(in_table,), (in_ledger,)]
    assert connection.execute("select count(*) from data_quality_checks").fetchall() == [(1,)]
