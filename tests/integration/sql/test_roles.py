"""The roles of the schema: each does its work, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from sqp_provider.migrations import migrate
from tests.integration.sql.catalogue import catalogue
from tests.logins import Login, logins, name_of
from tests.published import Publisher

Connection = psycopg.Connection[Any]

NOBODY_BUT_THE_OWNER = [
    "drop table sqp.sync_log cascade",
    "alter table sqp.synced_period add column mine int",
    "create or replace function sqp.first_day_of(p_unit text, p_day date) returns date language sql return p_day",
    "create or replace view sqp.rollup_type as select * from sqp.period_type",
    "drop view sqp.period_status",
    "update sqp.alembic_version set version_num = '0001'",
    "truncate sqp.sync_log",
    "create trigger mine before insert on sqp.sync_log execute function sqp.update_aggregate_summaries()",
]
NOBODY = [
    "create schema mine",
    "create role mine",
    "select * from private.secrets",
    "alter schema sqp rename to mine",
    "drop schema sqp_staging",
    "set role pg_read_all_data",
]


@pytest.fixture
def login(database: str) -> Iterator[Login]:
    """Makes logins for ``database``, which somebody else uses too."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create schema private; create table private.secrets (a int)")
    with logins(database) as login:
        yield login


def refused(dsn: str, statements: list[str]) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode()).fetchall()


def test_a_writer_publishes_and_a_reader_sees_what_was_attached_and_swapped(
    committing: Connection, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = login("sqp_writer"), login("sqp_reader")
    publisher = Publisher(writer, monkeypatch, swap_above_rows=0, swap_above_fraction=0)
    for clicks, how in ((1, "attached"), (2, "swapped")):
        assert publisher.week("2026-11-08", [{"total_clicks": clicks}]).how == how
    assert Publisher(writer, monkeypatch).week("2026-11-08").how == "difference"
    with psycopg.connect(writer, autocommit=True) as connection:
        connection.execute(
            "insert into sqp.sync_log (sync_type, sync_status, source_table, target_table)"
            " values ('weekly', 'started', 's', 't')"
        )
        connection.execute("update sqp.weekly_summary set total_clicks = 3, sync_log_id = 1")
    with psycopg.connect(reader, autocommit=True) as connection:
        for table in ("weekly_summary", "monthly_summary", "quarterly_summary"):
            assert connection.execute(f"select total_clicks from sqp.{table}").fetchall() == [(3,)]  # type: ignore[arg-type]
        for kind, first in (("weekly", "2026-11-08"), ("monthly", "2026-11-01"), ("quarterly", "2026-10-01")):
            published = f"select total_clicks from sqp.{kind}_as_of('{first}', clock_timestamp())"
            assert connection.execute(published.encode()).fetchall() == [(50,)]
    assert committing.execute(
        "select count(*) from pg_inherits as i join pg_class as c on c.oid = i.inhparent where c.relkind = 'p'"
    ).fetchall() == [(6,)]


def test_whoever_may_only_write_weeks_cannot_pass_for_a_publish(
    committing: Connection, login: Login, publisher: Publisher
) -> None:
    publisher.week("2026-11-08", [{"query": "a", "total_clicks": 7}])
    (version,) = committing.execute("select max(version) from period_version").fetchone() or (0,)
    versions = committing.execute("select * from period_version").fetchall()
    theirs = login()
    committing.execute(f"grant usage on schema sqp to {name_of(theirs)}")
    committing.execute(f"grant select, insert, update, delete on sqp.weekly_summary to {name_of(theirs)}")
    with psycopg.connect(theirs, autocommit=True) as connection:
        for clicks, forged in ((1, version), (2, version + 1_000_000), (3, "off")):
            with connection.transaction():
                connection.execute("select set_config('sqp_sync.version', %s, true)", [str(forged)])
                connection.execute("update sqp.weekly_summary set total_clicks = %s", [clicks])
    changes = "select distinct version, changed_by, count(*) from period_change group by version, changed_by"
    assert committing.execute(changes).fetchall() == [(None, name_of(theirs), 9)]
    assert committing.execute("select * from period_version").fetchall() == versions
    for kind, first in (("weekly", "2026-11-08"), ("monthly", "2026-11-01"), ("quarterly", "2026-10-01")):
        published = f"select total_clicks from {kind}_as_of('{first}', clock_timestamp())"
        assert committing.execute(published.encode()).fetchall() == [(7,)]


def test_a_version_of_which_nothing_was_noted_cannot_be_had(committing: Connection, publisher: Publisher) -> None:
    publisher.week("2026-11-08")
    committing.execute("update period_version set totals = null")
    with pytest.raises(psycopg.errors.RaiseException, match="nothing was noted"):
        committing.execute("select * from monthly_as_of('2026-11-01', clock_timestamp())")
    assert committing.execute("select count(*) from weekly_as_of('2026-11-08', clock_timestamp())").fetchone() == (1,)


def test_a_reader_reads_every_table_and_view_and_asks_what_dashboards_ask(committing: Connection, login: Login) -> None:
    named = committing.execute(
        "select oid::regclass::text from pg_class"
        " where relnamespace = 'sqp'::regnamespace and relkind in ('r', 'p', 'v') and not relispartition"
    ).fetchall()
    assert len(named) == 23
    with psycopg.connect(login("sqp_reader"), autocommit=True, options="-c search_path=sqp") as connection:
        for (relation,) in named:
            connection.execute(f"select * from {relation}".encode())
        for call in ("check_data_freshness()", "table_freshness()", "get_latest_sync_status('weekly')"):
            connection.execute(f"select * from {call}".encode())


def test_a_reader_does_nothing_else(committing: Connection, login: Login, publisher: Publisher) -> None:
    publisher.week("2026-11-08")
    named = [
        table
        for (table,) in committing.execute(
            "select oid::regclass::text from pg_class"
            " where relnamespace = 'sqp'::regnamespace and relkind in ('r', 'p')"
        )
    ]
    functions = [
        "lock_period('weekly', '2026-11-08')",
        "lock_periods('weekly', '2026-11-08')",
        "delete_period('weekly', '2026-11-08')",
        "mark_derived('monthly', '2026-11-01')",
        "record_derived('monthly', '2026-11-01')",
        "delete_derived()",
        "begin_version()",
        "end_version(1)",
        "keep_changes('weekly', 'INSERT', '{2026-11-08}', 1)",
        "delete_old_changes('1 day')",
    ]
    refused(
        login("sqp_reader"),
        [
            *NOBODY,
            *NOBODY_BUT_THE_OWNER,
            *(f"insert into sqp.{table} default values" for table in named),
            *(f"delete from sqp.{table}" for table in named),
            *(f"truncate sqp.{table}" for table in named),
            *(f"select sqp.{function}" for function in functions),
            "select * from sqp.weekly_summary_20261108",
            "create table sqp.mine (a int)",
            "create table sqp_staging.mine (a int)",
            "update sqp.period_type set days_allowed = 999",
            "update sqp.schema_state set airflow = 'mine'",
        ],
    )


def test_a_writer_does_nothing_else(login: Login) -> None:
    refused(login("sqp_writer"), [*NOBODY, *NOBODY_BUT_THE_OWNER, "delete from sqp.schema_state"])


def test_an_owner_migrates_and_does_nothing_else(committing: Connection, database: str, login: Login) -> None:
    owner = login("sqp_owner")
    before = catalogue(committing)
    committing.execute("delete from alembic_version")
    committing.execute("drop function period_lock(text, date)")
    migrate(owner)
    assert catalogue(committing) == before
    refused(owner, NOBODY)


@pytest.fixture
def schema(server_dsn: str) -> Iterator[str]:
    """A schema whose roles are not on the server yet; they go with the test."""
    name = f"s{uuid4().hex[:10]}"
    yield name
    with psycopg.connect(server_dsn, autocommit=True) as server:
        for kind in ("owner", "writer", "reader"):
            server.execute(f"drop role if exists {name}_{kind}".encode())


def roles_of(connection: Connection, schema: str) -> list[str]:
    found = connection.execute("select rolname from pg_roles where starts_with(rolname, %s)", [f"{schema}_"]).fetchall()
    return sorted(name.removeprefix(f"{schema}_") for (name,) in found)


def granted_create(dsn: str, login: Login, attributes: str = "") -> str:
    """A login without superuser's rights that may create schemas in the database."""
    migrating = login(attributes=attributes)
    with psycopg.connect(dsn, autocommit=True) as connection:
        database = connection.info.dbname
        connection.execute(f"grant create on database {database} to {name_of(migrating)}".encode())
    return migrating


def test_a_login_that_may_create_roles_makes_and_uses_them(
    empty_database: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Supabase's role postgres, which is no superuser."""
    with logins(empty_database) as login, psycopg.connect(empty_database, autocommit=True) as connection:
        migrating = granted_create(empty_database, login, "createrole")
        migrate(migrating, schema)
        assert roles_of(connection, schema) == ["owner", "reader", "writer"]
        assert migrate(migrating, schema) == []
        owner_of = "select relowner::regrole::text from pg_class where oid = %s::regclass"
        for table, role in (("weekly_summary", "writer"), ("sync_log", "owner")):
            assert connection.execute(owner_of, [f"{schema}.{table}"]).fetchall() == [(f"{schema}_{role}",)]
        for dsn, week in ((migrating, "2026-11-08"), (login(f"{schema}_writer"), "2026-11-15")):
            assert Publisher(dsn, monkeypatch, schema=schema).week(week).how == "attached"
        connection.execute(f"drop schema {schema}, {schema}_staging cascade".encode())
        connection.execute(f"drop owned by {schema}_owner, {schema}_writer, {schema}_reader".encode())


def test_where_no_role_may_be_made_the_migration_goes_on_and_says_so(
    empty_database: str, schema: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    with logins(empty_database) as login, psycopg.connect(empty_database, autocommit=True) as connection:
        migrating = granted_create(empty_database, login)
        migrate(migrating, schema)
        me = name_of(migrating)
        unusable = f"{schema}_reader, {schema}_writer, {schema}_owner"
        assert f"Roles: {me} may neither make nor use {unusable}; see docs/deployment.md." in caplog.text
        assert roles_of(connection, schema) == []
        executable = (
            "select count(*) from pg_proc"
            " where pronamespace = %s::regnamespace and has_function_privilege(%s, oid, 'execute')"
        )
        assert connection.execute(executable, [schema, name_of(login())]).fetchall() == [(0,)]
        assert Publisher(migrating, monkeypatch, schema=schema).week("2026-11-08").how == "attached"


def test_groups_that_an_administrator_made_are_used(empty_database: str, schema: str) -> None:
    with logins(empty_database) as login, psycopg.connect(empty_database, autocommit=True) as connection:
        migrating = granted_create(empty_database, login)
        migrate(migrating, schema)
        for kind in ("owner", "writer", "reader"):
            connection.execute(f"create role {schema}_{kind}; grant {schema}_{kind} to {name_of(migrating)}".encode())
        connection.execute(
            f"grant {schema}_reader to {schema}_writer; grant {schema}_writer to {schema}_owner".encode()
        )
        migrate(migrating, schema)
        with psycopg.connect(login(f"{schema}_reader")) as reading:
            reading.execute(f"select * from {schema}.period_status".encode())
        connection.execute(f"drop schema {schema}, {schema}_staging cascade".encode())
        connection.execute(f"drop owned by {schema}_owner, {schema}_writer, {schema}_reader".encode())


def test_adopted_tables_keep_their_owner_and_get_a_reader(
    seed: Connection, seed_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    migrate(seed_database)
    assert "Roles: weekly_summary keeps its owner, who migrates and syncs" in caplog.text
    assert seed.execute(
        "select distinct relowner::regrole::text from pg_class where relnamespace = 'sqp'::regnamespace"
    ).fetchall() == [("postgres",)]
    with logins(seed_database) as login, psycopg.connect(login("sqp_reader")) as reading:
        for relation in ("weekly_summary", "period_status", "check_data_freshness()"):
            reading.execute(f"select * from sqp.{relation}".encode())
