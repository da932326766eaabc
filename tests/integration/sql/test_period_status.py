"""The view period_status: one word for each period, and where it comes from."""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
import pytest

from sqp_provider.migrations import migrate

Connection = psycopg.Connection[Any]

WEEK = "2026-11-08"


def log_run(
    connection: Connection,
    status: str,
    started: str = "2026-11-19 00:00Z",
    finished: str | None = "2026-11-19 00:05Z",
    *,
    sync_type: str = "weekly",
    period_start: str | None = WEEK,
    error: str | None = None,
    **metadata: Any,
) -> int:
    """Write a run's row; a running run has not finished."""
    row = connection.execute(
        "insert into sync_log (sync_type, sync_status, started_at, completed_at, source_table, target_table,"
        " period_start, period_end, error_message, sync_metadata)"
        " values (%(type)s, %(status)s, %(started)s, %(finished)s, 's', 't', %(first)s::date, %(first)s::date + 6,"
        " %(error)s, %(metadata)s) returning id",
        {
            "type": sync_type,
            "status": status,
            "started": started,
            "finished": None if status == "started" else finished,
            "first": period_start,
            "error": error,
            "metadata": json.dumps(metadata) if metadata else None,
        },
    ).fetchone()
    assert row is not None
    return int(row[0])


def publish(
    connection: Connection,
    sync_log_id: int | None = None,
    *,
    sync_type: str = "weekly",
    period_start: str = WEEK,
    state: str = "synced",
    fingerprint: str | None = "aaa",
    rows: int | None = 19001,
) -> None:
    """Write the ledger's row: the snapshot was taken on 2026-11-19 00:01."""
    connection.execute(
        "insert into synced_period (sync_type, period_start, period_end, state, fingerprint, snapshot_at, row_count,"
        " sync_log_id, attempt, published_at) values (%s, %s, %s::date + 6, %s, %s, '2026-11-19 00:01Z', %s, %s, 1,"
        " '2026-11-19 00:04Z')",
        [sync_type, period_start, period_start, state, fingerprint, rows, sync_log_id],
    )


def see(
    connection: Connection,
    fingerprint: str | None = "aaa",
    rows: int = 19001,
    seen_at: str = "2026-11-20 06:00Z",
    *,
    period_start: str = WEEK,
) -> None:
    """Write what a check found at the source."""
    connection.execute(
        "insert into source_period values ('weekly', %s, %s::date + 6, %s, %s, 0, %s)",
        [period_start, period_start, fingerprint, rows, seen_at],
    )


def status(connection: Connection, period_start: str = WEEK, sync_type: str = "weekly") -> str | None:
    """The one word for a period, None where the view does not know it."""
    row = connection.execute(
        "select status from period_status where sync_type = %s and period_start = %s", [sync_type, period_start]
    ).fetchone()
    return row and row[0]


def periods(connection: Connection, sync_type: str, until: str = "2026-11-30") -> list[str]:
    """The first days that the view has of a type."""
    rows = connection.execute(
        "select period_start::text from period_status where sync_type = %s and period_start <= %s order by 1",
        [sync_type, until],
    )
    return [row[0] for row in rows]


def test_nothing_known_is_no_row(connection: Connection) -> None:
    assert connection.execute("select * from period_status").fetchall() == []


def test_a_published_week_says_everything_about_itself(connection: Connection) -> None:
    run = log_run(connection, "completed")
    publish(connection, run)
    see(connection)
    cursor = connection.execute(
        "select *, published_at = '2026-11-19 00:04Z' as published, last_finished_at = '2026-11-19 00:05Z' as finished,"
        " source_seen_at = '2026-11-20 06:00Z' as seen, period_start::text as first_day, period_end::text as last_day"
        " from period_status where period_start = '2026-11-08'"
    )
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    (row,) = (dict(zip(names, values, strict=True)) for values in cursor)
    for name in ("published_at", "last_finished_at", "source_seen_at", "period_start", "period_end"):
        row.pop(name)
    assert row == {
        "sync_type": "weekly",
        "status": "synced",
        "state": "synced",
        "row_count": 19001,
        "sync_log_id": run,
        "last_sync_log_id": run,
        "last_status": "completed",
        "last_error": None,
        "source_row_count": 19001,
        "cause": None,
        "verdict": "unknown",
        "coverage": None,
        "asins_found": None,
        "asins_expected": None,
        "expected_by": None,
        "weeks_published": None,
        "weeks_total": None,
        "trusted": False,
        "why": "Which ASINs it has is not noted yet; the daily check does that.",
        "published": True,
        "finished": True,
        "seen": True,
        "first_day": "2026-11-08",
        "last_day": "2026-11-14",
    }


def test_a_week_that_nobody_published_is_missing_and_says_what_the_source_has(connection: Connection) -> None:
    see(connection, rows=19001, period_start="2026-11-01")
    see(connection, fingerprint=None, rows=0)
    assert (status(connection, "2026-11-01"), status(connection)) == ("missing", "missing")
    counted = "select source_row_count from period_status where period_start <= '2026-11-08' order by period_start"
    assert connection.execute(counted).fetchall() == [(19001,), (0,)]


def test_a_week_before_the_first_of_the_source_is_not_missing(connection: Connection) -> None:
    see(connection)
    see(connection, fingerprint=None, rows=0, period_start="2026-11-01")
    assert (status(connection, "2026-11-01"), status(connection)) == (None, "missing")


def test_a_month_summed_from_weeks_is_derived(connection: Connection) -> None:
    connection.execute(
        "insert into weekly_summary (period_start, period_end, query, asin)"
        " values ('2026-11-08', '2026-11-14', 'a', 'B000000001')"
    )
    assert status(connection, "2026-11-01", "monthly") == "derived"
    assert status(connection, "2026-10-01", "quarterly") == "derived"


@pytest.mark.parametrize(
    ("ledger", "seen", "expected"),
    [
        ({"fingerprint": "aaa"}, ("aaa", 19001, "2026-11-20"), "synced"),
        ({"fingerprint": "aaa"}, ("bbb", 19020, "2026-11-20"), "restated"),
        ({"fingerprint": "aaa"}, ("bbb", 19020, "2026-11-18"), "synced"),
        ({"fingerprint": "aaa"}, (None, 0, "2026-11-20"), "restated"),
        ({"fingerprint": "aaa", "rows": 0}, (None, 0, "2026-11-20"), "synced"),
        ({"fingerprint": None}, None, "overwritten"),
        ({"fingerprint": None}, ("aaa", 19001, "2026-11-18"), "overwritten"),
        ({"fingerprint": "aaa"}, None, "synced"),
    ],
    ids=[
        "the source still holds it",
        "the source changed",
        "the source changed before it was published",
        "the source lost it",
        "published empty and still empty",
        "somebody else wrote",
        "somebody else wrote, not checked since",
        "never checked",
    ],
)
def test_a_published_week_is_restated_when_the_source_changed_and_overwritten_when_the_table_did(
    connection: Connection, ledger: dict[str, Any], seen: tuple[Any, ...] | None, expected: str
) -> None:
    publish(connection, **ledger)
    if seen:
        see(connection, *seen)
    assert status(connection) == expected


def test_a_month_that_follows_its_weeks_is_not_restated(connection: Connection) -> None:
    write_week(connection)
    connection.execute(
        "insert into source_period values ('monthly', '2026-11-01', '2026-11-30', 'bbb', 7, 0, '2026-12-08')"
    )
    assert month_and_quarter(connection) == [("monthly", "derived", None), ("quarterly", "derived", None)]


OUTDATED = "a week of it changed, and it was not summed anew yet"
OVERWRITTEN = "somebody else wrote to it after it was published"


def write_week(connection: Connection, query: str = "a", table: str = "weekly_summary") -> None:
    """Write a row of the week from 2026-11-08, as somebody else does."""
    connection.execute(
        f"insert into {table} (period_start, period_end, query, asin)"  # type: ignore[arg-type]
        " values ('2026-11-08', '2026-11-14', %s, 'B000000001')",
        [query],
    )


def month_and_quarter(connection: Connection) -> list[tuple[Any, ...]]:
    """How the month and the quarter of that week stand, and why."""
    return connection.execute(
        "select sync_type, status, cause from period_status"
        " where sync_type <> 'weekly' and period_start in ('2026-11-01', '2026-10-01') and state is not null"
        " order by 1, period_start"
    ).fetchall()


def test_a_month_one_of_whose_weeks_changed_is_outdated_until_it_is_summed_anew(connection: Connection) -> None:
    write_week(connection)
    connection.execute("select mark_derived('monthly', '2026-11-01')")
    assert month_and_quarter(connection) == [("monthly", "outdated", OUTDATED), ("quarterly", "derived", None)]
    write_week(connection, "b")
    assert month_and_quarter(connection) == [("monthly", "derived", None), ("quarterly", "derived", None)]


def test_a_month_whose_weeks_are_not_summed_yet_is_outdated_and_not_missing(connection: Connection) -> None:
    for sync_type, first_day in (("monthly", "2026-11-01"), ("quarterly", "2026-10-01")):
        connection.execute("select mark_derived(%s, %s)", [sync_type, first_day])
    assert month_and_quarter(connection) == [("monthly", "outdated", OUTDATED), ("quarterly", "outdated", OUTDATED)]


def test_whoever_writes_a_week_by_the_name_of_its_partition_leaves_month_and_quarter_outdated(
    connection: Connection,
) -> None:
    connection.execute("select ensure_period_partition('weekly_summary', '2026-11-08', '2026-11-14')")
    write_week(connection)
    write_week(connection, "b", table="weekly_summary_20261108")
    assert month_and_quarter(connection) == [("monthly", "outdated", OUTDATED), ("quarterly", "outdated", OUTDATED)]
    connection.execute("delete from weekly_summary where query = 'a'")
    assert month_and_quarter(connection) == [("monthly", "derived", None), ("quarterly", "derived", None)]
    assert connection.execute("select query from monthly_summary").fetchall() == [("b",)]


@pytest.mark.parametrize("state", ["synced", "adopted", "deleted"])
def test_a_month_that_is_not_summed_from_weeks_is_not_marked(connection: Connection, state: str) -> None:
    publish(connection, sync_type="monthly", period_start="2026-11-01", state=state)
    before = connection.execute("select * from synced_period").fetchall()
    connection.execute("select mark_derived('monthly', '2026-11-01')")
    assert connection.execute("select * from synced_period").fetchall() == before


@pytest.mark.parametrize(
    "write",
    [
        "insert into {} (period_start, period_end, query, asin)"
        " select period_start, period_end, 'b', asin from monthly_summary",
        "update {} set total_clicks = 7",
        "delete from {}",
        "truncate {}",
    ],
)
@pytest.mark.parametrize("name", ["monthly_summary", "monthly_summary_20261101"])
def test_a_derived_month_that_somebody_wrote_to_is_overwritten_until_it_is_summed_anew(
    connection: Connection, write: str, name: str
) -> None:
    connection.execute("select ensure_period_partition('monthly_summary', '2026-11-01', '2026-11-30')")
    write_week(connection)
    before = connection.execute("select query, total_clicks from monthly_summary").fetchall()
    connection.execute(write.format(name))  # type: ignore[arg-type]
    assert month_and_quarter(connection) == [("monthly", "overwritten", OVERWRITTEN), ("quarterly", "derived", None)]
    write_week(connection, "c")
    connection.execute("delete from weekly_summary where query = 'c'")
    assert month_and_quarter(connection) == [("monthly", "derived", None), ("quarterly", "derived", None)]
    assert connection.execute("select query, total_clicks from monthly_summary").fetchall() == before


def test_a_derived_month_that_was_written_to_and_lacks_a_week_is_outdated(connection: Connection) -> None:
    write_week(connection)
    connection.execute("update monthly_summary set total_clicks = 7")
    connection.execute("select mark_derived('monthly', '2026-11-01')")
    assert month_and_quarter(connection)[0] == ("monthly", "outdated", OUTDATED)


def test_a_synced_month_that_somebody_wrote_to_is_overwritten_and_one_that_lacks_a_week_is_outdated(
    connection: Connection,
) -> None:
    write_week(connection)
    connection.execute("update synced_period set state = 'synced', snapshot_at = '2026-11-19'")
    connection.execute("update synced_period set week_changed_at = '2026-11-20' where sync_type = 'monthly'")
    connection.execute("update quarterly_summary set total_clicks = 7")
    assert month_and_quarter(connection) == [
        ("monthly", "outdated", "a week of it was published with a later snapshot"),
        ("quarterly", "overwritten", OVERWRITTEN),
    ]


def test_running_comes_before_failed_before_restated_before_synced(connection: Connection) -> None:
    publish(connection, log_run(connection, "completed"))
    found = [status(connection)]
    see(connection, "bbb")
    found.append(status(connection))
    log_run(connection, "failed", "2026-11-21 00:00Z", "2026-11-21 00:05Z", error="the source is gone")
    found.append(status(connection))
    log_run(connection, "started", "2026-11-20 00:00Z")
    found.append(status(connection))
    assert found == ["synced", "restated", "failed", "running"]


def test_a_failed_first_run_is_failed_and_says_why(connection: Connection) -> None:
    run = log_run(connection, "failed", error="no usable rows")
    assert status(connection) == "failed"
    statement = "select last_sync_log_id, last_status, last_error, state, sync_log_id from period_status"
    statement += " where period_start = '2026-11-08'"
    assert connection.execute(statement).fetchall() == [(run, "failed", "no usable rows", None, None)]


@pytest.mark.parametrize(
    ("completed", "expected"),
    [
        (("2026-11-21 00:00Z", "2026-11-21 00:05Z"), "synced"),
        (("2026-11-18 00:00Z", "2026-11-20 00:05Z"), "synced"),
        (("2026-11-18 00:00Z", "2026-11-18 00:05Z"), "failed"),
    ],
    ids=["started after it", "started before it, finished after it", "finished before it"],
)
def test_a_failure_counts_until_a_run_completes(
    connection: Connection, completed: tuple[str, str], expected: str
) -> None:
    publish(connection, log_run(connection, "completed", *completed))
    log_run(connection, "failed", "2026-11-20 00:00Z", "2026-11-20 00:01Z")
    assert status(connection) == expected


def test_a_run_that_published_but_did_not_finish_has_not_failed_its_week(connection: Connection) -> None:
    run = log_run(connection, "failed")
    publish(connection, run)
    assert status(connection) == "synced"
    connection.execute("update sync_log set attempt = 2")
    assert status(connection) == "failed"


def test_dry_runs_do_not_count(connection: Connection) -> None:
    run = log_run(connection, "completed")
    publish(connection, run)
    for left_as in ("started", "failed"):
        log_run(connection, left_as, "2026-11-21", "2026-11-21", options={"dry_run": True})
    assert status(connection) == "synced"
    last = "select last_sync_log_id from period_status where period_start = '2026-11-08'"
    assert connection.execute(last).fetchall() == [(run,)]
    log_run(connection, "failed", "2026-11-20", "2026-11-20", options={"dry_run": False})
    log_run(connection, "completed", "2026-11-21", "2026-11-22", options={"dry_run": True})
    assert status(connection) == "failed"


def test_every_period_between_is_there_whoever_knows_its_ends(connection: Connection) -> None:
    log_run(connection, "completed", period_start="2026-10-18")
    log_run(connection, "completed", period_start=None)
    publish(connection, period_start="2026-11-01")
    see(connection, period_start="2026-11-15")
    weeks = ["2026-10-18", "2026-10-25", "2026-11-01", "2026-11-08", "2026-11-15"]
    assert periods(connection, "weekly", "2026-11-15") == weeks
    assert [status(connection, week) for week in weeks] == ["missing", "missing", "synced", "missing", "missing"]
    assert periods(connection, "monthly") == []


@pytest.mark.parametrize(
    ("sync_type", "first", "expected"),
    [
        ("monthly", "2026-08-01", ["2026-08-01", "2026-09-01", "2026-10-01"]),
        ("quarterly", "2025-10-01", ["2025-10-01", "2026-01-01", "2026-04-01", "2026-07-01"]),
    ],
)
def test_months_and_quarters_follow_the_calendar(
    connection: Connection, sync_type: str, first: str, expected: list[str]
) -> None:
    log_run(connection, "failed", sync_type=sync_type, period_start=first)
    assert periods(connection, sync_type, "2026-10-31")[: len(expected)] == expected
    ends = "select period_end::text from period_status where sync_type = %s order by period_start limit 3"
    last_days = {
        "monthly": [("2026-08-31",), ("2026-09-30",), ("2026-10-31",)],
        "quarterly": [("2025-12-31",), ("2026-03-31",), ("2026-06-30",)],
    }
    assert connection.execute(ends, [sync_type]).fetchall() == last_days[sync_type]


@pytest.mark.parametrize(
    ("sync_type", "first", "one"),
    [("weekly", WEEK, "7 days"), ("monthly", "2026-06-01", "1 month"), ("quarterly", "2025-01-01", "3 months")],
)
def test_the_newest_period_is_the_last_that_is_over(
    connection: Connection, sync_type: str, first: str, one: str
) -> None:
    log_run(connection, "completed", sync_type=sync_type, period_start=first)
    newest = (
        "select max(period_end) < current_date, max(period_start) + 2 * %s::interval - interval '1 day' >= current_date"
        " from period_status where sync_type = %s"
    )
    assert connection.execute(newest, [one, sync_type]).fetchall() == [(True, True)]


def test_a_period_outside_the_calendar_that_somebody_knows_is_there(connection: Connection) -> None:
    log_run(connection, "completed", period_start="2026-11-10")
    log_run(connection, "failed", period_start="2099-01-04")
    log_run(connection, "failed", period_start="infinity")
    assert periods(connection, "weekly", "2026-11-14") == ["2026-11-08", "2026-11-10"]
    assert status(connection, "2099-01-04") == "failed"


def test_what_is_no_sync_type_is_left_out(connection: Connection) -> None:
    log_run(connection, "completed", sync_type="hourly")
    assert connection.execute("select * from period_status").fetchall() == []


def test_an_adopted_database_begins_with_its_own_rows(seed: Connection, seed_database: str) -> None:
    seed.execute(
        "insert into sqp.weekly_summary (period_start, period_end, query, asin)"
        " select day, day::date + 6, 'q', 'B000000001'"
        " from generate_series('2024-01-07'::timestamp, '2026-11-01', '7 days') as day"
    )
    migrate(seed_database)
    adopted = "select sync_type, period_start::text from sync_log where sync_metadata @> '{\"adopted\": true}'"
    assert ("weekly", "2024-01-07") in seed.execute(adopted).fetchall()
    found = "select distinct sync_type, status from period_status where state is not null order by 1"
    assert seed.execute(found).fetchall() == [("monthly", "adopted"), ("weekly", "adopted")]
    seed.execute("delete from synced_period where sync_type = 'weekly' and period_start = '2026-11-01'")
    publish(seed, log_run(seed, "completed", period_start="2026-11-01"), period_start="2026-11-01")
    assert periods(seed, "weekly", "2026-11-08")[-2:] == ["2026-11-01", "2026-11-08"]
    assert (status(seed, "2026-11-01"), status(seed)) == ("synced", "missing")


def test_what_failed_before_a_period_was_deleted_is_settled(connection: Connection) -> None:
    log_run(connection, "failed", error="The target is unchanged. Clear 'extract'.")
    connection.execute("select delete_period('weekly', %s)", [WEEK])
    status = "select status from period_status where period_start = %s"
    assert connection.execute(status, [WEEK]).fetchone() == ("deleted",)
    connection.execute("update synced_period set published_at = '2026-11-18'")
    assert connection.execute(status, [WEEK]).fetchone() == ("failed",)


def test_a_hundred_thousand_runs_are_found_by_the_index(connection: Connection) -> None:
    connection.execute(
        "insert into sync_log (sync_type, sync_status, started_at, completed_at, source_table, target_table,"
        " period_start, sync_metadata)"
        " select 'weekly', 'completed', '2026-11-01'::timestamptz + run * interval '1 min', '2026-11-20', 's', 't',"
        " '2024-01-07'::date + 7 * (run % 150), jsonb_build_object('snapshot', repeat('x', 500))"
        " from generate_series(1, 100000) as run"
    )
    connection.execute("analyze sync_log")
    plan = "\n".join(row[0] for row in connection.execute("explain analyze select * from period_status"))
    scans = re.findall(r"(\w+ Scan) .*on sync_log.*\(actual time=\S+ rows=(\S+) loops=(\d+)\)", plan)
    assert len(scans) >= 4
    assert "Seq Scan" not in {kind for kind, _, _ in scans}
    assert sum(float(rows) * int(loops) for _, rows, loops in scans) < 5000
    assert connection.execute("select count(*) >= 150 from period_status").fetchall() == [(True,)]


def test_an_interrupted_index_is_built_again(committing: Connection, database: str) -> None:
    name = "sync_log_sync_type_period_start_started_at_idx"
    log_run(committing, "completed")
    log_run(committing, "completed")
    committing.execute(f"drop index {name}")
    with pytest.raises(psycopg.errors.UniqueViolation):  # leaves what a cancelled concurrent build leaves
        committing.execute(f"create unique index concurrently {name} on sync_log ((1))")
    committing.execute("update alembic_version set version_num = '0003'")
    assert migrate(database)[0] == "0004"
    found = "select indisvalid, indisunique, indnatts from pg_index where indexrelid = %s::regclass"
    assert committing.execute(found, [name]).fetchall() == [(True, False, 3)]
