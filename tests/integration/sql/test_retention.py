"""What the daily task deletes, what it keeps, and what becomes of a period that was deleted on purpose."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.published import Publisher

Connection = psycopg.Connection[Any]


def add_run(connection: Connection, days_ago: int, status: str = "completed", start: str = "2024-01-07") -> int:
    row = connection.execute(
        "insert into sync_log"
        " (sync_type, sync_status, started_at, source_table, target_table, period_start, period_end)"
        " values ('weekly', %s, now() - %s * interval '1 day', 's', 't', %s, %s) returning id",
        [status, days_ago, start, start],
    ).fetchone()
    assert row
    connection.execute(
        "insert into data_quality_checks (sync_log_id, check_type, check_status) values (%s, 'row_count', 'passed')",
        [row[0]],
    )
    connection.execute(
        "insert into sync_rejects (sync_log_id, attempt, reason, raw) values (%s, 1, 'r', '{}')", [row[0]]
    )
    return int(row[0])


def add_rows(connection: Connection, day: str, sync_log_id: int | None = None, queries: str = "ab") -> None:
    """Write rows of the week of that day, as somebody else or a run would."""
    for query in queries:
        connection.execute(
            "insert into weekly_summary (period_start, period_end, query, asin, sync_log_id)"
            " values (%s, %s::date + 6, %s, 'B000000001', %s)",
            [day, day, query, sync_log_id],
        )


def one(connection: Connection, query: str, *values: Any) -> Any:
    row = connection.execute(query, values).fetchone()  # type: ignore[arg-type]
    assert row
    return row[0]


def status(connection: Connection, day: str, sync_type: str = "weekly") -> Any:
    return one(
        connection, "select status from period_status where sync_type = %s and period_start = %s", sync_type, day
    )


def test_old_runs_go_with_their_checks_and_rejects(connection: Connection) -> None:
    old, young = add_run(connection, 100), add_run(connection, 90)
    assert one(connection, "select delete_old_sync_log('95 days')") == 1
    for table in ("sync_log where id", "data_quality_checks where sync_log_id", "sync_rejects where sync_log_id"):
        assert one(connection, f"select count(*) from {table} = %s", old) == 0
        assert one(connection, f"select count(*) from {table} = %s", young) == 1


def test_a_run_stays_while_it_works_or_something_refers_to_it(connection: Connection) -> None:
    working, writer, publisher = add_run(connection, 100, "started"), add_run(connection, 100), add_run(connection, 100)
    add_rows(connection, "2026-11-08", writer)
    connection.execute(
        "insert into synced_period (sync_type, period_start, period_end, state, sync_log_id)"
        " values ('weekly', '2026-11-15', '2026-11-21', 'synced', %s)",
        [publisher],
    )
    assert one(connection, "select delete_old_sync_log('95 days')") == 0
    assert one(connection, "select array_agg(id order by id) from sync_log") == [working, writer, publisher]
    assert one(connection, "select count(*) from data_quality_checks") == 3


@pytest.mark.parametrize("constraint", ["on delete restrict", "deferrable initially deferred"])
def test_a_run_stays_while_a_table_of_yours_refers_to_it(connection: Connection, constraint: str) -> None:
    yours, old = add_run(connection, 100), add_run(connection, 100)
    connection.execute(f"create table report (run bigint references sync_log (id) {constraint})")
    connection.execute("insert into report values (%s)", [yours])
    assert one(connection, "select delete_old_sync_log('95 days')") == 1
    assert one(connection, "select array_agg(id) from sync_log") == [yours] != [old]
    connection.execute("set constraints all immediate")


def test_old_periods_are_whole_quarters_with_their_months_and_weeks(connection: Connection) -> None:
    connection.execute("set local timezone to 'UTC'")
    for day in ("2025-12-21", "2025-12-28", "2026-01-04"):
        add_rows(connection, day)
    # The quarter before 2026-01-01 goes only when its last day lies further back than is kept.
    keep = "(current_date - '2026-01-15'::date) * interval '1 day'"
    found = connection.execute(f"select * from old_periods({keep})").fetchall()
    assert [(sync_type, str(day)) for sync_type, day in found] == [
        ("quarterly", "2025-10-01"),
        ("monthly", "2025-12-01"),
        ("weekly", "2025-12-21"),
        ("weekly", "2025-12-28"),
    ]
    keep = "(current_date - '2025-12-31'::date) * interval '1 day'"
    assert connection.execute(f"select * from old_periods({keep})").fetchall() == []


def test_a_deleted_period_is_neither_missing_nor_summed_again(connection: Connection) -> None:
    for day in ("2025-12-21", "2025-12-28", "2026-01-04"):
        add_rows(connection, day)
    deleted = [
        one(connection, "select delete_period(%s, %s)", *period)
        for period in (
            ("quarterly", "2025-10-01"),
            ("monthly", "2025-12-01"),
            ("weekly", "2025-12-21"),
            ("weekly", "2025-12-28"),
        )
    ]
    assert deleted == [2, 2, 2, 2]
    assert (status(connection, "2025-12-21"), status(connection, "2025-12-01", "monthly")) == ("deleted", "deleted")
    assert status(connection, "2025-10-01", "quarterly") == "deleted"
    assert (one(connection, "select count(*) from weekly_summary"), status(connection, "2026-01-01", "monthly")) == (
        2,
        "derived",
    )
    add_rows(connection, "2025-12-21", queries="c")
    assert one(connection, "select count(*) from monthly_summary where period_start = '2025-12-01'") == 0


def test_a_week_that_is_deleted_alone_leaves_its_month_without_it(connection: Connection) -> None:
    add_rows(connection, "2025-12-21", queries="ab")
    add_rows(connection, "2025-12-28", queries="bc")
    assert one(connection, "select delete_period('weekly', '2025-12-21')") == 2
    month = "select array_agg(query order by query) from monthly_summary where period_start = '2025-12-01'"
    assert one(connection, month) == ["b", "c"]


def test_adopted_rows_go_whatever_day_they_begin_on(seed: Connection, adopt: Any) -> None:
    """Weeks that begin on a Monday, and a row that nobody can place."""
    seed.execute("alter table weekly_summary disable trigger user")
    for query, start in (("a", "2024-01-08"), ("b", "2024-01-08"), ("c", "-infinity")):
        seed.execute(
            "insert into weekly_summary (period_start, period_end, query, asin) values (%s, '2024-01-14', %s, 'B')",
            [start, query],
        )
    adopted = adopt()
    weeks = adopted.execute("select period_start::text from old_periods('1 day') where sync_type = 'weekly'").fetchall()
    assert weeks == [("2024-01-08",)]
    assert one(adopted, "select delete_period('weekly', '2024-01-08')") == 2
    assert one(adopted, "select array_agg(query) from weekly_summary") == ["c"]
    assert one(adopted, "select count(*) from synced_period where sync_type = 'weekly'") == 0


def test_the_partition_of_a_deleted_period_is_found_and_no_other(connection: Connection) -> None:
    for day in ("2025-12-21", "2025-12-28"):
        one(connection, "select ensure_period_partition('weekly_summary', %s::date, %s::date + 6)", day, day)
        add_rows(connection, day)
    one(connection, "select delete_period('weekly', '2025-12-21')")
    assert connection.execute("select * from deleted_partitions()").fetchall() == [
        ("weekly_summary", "weekly_summary_20251221")
    ]


def test_a_partition_that_somebody_has_written_to_stays(connection: Connection) -> None:
    one(connection, "select ensure_period_partition('weekly_summary', '2025-12-21', '2025-12-27')")
    one(connection, "select delete_period('weekly', '2025-12-21')")
    add_rows(connection, "2025-12-21")
    assert connection.execute("select * from deleted_partitions()").fetchall() == []
    for partition in ("weekly_summary_20251221", "weekly_summary_default"):
        assert one(connection, "select drop_deleted_partition(%s)", partition) is False
    assert one(connection, "select count(*) from weekly_summary") == 2


def test_a_period_that_is_synced_again_meanwhile_keeps_its_partition(committing: Connection, other: Connection) -> None:
    one(committing, "select ensure_period_partition('weekly_summary', '2025-12-21', '2025-12-27')")
    one(committing, "select delete_period('weekly', '2025-12-21')")
    waits = "select exists (select from pg_locks where not granted and pid = %s)"
    with ThreadPoolExecutor(1) as threads:
        with committing.transaction():
            one(committing, "select lock_periods('weekly', '2025-12-21')")
            dropped = threads.submit(one, other, "select drop_deleted_partition('weekly_summary_20251221')")
            while not one(committing, waits, other.info.backend_pid):
                assert not dropped.done()
            add_rows(committing, "2025-12-21")
            committing.execute("update synced_period set state = 'synced' where sync_type = 'weekly'")
        assert dropped.result(timeout=60) is False
    assert one(committing, "select count(*) from weekly_summary_20251221") == 2


def test_a_week_is_published_although_the_partition_of_another_one_is_being_dropped(
    committing: Connection, other: Connection, publisher: Publisher
) -> None:
    """Both lock the table and its default partition, in opposite order, and none waits for the other for long."""
    one(committing, "select ensure_period_partition('weekly_summary', '2025-12-21', '2025-12-27')")
    one(committing, "select delete_period('weekly', '2025-12-21')")
    waits = (
        "select exists (select from pg_locks where not granted and relation in"
        " ('weekly_summary'::regclass, 'weekly_summary_default'::regclass))"
    )
    with ThreadPoolExecutor(1) as threads:
        with committing.transaction():
            assert one(committing, "select drop_deleted_partition('weekly_summary_20251221')") is True
            published = threads.submit(publisher.week, "2026-11-08")
            while not one(other, waits):
                assert not published.done()
        assert published.result(timeout=120).how == "attached"
    assert one(committing, "select to_regclass('weekly_summary_20251221')") is None


def test_no_partition_is_dropped_while_another_one_is_attached(committing: Connection, other: Connection) -> None:
    one(committing, "select ensure_period_partition('weekly_summary', '2025-12-21', '2025-12-27')")
    one(committing, "select delete_period('weekly', '2025-12-21')")
    other.execute("set lock_timeout = '100ms'")
    with committing.transaction():
        assert one(committing, "select ensure_period_partition('weekly_summary', '2026-11-08', '2026-11-14')") is True
        with pytest.raises(psycopg.errors.LockNotAvailable):
            one(other, "select drop_deleted_partition('weekly_summary_20251221')")
    assert one(other, "select drop_deleted_partition('weekly_summary_20251221')") is True


@pytest.mark.parametrize(
    ("sync_type", "day"), [("weekly", "2025-12-22"), ("monthly", "2025-12-02"), ("daily", "2025-12-01")]
)
def test_a_day_that_starts_no_period_is_refused(connection: Connection, sync_type: str, day: str) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match=f"no {sync_type} period starts on {day}"):
        connection.execute("select delete_period(%s, %s)", [sync_type, day])
