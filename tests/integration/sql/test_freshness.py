"""table_freshness(): what it adds to check_data_freshness()."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection[Any]

WEEK = (
    "insert into weekly_summary (period_start, period_end, query, asin)"
    " values (%s::date, %s::date + 6, 'a', 'B000000001')"
)
RUN = (
    "insert into sync_log (sync_type, sync_status, started_at, source_table, target_table, error_message,"
    " sync_metadata) values ('weekly', %s, %s, 's', 't', %s, %s::jsonb)"
)


def test_an_empty_schema_has_three_stale_tables(connection: Connection) -> None:
    found = connection.execute(
        "select table_name, period_start, days_old, days_allowed, is_stale, last_status from table_freshness()"
    ).fetchall()
    assert found == [
        ("weekly_summary", None, None, 14, True, None),
        ("monthly_summary", None, None, 45, True, None),
        ("quarterly_summary", None, None, 135, True, None),
    ]


def test_both_functions_agree_on_the_day_a_table_becomes_stale(connection: Connection) -> None:
    for days_old, is_stale in ((15, True), (14, False)):
        connection.execute(
            "insert into weekly_summary (period_start, period_end, query, asin)"
            " values (current_date - %s - 6, current_date - %s, 'a', 'B000000001')",
            [days_old, days_old],
        )
        found = connection.execute("select days_old, is_stale, state from table_freshness() limit 1").fetchall()
        assert found == [(days_old, is_stale, None)]
        both = "select table_name, period_end, days_old, is_stale from table_freshness()"
        assert (
            connection.execute(f"{both} except select * from check_data_freshness()").fetchall()
            == connection.execute(f"select * from check_data_freshness() except {both}").fetchall()
            == []
        )


def test_a_derived_month_is_distinguished_from_the_newest_synced_one(connection: Connection) -> None:
    connection.execute(WEEK, ["2026-10-25", "2026-10-25"])
    connection.execute(
        "insert into synced_period (sync_type, period_start, period_end, state)"
        " values ('monthly', '2026-08-01', '2026-08-31', 'synced'), ('monthly', '2026-09-01', '2026-09-30', 'synced')"
    )
    assert connection.execute(
        "select period_start::text, period_end::text, state, synced_period_start::text, synced_period_end::text"
        " from table_freshness() where sync_type = 'monthly'"
    ).fetchall() == [("2026-10-01", "2026-10-31", "derived", "2026-09-01", "2026-09-30")]


# The day is the server's own, so these periods are counted from it.
RUNNING = {
    "weekly": ("current_date - 6", "current_date"),
    "monthly": ("date_trunc('month', current_date)", "date_trunc('month', current_date) + interval '1 month - 1 day'"),
    "quarterly": (
        "date_trunc('quarter', current_date)",
        "date_trunc('quarter', current_date) + interval '3 months - 1 day'",
    ),
}
OVER = {
    "weekly": ("current_date - 7", "current_date - 1"),
    "monthly": (
        "date_trunc('month', current_date) - interval '1 month'",
        "date_trunc('month', current_date) - interval '1 day'",
    ),
    "quarterly": (
        "date_trunc('quarter', current_date) - interval '3 months'",
        "date_trunc('quarter', current_date) - interval '1 day'",
    ),
}


@pytest.mark.parametrize("sync_type", ["weekly", "monthly", "quarterly"])
def test_a_period_that_is_not_over_does_not_make_its_table_fresh(connection: Connection, sync_type: str) -> None:
    statement = (
        "select latest_period, days_old is null or days_old > 0, is_stale from check_data_freshness()"
        f" where table_name = '{sync_type}_summary'"
    )
    for (first, last), newest in ((RUNNING[sync_type], "null"), (OVER[sync_type], OVER[sync_type][1])):
        connection.execute(
            f"insert into {sync_type}_summary (period_start, period_end, query, asin)"
            f" values (({first})::date, ({last})::date, 'a', 'B000000001')"
        )
        (expected,) = connection.execute(f"select ({newest})::date").fetchone() or (None,)
        assert connection.execute(statement).fetchall() == [(expected, True, expected is None)]


def test_the_running_month_does_not_hide_that_the_one_before_is_missing(connection: Connection) -> None:
    connection.execute(
        "insert into monthly_summary (period_start, period_end, query, asin) values"
        " (date_trunc('month', current_date), date_trunc('month', current_date) + interval '27 days', 'a', 'B'),"
        " ('2026-01-01', '2026-01-31', 'a', 'B000000001')"
    )
    assert connection.execute(
        "select period_start::text, is_stale from table_freshness() where sync_type = 'monthly'"
    ).fetchall() == [("2026-01-01", True)]


def test_the_last_sync_is_no_dry_run_and_no_adoption(connection: Connection) -> None:
    for status, started, error, metadata in (
        ("failed", "2026-11-19", "no rows", "{}"),
        ("completed", "2026-11-20", None, '{"options": {"dry_run": true}}'),
        ("completed", "2026-11-21", None, '{"adopted": true}'),
    ):
        connection.execute(RUN, [status, started, error, metadata])
    assert connection.execute("select last_status, last_error from table_freshness() limit 1").fetchall() == [
        ("failed", "no rows")
    ]
