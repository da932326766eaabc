"""Whoever is in the same database can neither call nor steer a function of the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from sqp_provider.migrations import migrate
from sqp_provider.revisions import MigrationError
from tests.logins import Login, logins, name_of

Connection = psycopg.Connection[Any]

WEEK = (
    "insert into sqp.weekly_summary (period_start, period_end, query, asin, total_clicks)"
    " values ('2026-11-08', '2026-11-14', 'a', 'B000000001', 7)"
)
FOR_READERS = [
    "as_of(anyelement,date,timestamp with time zone)",
    "check_data_freshness()",
    "column_gone_since(period_type,period_version)",
    "columns_as_of(period_type)",
    "day_in_words(date)",
    "expected_by(text,date)",
    "first_day_of(text,date)",
    "get_latest_sync_status(character varying)",
    "in_words(bigint)",
    "known_since(period_version)",
    "lacks_rows(bigint,bigint)",
    "monthly_as_of(date,timestamp with time zone)",
    "newest_period_before(regclass,date)",
    "number_of_weeks(date,date)",
    "of_checks(integer)",
    "partitions_of(regclass)",
    "quarterly_as_of(date,timestamp with time zone)",
    "rate(bigint,bigint)",
    "row_hash(text,text,text)",
    "row_hash_of(period_type)",
    "rows_around()",
    "rows_as_of(period_type,period_version)",
    "summary_figures()",
    "table_freshness()",
    "totals_of(text)",
    "usual_days(text,date)",
    "verdict_on(integer,integer,numeric,boolean,date,date,date,boolean)",
    "version_as_of(period_type,date,timestamp with time zone)",
    "weekly_as_of(date,timestamp with time zone)",
    "why_missing(text,text,bigint,date)",
    "why_of_sum(integer,integer,integer)",
    "why_of_verdict(text,integer,integer,integer,integer,date,date,bigint,bigint)",
]


@pytest.fixture
def login(database: str) -> Iterator[Login]:
    """Makes logins for ``database``."""
    with logins(database) as login:
        yield login


@pytest.fixture
def stranger(committing: Connection, login: Login) -> str:
    """A login to which everything in the schema was granted that a grant on all of it covers, functions aside."""
    dsn = login()
    committing.execute(f"grant usage on schema sqp to {name_of(dsn)}; create schema authorization {name_of(dsn)}")
    committing.execute(f"grant select on all tables in schema sqp to {name_of(dsn)}")
    return dsn


def executable_by(connection: Connection, role: str) -> list[str]:
    return [
        name
        for (name,) in connection.execute(
            "select oid::regprocedure::text from pg_proc where pronamespace = 'sqp'::regnamespace"
            " and has_function_privilege(%s, oid, 'execute') order by 1",
            [role],
        )
    ]


def test_no_function_depends_on_the_names_that_its_caller_sees(connection: Connection) -> None:
    assert (
        connection.execute(
            "select oid::regprocedure::text from pg_proc where pronamespace = 'sqp'::regnamespace"
            " and prosqlbody is null and not coalesce(proconfig::text like '%search_path=sqp, pg_temp%', false)"
        ).fetchall()
        == []
    )


def test_a_stranger_calls_no_function(committing: Connection, stranger: str) -> None:
    assert executable_by(committing, name_of(stranger)) == []


def test_default_privileges_open_only_what_readers_call(empty_database: str) -> None:
    """As Supabase's guide to custom schemas sets them for the role that migrates."""
    with logins(empty_database) as login, psycopg.connect(empty_database, autocommit=True) as connection:
        anon = name_of(login())
        connection.execute("create schema sqp")
        connection.execute(f"alter default privileges in schema sqp grant all on routines to {anon}")
        migrate(empty_database)
        connection.execute("set search_path = sqp")
        assert executable_by(connection, anon) == FOR_READERS


def test_a_stranger_puts_no_trigger_function_on_a_table_of_its_own(committing: Connection, stranger: str) -> None:
    committing.execute(WEEK)
    functions = committing.execute(
        "select oid::regprocedure::text from pg_proc"
        " where pronamespace = 'sqp'::regnamespace and prorettype = 'trigger'::regtype"
    ).fetchall()
    assert len(functions) >= 2
    with psycopg.connect(stranger, autocommit=True) as connection:
        connection.execute("create temporary table t (a int)")
        for (function,) in functions:
            create = f"create trigger t after truncate on t for each statement execute function sqp.{function}"
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for function"):
                connection.execute(create.encode())
    assert committing.execute("select state from synced_period").fetchall() == [("derived",), ("derived",)]


def test_what_runs_as_its_owner_fails_where_a_policy_would_hide_rows_from_it(connection: Connection) -> None:
    found = connection.execute(
        "select bool_and(proconfig::text like '%row_security=off%') from pg_proc"
        " where pronamespace = 'sqp'::regnamespace and prosecdef"
    )
    assert found.fetchall() == [(True,)]


@pytest.mark.parametrize("function", ["update_aggregate_summaries()", "forget_fingerprint('monthly')"])
def test_a_trigger_function_refuses_any_other_table(committing: Connection, function: str) -> None:
    """Also where somebody was granted it: on such a table, its own types and casts would run as the owner."""
    committing.execute(WEEK)
    committing.execute("create table t (period_start date, query text, asin text)")
    committing.execute(
        "create trigger t after insert on t referencing new table as new_rows for each statement"
        f" execute function {function}"
    )
    with pytest.raises(psycopg.errors.RaiseException, match="a trigger function of schema sqp is on t"):
        committing.execute("insert into t values ('2026-11-08', 'a', 'B000000001')")


def test_a_writer_from_outside_needs_no_right_but_on_the_week(committing: Connection, stranger: str) -> None:
    """Its own temporary tables, operators and search_path steer nothing."""
    mine = name_of(stranger)
    committing.execute(f"grant insert, update, delete on weekly_summary to {mine}")
    with psycopg.connect(stranger, autocommit=True) as connection:
        connection.execute(f"""
            create function {mine}.never(text, text) returns boolean language sql return false;
            create operator {mine}.= (leftarg = text, rightarg = text, function = {mine}.never);
            create function {mine}.format(text, text) returns text language sql return 'select 1';
            set search_path = {mine}, pg_temp, pg_catalog, sqp;
            create temporary table synced_period (like sqp.synced_period);
            create temporary table period_type (like sqp.period_type);
            create temporary table monthly_summary (like sqp.monthly_summary);
        """)
        connection.execute(WEEK)
        connection.execute("update sqp.weekly_summary set total_clicks = 9")
    assert committing.execute("select total_clicks, active_weeks from monthly_summary").fetchall() == [(9, 1)]
    assert committing.execute("select sync_type, state from synced_period order by 1").fetchall() == [
        ("monthly", "derived"),
        ("quarterly", "derived"),
    ]


def test_whoever_reads_the_weeks_calls_what_readers_call(committing: Connection, database: str, stranger: str) -> None:
    """As before the first migration, when everybody could. A function that is not ours keeps its grants."""
    committing.execute("create function own(a int) returns int language sql return a")
    migrate(database)
    assert executable_by(committing, name_of(stranger)) == sorted([*FOR_READERS, "own(integer)"])
    with psycopg.connect(stranger, autocommit=True) as connection:
        assert len(connection.execute("select * from sqp.check_data_freshness()").fetchall()) == 3


def test_whoever_was_granted_a_single_view_of_sums_reads_it_and_nothing_more(
    committing: Connection, database: str, login: Login
) -> None:
    committing.execute(WEEK)
    dashboard = login()
    committing.execute(
        f"grant usage on schema sqp to {name_of(dashboard)};"
        f" grant select on quarterly_summary, quarterly_asin to {name_of(dashboard)}"
    )
    migrate(database)
    with psycopg.connect(dashboard, autocommit=True) as connection:
        (row,) = connection.execute("select asin, total_clicks, avg_ctr from sqp.quarterly_asin").fetchall()
        assert row[:2] == ("B000000001", 7)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="weekly_summary"):
            connection.execute("select from sqp.weekly_summary")


def test_a_schema_in_which_everybody_may_create_is_refused(committing: Connection, database: str) -> None:
    committing.execute("grant create on schema sqp to public")
    with pytest.raises(
        MigrationError, match=r"sqp\.\* may be created by everybody.*revoke create on schema sqp from public"
    ):
        migrate(database)
    committing.execute("revoke create on schema sqp from public")
    assert migrate(database) == []
