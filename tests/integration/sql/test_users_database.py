"""The user's own database, with all that hangs on its tables: nothing of theirs changes, and everything works on it.

In four states of the specification: not applied, applied by hand, applied twice, and half applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import DuplicateObject, DuplicateTable, FeatureNotSupported

from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.migrations import MigrationError, migrate
from sqp_provider.status.filters import PeriodFilter
from sqp_provider.status.queries import reading
from tests.conftest import new_database
from tests.fixtures import connection_to
from tests.integration.sql.conftest import SEED_SCHEMA, connect
from tests.landing import Landing, report_row
from tests.restatements import check
from tests.stages import NO_OPTIONS, Run, Stages

Connection = psycopg.Connection[Any]

USERS_SCHEMA = Path(__file__).with_name("users_schema.sql")
SPECIFICATION = SEED_SCHEMA.read_text(encoding="utf-8").partition("-- The specification.\n")[2]

THEIRS = {
    "columns": """
        select a.attrelid::regclass::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attgenerated, a.attcollation, pg_get_expr(d.adbin, d.adrelid)
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'v', 'm')
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where c.relnamespace in ('sqp'::regnamespace, 'public'::regnamespace) and a.attnum > 0""",
    "views": """
        select schemaname, viewname, definition from pg_views where schemaname in ('sqp', 'public')
        union all
        select schemaname, matviewname, definition from pg_matviews""",
    "policies": "select tablename, policyname, roles, cmd, qual from pg_policies",
    "row security": """
        select relname, relrowsecurity, relforcerowsecurity from pg_class
        where relnamespace = 'sqp'::regnamespace and relkind = 'r'""",
    "grants": """
        select c.oid::regclass::text, a.grantee::regrole::text, a.privilege_type
        from pg_class as c, aclexplode(c.relacl) as a where c.relnamespace = 'sqp'::regnamespace and a.grantee <> 0""",
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'sqp'::regnamespace and contype <> 'n'""",
    "indexes": "select indexname, indexdef from pg_indexes where schemaname = 'sqp'",
    "triggers": """
        select tgrelid::regclass::text, tgname, tgenabled from pg_trigger
        where not tgisinternal and tgname <> 'update_summaries_on_weekly_insert'""",
    "publications": "select pubname, tablename from pg_publication_tables",
}
COMPARED = "id, period_start, query, asin, total_impressions, total_clicks, avg_ctr, updated_at"


def apply(connection: Connection, *, until: str | None = None) -> None:
    """Apply the specification by hand, statement after statement, and go on when something is there already."""
    text = SPECIFICATION if until is None else SPECIFICATION.partition(until)[0]
    for statement in split(text):
        try:
            connection.execute(statement.encode())
        except (DuplicateTable, DuplicateObject):
            continue


def split(text: str) -> Iterator[str]:
    """Yield the statements; a semicolon within a function's body ends none."""
    statement, in_body = "", False
    for line in text.splitlines(keepends=True):
        statement += line
        in_body ^= line.count("$$") % 2 == 1
        if not in_body and line.partition("--")[0].rstrip().endswith(";"):
            yield statement
            statement = ""


STATES: dict[str, Callable[[Connection], None]] = {
    "before": lambda connection: None,
    "by hand": apply,
    "twice": lambda connection: (apply(connection), apply(connection))[0],
    "half": lambda connection: apply(connection, until="CREATE OR REPLACE FUNCTION sqp.check_data_freshness"),
}


@pytest.fixture
def users_database(server_dsn: str) -> Iterator[str]:
    """The dsn of a new database with the user's schema."""
    with new_database(server_dsn) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(USERS_SCHEMA.read_bytes())
        yield dsn


@pytest.fixture
def users(users_database: str) -> Iterator[Connection]:
    """An autocommitting connection to it."""
    with connect(users_database) as connection:
        yield connection


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def theirs(connection: Connection) -> dict[str, set[str]]:
    """All that hangs on their tables, as texts."""
    return {kind: {str(row) for row in rows(connection, query)} for kind, query in THEIRS.items()}


def answers(connection: Connection) -> dict[str, list[str]]:
    """What each of their views and tables answers to the columns it had from the start."""
    names = rows(
        connection,
        "select format('%I.%I', schemaname, viewname) from pg_views where schemaname = 'public'"
        " union all select format('%I.%I', schemaname, matviewname) from pg_matviews",
    )
    tables = [f"(select {COMPARED} from sqp.{sync_type.target_table}) as t" for sync_type in SyncType]
    return {
        name: sorted(str(row) for row in rows(connection, f"select * from {name}"))
        for name in [*(name for (name,) in names), *tables, "sqp.notes"]
    }


@pytest.mark.parametrize("state", STATES)
def test_nothing_of_theirs_changes(users: Connection, users_database: str, state: str) -> None:
    STATES[state](users)
    before, answered = theirs(users), answers(users)
    assert len(before["views"]) == 30
    migrate(users_database)
    after = theirs(users)
    for kind, found in before.items():
        assert found <= after[kind], kind
    assert answers(users) == answered
    migrate(users_database)
    assert theirs(users) == after


@pytest.fixture
def adopted(
    request: pytest.FixtureRequest,
    users: Connection,
    users_database: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Stages:
    """The stages into the migrated database; a parameter names the state of the specification before."""
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(users_database))
    STATES[getattr(request, "param", "before")](users)
    migrate(users_database)
    return Stages(settings, users_database)


def week(first_day: str, query: str, clicks: int = 50, **other: Any) -> dict[str, Any]:
    return report_row(query, "B000000001", date.fromisoformat(first_day), asin_click_count=clicks, **other)


@pytest.mark.parametrize("adopted", STATES, indirect=True)
def test_weeks_months_quarters_and_restatements_are_synced_into_it(
    adopted: Stages, users: Connection, landing: Landing
) -> None:
    before, answered = theirs(users), answers(users)
    landing.land(
        week("2026-11-15", "query 1", 30),
        week("2026-11-15", "new", 1, asin_impression_count=3, asin_purchase_count=10),
        week("2026-11-08", "query 1"),
        week("2026-10-04", "query 1"),
    )
    assert adopted.sync("2026-11-15").colour == "success"
    found = (
        "select query, total_impressions, total_clicks, avg_ctr::text, avg_cvr::text, click_share::text, query_words"
        " from weekly_summary where period_start = '2026-11-15' order by 1"
    )
    assert rows(users, found) == [
        ("new", 3, 1, "0.333333", None, "0.001", 1),
        ("query 1", 765, 30, "0.039216", "0.1667", "0.03", 2),
    ]
    assert (
        answers(users)["(select " + COMPARED + " from sqp.monthly_summary) as t"]
        == answered["(select " + COMPARED + " from sqp.monthly_summary) as t"]
    )
    landing.land(week("2026-11-15", "query 1", 31, ingested_at="2026-11-25T06:00:00Z"))
    again = adopted.sync("2026-11-15")
    assert (again.colour, again["publish"]["updated"], again["publish"]["unchanged"]) == ("success", 1, 1)
    assert adopted.sync("2026-11-08", max_delete_fraction=1).colour == "success"
    assert rows(users, "select query from weekly_summary where period_start = '2026-11-08'") == [("query 1",)]
    assert adopted.sync("2026-11-15").states["publish"] == "skipped"
    assert adopted.sync("2026-11-01", SyncType.MONTHLY, max_delete_fraction=1).colour == "success"
    assert adopted.sync("2026-10-01", SyncType.QUARTERLY, max_delete_fraction=1).colour == "success"
    month = "select query, total_clicks, active_weeks from monthly_summary where month = 11 order by 1"
    assert rows(users, month) == [("new", 1, 1), ("query 1", 81, 2)]
    quarter = "select query, total_clicks, active_weeks, active_months from quarterly_summary order by 1"
    assert rows(users, quarter) == [("new", 1, 1, None), ("query 1", 131, 3, None)]
    assert theirs(users) == before
    users.execute("refresh materialized view concurrently sqp.top_queries")
    assert rows(users, "select count(*) from public.weekly where query = 'new'") == [(1,)]
    assert [name for (name,) in rows(users, "select table_name from check_data_freshness()")] == [
        sync_type.target_table for sync_type in SyncType
    ]
    with reading(adopted.settings.target) as page:
        shown = {(row.sync_type, str(row.period_start)): row.status for row in page.periods(PeriodFilter())}
        assert [row.table_name for row in page.freshness()] == [sync_type.target_table for sync_type in SyncType]
        assert page.failures() == []
    assert shown["weekly", "2026-11-15"] == shown["monthly", "2026-11-01"] == shown["quarterly", "2026-10-01"]
    assert (shown["weekly", "2026-11-15"], shown["weekly", "2026-11-01"]) == ("synced", "adopted")


@pytest.mark.parametrize("adopted", ["before", "by hand"], indirect=True)
def test_a_month_is_left_as_it_was_until_all_its_weeks_are_synced(
    adopted: Stages, users: Connection, landing: Landing
) -> None:
    """The other program summed October and November; a week of ours must not be mixed with what it made."""
    months = "select month, query, total_clicks, total_purchases, active_weeks from monthly_summary where month = 11"
    quarters = "select query, total_clicks, active_weeks from quarterly_summary"
    ledger = "select period_start::text, state from synced_period where sync_type <> 'weekly' order by 1, sync_type"
    state = "select period_start::text, status, state from period_status where sync_type = 'monthly' order by 1"
    month, quarter = rows(users, months), rows(users, quarters)
    adopted_all = [("2026-10-01", "adopted"), ("2026-10-01", "adopted"), ("2026-11-01", "adopted")]
    assert rows(users, ledger) == adopted_all
    assert ("2026-10-01", "adopted", "adopted") in rows(users, state)
    landing.land(*(week(day, "query 1") for day in ("2026-11-15", "2026-11-08", "2026-11-01", "2026-10-25")))
    for day in ("2026-11-15", "2026-11-08"):
        assert adopted.sync(day, max_delete_fraction=1).colour == "success"
        assert (rows(users, months), rows(users, quarters)) == (month, quarter)
    assert rows(users, ledger) == adopted_all
    assert adopted.sync("2026-11-01", max_delete_fraction=1).colour == "success"
    assert rows(users, months) == [(11, "query 1", 150, 15, 3)]
    assert rows(users, quarters) == quarter
    assert rows(users, ledger) == [("2026-10-01", "adopted"), ("2026-10-01", "adopted"), ("2026-11-01", "derived")]


def test_the_daily_check_syncs_recent_periods_from_before(adopted: Stages, landing: Landing) -> None:
    landing.land(week("2026-11-08", "query 1"), week("2026-11-01", "query 1", ingested_at="2026-11-10T06:00:00Z"))
    assert sorted(run["conf"]["period_start"] for run in check(adopted, periods=4)) == ["2026-11-01", "2026-11-08"]
    assert adopted.sync("2026-11-08", max_delete_fraction=1).colour == "success"
    assert sorted(run["conf"]["period_start"] for run in check(adopted, periods=4)) == ["2026-11-01"]


def test_an_adopted_week_counts_neither_as_synced_nor_as_missing(adopted: Stages, users: Connection) -> None:
    assert rows(
        users,
        "select distinct status, state, row_count from period_status where sync_type = 'weekly' and state is not null",
    ) == [("adopted", "adopted", 6)]


def test_a_count_that_does_not_fit_is_refused_with_its_column(
    adopted: Stages, users: Connection, landing: Landing
) -> None:
    big = {"asin_impression_count": 3_000_000_000, "total_query_impression_count": 4_000_000_000}
    landing.land(week("2026-11-15", "query 1", **big))
    run = adopted.sync("2026-11-15")
    assert run.colour == "failed"
    assert "total_impressions of the target is too small for 3,000,000,000" in str(run.errors["load"])
    assert "type bigint" in str(run.errors["load"])
    assert rows(users, "select count(*) from weekly_summary where period_start = '2026-11-15'") == [(0,)]


def test_a_sum_of_weeks_that_does_not_fit_its_month_is_refused(
    adopted: Stages, users: Connection, landing: Landing
) -> None:
    """Each week fits its integer column, and both together do not fit that of the month."""
    big = {"asin_impression_count": 2_000_000_000, "total_query_impression_count": 2_000_000_000}
    landing.land(week("2026-07-05", "query 1", **big), week("2026-07-12", "query 1", **big))
    assert adopted.sync("2026-07-05").colour == "success"
    run = adopted.sync("2026-07-12")
    assert "integer out of range. A figure, or a sum of weeks in a month or quarter" in str(run.errors["publish"])
    assert "type bigint" in str(run.errors["publish"])
    assert rows(users, "select count(*) from weekly_summary where period_start = '2026-07-12'") == [(0,)]
    assert rows(users, "select total_impressions from monthly_summary where month = 7") == [(2_000_000_000,)]


def test_a_rate_of_nothing_is_the_sources(adopted: Stages, users: Connection, landing: Landing) -> None:
    """0 of 0 impressions is written as 0.000000 on both sides, also where the column has four places."""
    landing.land(week("2026-11-15", "query 1", 0, asin_impression_count=0, total_query_impression_count=0))
    run = adopted.sync("2026-11-15")
    assert run.colour == "success", run.errors
    found = "select avg_ctr::text, avg_cvr::text from weekly_summary where period_start = '2026-11-15'"
    assert rows(users, found) == [("0.000000", "0.0000")]


def test_a_rate_that_is_not_the_rounded_one_fails_the_checks(
    adopted: Stages, users: Connection, landing: Landing
) -> None:
    """Their rates have four places; what is kept is still compared with the source, to the last of them."""
    landing.land(week("2026-11-15", "query 1", 30))
    run = Run("manual__1", NO_OPTIONS | {"period_start": "2026-11-15"})
    for task in ("log_start", "extract", "load"):
        assert adopted.run_task(run, task), run.errors
    ((staged,),) = rows(
        users, "select relname from pg_class where relnamespace = 'sqp_staging'::regnamespace and relkind = 'r'"
    )
    assert rows(users, f"select avg_cvr::text from sqp_staging.{staged}") == [("0.1667",)]
    users.execute(f"update sqp_staging.{staged} set avg_cvr = 0.1666")
    adopted.run_task(run, "validate")
    assert "row_hash" in str(run.errors["validate"])
    users.execute(f"update sqp_staging.{staged} set avg_cvr = 0.1667")
    adopted.run_task(run, "validate")
    assert run.states["validate"] == "success"


WITHOUT_VIEWS = """
    drop schema public cascade; create schema public; drop policy readers on weekly_summary;
    drop materialized view best_of_top, top_queries, asin_performance, month_by_month, quarter_totals, movers"""
REFUSED = {
    "alter table weekly_summary add column client_id integer not null default 1;"
    " alter table weekly_summary alter column client_id drop default": "sqp.weekly_summary.client_id must not be null",
    "alter table monthly_summary alter column year type text": "sqp.monthly_summary.year is of type text",
    "alter table quarterly_summary add unique (year, quarter, query)": "allows one row for each (year, quarter, query)",
    "alter table weekly_summary add unique (asin, id)": None,
    "alter table quarterly_summary add unique nulls not distinct (query, asin, min_impressions)": "allows one row for",
    "alter table quarterly_summary add unique (query, asin, min_impressions)": None,
    "create unique index on weekly_summary (lower(query), asin, period_start)": None,
    "alter table weekly_summary drop column asin cascade": "sqp.weekly_summary has no column asin",
    "alter table weekly_summary alter column total_purchases type real": "total_purchases is of type real",
    "alter table quarterly_summary alter column active_weeks set default 0;"
    " update quarterly_summary set active_weeks = 0;"
    " alter table quarterly_summary alter column active_weeks set not null": "active_weeks must not be null",
    "alter publication dashboards set table weekly_summary (id, query)": None,
    "alter publication dashboards set table weekly_summary (query, asin)": "sqp.weekly_summary is in publication",
    "alter table weekly_summary replica identity nothing": "sqp.weekly_summary is in publication dashboards",
    "create table sync_rejects (id integer)": "sqp.sync_rejects has a name that the sync needs",
    "create function rate(text) returns text language sql as 'select $1'": "sqp.rate() has a name that the sync needs",
    "create function check_data_freshness() returns integer language sql as 'select 1'": "() returns integer",
    "alter table weekly_summary rename to w; create view weekly_summary as select * from w": "neither a plain table",
    "create domain q as text check (value <> ''); alter table quarterly_summary alter column asin type q": None,
    "create table child () inherits (monthly_summary)": None,
    "alter table weekly_summary add check (total_clicks <= total_impressions)": None,
    "drop index top_queries_query_idx; alter table weekly_summary drop constraint"
    " weekly_summary_period_start_query_asin_key": None,
}


@pytest.mark.parametrize(("change", "complaint"), REFUSED.items())
def test_what_cannot_work_is_refused_before_anything_is_written(
    users: Connection, users_database: str, change: str, complaint: str | None
) -> None:
    if "alter column" in change or "rename" in change:
        users.execute(WITHOUT_VIEWS)
    users.execute(change.encode())
    if complaint is None:
        assert migrate(users_database)
        return
    before = theirs(users), rows(users, "select oid from pg_class order by 1")
    with pytest.raises(MigrationError) as refused:
        migrate(users_database)
    assert complaint in str(refused.value)
    assert "The target is unchanged." in str(refused.value)
    assert (theirs(users), rows(users, "select oid from pg_class order by 1")) == before


def test_a_collation_that_takes_texts_for_equal_is_refused(users: Connection, users_database: str) -> None:
    users.execute(WITHOUT_VIEWS)
    collation = "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
    try:
        users.execute(collation)
    except FeatureNotSupported:  # a server that was built without ICU cannot have such a collation at all
        return
    users.execute("alter table monthly_summary alter column query type text collate ci")
    with pytest.raises(MigrationError, match=r"sqp\.monthly_summary\.query has a nondeterministic collation"):
        migrate(users_database)


def test_all_that_stands_in_the_way_is_said_at_once(users: Connection, users_database: str) -> None:
    users.execute("alter table quarterly_summary add unique (asin, query)")
    users.execute(
        "alter table quarterly_summary add column client text not null default ''; "
        "alter table quarterly_summary alter column client drop default"
    )
    with pytest.raises(MigrationError) as refused:
        migrate(users_database)
    assert str(refused.value).count("\n- sqp.") == 2


def test_a_role_that_owns_nothing_there_is_refused(users: Connection, users_database: str) -> None:
    role = f"stranger_{users.info.dbname}"
    users.execute(sql.SQL("create role {} login password 'x'").format(sql.Identifier(role)))
    try:
        users.execute(sql.SQL("grant usage, create on schema sqp to {}").format(sql.Identifier(role)))
        with pytest.raises(MigrationError, match=r"belongs to \w+, and only its owner may add columns"):
            migrate(make_conninfo(users_database, user=role, password="x"))
    finally:
        users.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(role)))
