"""The views over all feeds of a database: what they show, to whom, and what changes them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from sqp_provider.core.doctor import Finding
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.ownership import Owner
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.core.together import VIEWS
from sqp_provider.doctor import Doctor
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.migrations import migrate
from sqp_provider.migrations import take_over as take_over_feed
from sqp_provider.revisions import MigrationError
from sqp_provider.target.doctor import TargetDoctor
from sqp_provider.together import by_database, put_together, put_together_everywhere, take_over
from tests.conftest import new_database
from tests.fixtures import connection_to
from tests.integration.sql.conftest import SEED_SCHEMA
from tests.logins import logins
from tests.several import AIRFLOW, US_AND_CA, Several, several_in


@pytest.fixture
def several(server_dsn: str) -> Iterator[Several]:
    with several_in(server_dsn) as several:
        yield several


def columns(several: Several, view: str) -> list[str]:
    statement = f"select attname from pg_attribute where attrelid = 'sqp_all.{view}'::regclass and attnum > 0"
    return [name for (name,) in several.execute(f"{statement} order by attnum")]


def versions(several: Several) -> list[tuple[Any, ...]]:
    """What a transaction that changed something in the schema of the views would have changed."""
    return several.execute(
        "select c.oid, c.xmin, n.xmin, r.xmin from pg_namespace as n join pg_class as c on c.relnamespace = n.oid "
        "join pg_rewrite as r on r.ev_class = c.oid where nspname = 'sqp_all' order by c.oid"
    )


def test_each_view_has_the_rows_of_every_feed_with_its_name_and_what_it_fixes_in_front(several: Several) -> None:
    us = {"source": {"where": {"Client Name": ["Acme", "Acme 2"], "a.status": 1, "active": True, "gone": None}}}
    ca = {"source": {"marketplace": "A2EUQ1WTGCTBG2", "columns": {"marketplace": "marketplace_id"}}}
    assert several.migrate(several.feeds({"us": us, "ca": ca})) == ["ca", "us"]
    several.add_week("us", "shoe")
    several.add_week("ca", "sock", "shoe")
    fixed = ["active", "client_name", "gone", "marketplace", "where_status"]
    assert columns(several, "weekly_summary")[:7] == ["feed", *fixed, "period_start"]
    rows = several.execute(f"select feed, {', '.join(fixed)}, query from sqp_all.weekly_summary order by 1, query")
    assert rows == [
        ("ca", None, None, None, "A2EUQ1WTGCTBG2", None, "shoe"),
        ("ca", None, None, None, "A2EUQ1WTGCTBG2", None, "sock"),
        ("us", "true", "Acme, Acme 2", "null", None, "1", "shoe"),
    ]
    assert several.execute(
        "select distinct feed, sync_type, where_status, state from sqp_all.period_status "
        "where period_start = '2026-11-01' order by 1, 2"
    ) == [
        ("ca", "monthly", None, "derived"),
        ("us", "monthly", "1", "derived"),
    ]
    for view in VIEWS:
        assert columns(several, view)[:6] == ["feed", *fixed]


def test_each_view_has_every_column_of_a_feeds_own(several: Several) -> None:
    several.migrate(several.feeds({"us": {}, "ca": {}}))
    for view in VIEWS:
        own = several.execute(
            f"select attname from pg_attribute where attrelid = 'sqp_us.{view}'::regclass and attnum > 0"
        )
        assert set(columns(several, view)) == {"feed", *(name for (name,) in own)}


def test_an_adopted_schema_stands_beside_a_fresh_one(several: Several) -> None:
    seed = SEED_SCHEMA.read_text().replace("sqp.", "sqp_old.").replace("schema sqp", "schema sqp_old")
    several.execute(seed.replace("sqp;", "sqp_old;"))
    several.execute("alter table sqp_old.weekly_summary add column note text default 'mine'")
    several.execute('alter table sqp_old.weekly_summary alter column query type varchar(80) collate "POSIX"')
    several.migrate(several.feeds({"old": {}, "us": {}}))
    several.add_week("old", "shoe")
    several.add_week("us", "shoe")
    kinds = "select pg_typeof(total_clicks)::text from"
    assert several.execute(f"{kinds} sqp_old.weekly_summary union all {kinds} sqp_all.weekly_summary limit 2") == [
        ("integer",),
        ("bigint",),
    ]
    assert several.execute("select feed, query, total_clicks from sqp_all.weekly_summary order by 1") == [
        ("old", "shoe", 0),
        ("us", "shoe", 0),
    ]
    assert "note" not in columns(several, "weekly_summary")
    assert scanned(several, "weekly_summary", "us") == {"us"}
    assert scanned(several, "weekly_summary", "old") == {"old"}


def scanned(several: Several, view: str, feed: str) -> set[str]:
    """The feeds whose tables a query of one feed reads."""
    with psycopg.connect(several.dsn) as connection:
        explain = f"explain (format json, verbose) select * from {several.schema('all')}.{view} where feed = '{feed}'"
        row = connection.execute(explain.encode()).fetchone()
    assert row is not None
    found: set[str] = set()

    def visit(node: Any) -> None:
        if "Relation Name" in node:
            found.add(node["Schema"].removeprefix(f"{several.prefix}_"))
        for child in node.get("Plans", ()):
            visit(child)

    visit(row[0][0]["Plan"])
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_a_query_of_one_feed_reads_no_table_of_another(view: str, several: Several) -> None:
    several.migrate(several.feeds({"us": {}, "ca": {}, "uk": {}}))
    assert scanned(several, view, "ca") == {"ca"}
    assert scanned(several, view, "nobody") == set()


def test_a_query_of_one_feed_locks_no_partition_of_another(several: Several) -> None:
    """A year of forty feeds has more partitions than a server with Postgres' defaults can lock."""
    several.migrate(several.feeds({"us": {}, "ca": {}}))
    several.add_week("us", "shoe")
    locked = (
        "select relnamespace::regnamespace::text from pg_locks join pg_class as c on c.oid = relation "
        "where pid = pg_backend_pid() and c.relkind = 'r' and c.relispartition"
    )
    with psycopg.connect(several.dsn) as connection:
        query = f"select count(*) from {several.schema('all')}.weekly_summary where feed = 'us'"
        assert connection.execute(query.encode()).fetchone() == (1,)
        assert set(connection.execute(locked.encode()).fetchall()) == {(several.schema("us"),)}


def test_the_views_show_what_their_reader_may_read(several: Several) -> None:
    several.migrate(several.feeds({"us": {}, "ca": {}}))
    several.add_week("us", "shoe")
    several.add_week("ca", "sock")
    with logins(several.dsn) as login:
        of_all, of_us = login(several.schema("all_reader")), login(several.schema("us_reader"))
        seen = several.execute("select feed, query from sqp_all.weekly_summary order by 1", of_all)
        assert seen == [("ca", "sock"), ("us", "shoe")]
        assert several.execute("select distinct feed from sqp_all.period_status order by 1", of_all) == [
            ("ca",),
            ("us",),
        ]
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"schema t.*_all"):
            several.execute("select * from sqp_all.weekly_summary", of_us)
        several.execute(
            "grant usage on schema sqp_all to sqp_us_reader; "
            "grant select on all tables in schema sqp_all to sqp_us_reader"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="weekly_summary"):
            several.execute("select * from sqp_all.weekly_summary where feed = 'ca'", of_us)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            several.execute("insert into sqp_us.weekly_summary (period_start) values ('2026-11-08')", of_all)


def test_migrating_again_changes_nothing_and_waits_for_nobody(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = several.feeds(US_AND_CA)
    several.migrate(feeds)
    before = versions(several)
    assert len(before) == len(VIEWS)
    monkeypatch.setattr("sqp_provider.together.TRIES", 1)
    with psycopg.connect(several.dsn) as holding:
        for view in VIEWS:
            holding.execute(f"lock table {several.schema('all')}.{view} in access exclusive mode".encode())
        assert put_together(several.dsn, feeds, AIRFLOW) == ["ca", "us"]
    # the order of the file is no difference
    assert put_together(several.dsn, several.feeds(dict(reversed(US_AND_CA.items()))), AIRFLOW) == ["ca", "us"]
    assert versions(several) == before


def test_views_that_somebody_is_using_are_asked_for_again_and_then_left_alone(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    several.migrate(several.feeds(US_AND_CA))
    monkeypatch.setattr("sqp_provider.together.TRIES", 2)
    monkeypatch.setattr("sqp_provider.together.PAUSE_SECONDS", 0.01)
    before = versions(several)
    with psycopg.connect(several.dsn) as reading:
        reading.execute(f"select * from {several.schema('all')}.sync_log".encode())
        with pytest.raises(MigrationError, match=r"lock timeout\. It was rolled back.*in each of 2 tries"):
            put_together(several.dsn, several.feeds({"us": {}, "ca": {}}), AIRFLOW)
    assert versions(several) == before
    put_together(several.dsn, several.feeds({"us": {}, "ca": {}}), AIRFLOW)
    assert "client_name" not in columns(several, "sync_log")


@pytest.mark.parametrize(
    "damage",
    [
        "drop view sqp_all.sync_log",
        "create or replace view sqp_all.sync_log with (security_invoker = true) as {hides_us}",
        "alter view sqp_all.sync_log reset (security_invoker)",
        "comment on schema sqp_all is 'SQP Sync: all feeds of Airflow https://airflow.example.com together (0 0)'",
    ],
)
def test_a_view_that_somebody_changed_comes_back(damage: str, several: Several) -> None:
    feeds = several.feeds(US_AND_CA)
    several.migrate(feeds)
    as_it_is = (
        "select pg_get_viewdef(oid), reloptions from pg_class "
        "where relname = 'sync_log' and relnamespace = 'sqp_all'::regnamespace"
    )
    before = several.execute(as_it_is)
    hides_us = before[0][0].replace("WHERE true", "WHERE false", 1)
    several.execute(damage.format(hides_us=hides_us))
    put_together(several.dsn, feeds, AIRFLOW)
    assert several.execute(as_it_is) == before


def test_a_new_feed_that_fixes_nothing_new_keeps_what_others_made_over_the_views(several: Several) -> None:
    several.migrate(several.feeds(US_AND_CA))
    several.execute("create view public.mine as select feed, query from sqp_all.weekly_summary")
    several.migrate(several.feeds(US_AND_CA | {"uk": {}}))
    several.add_week("uk", "tea")
    assert several.execute("select * from public.mine") == [("uk", "tea")]


def test_other_columns_are_refused_while_somebodys_view_is_in_the_way_and_keep_the_grants_of_others(
    several: Several,
) -> None:
    several.migrate(several.feeds(US_AND_CA))
    several.execute("create view public.mine as select feed, query from sqp_all.weekly_summary")
    more = several.feeds(US_AND_CA | {"uk": {"source": {"where": {"country": "UK"}}}})
    before = versions(several)
    with pytest.raises(MigrationError, match=r"others depend on them: view public\.mine\. Nothing was changed\."):
        several.migrate(more)
    assert versions(several) == before
    several.execute("drop view public.mine")
    with logins(several.dsn) as login:
        somebody = login(several.schema("us_reader"), several.schema("ca_reader"), several.schema("uk_reader"))
        name = psycopg.conninfo.conninfo_to_dict(somebody)["user"]
        several.execute(f"grant usage on schema sqp_all to {name}; grant select on sqp_all.weekly_summary to {name}")
        several.migrate(more)
        assert "country" in columns(several, "weekly_summary")
        several.add_week("uk", "tea")
        assert several.execute("select country, query from sqp_all.weekly_summary", somebody) == [("UK", "tea")]


def test_a_removed_feed_leaves_the_views_and_what_it_left_is_named(
    several: Several, caplog: pytest.LogCaptureFixture
) -> None:
    several.migrate(several.feeds(US_AND_CA))
    schema = several.schema("us")
    take_over_feed(several.dsn, schema, Owner(AIRFLOW, "us"))
    several.add_week("us", "shoe")
    with caplog.at_level(logging.INFO), logins(several.dsn) as login:
        reader = login(several.schema("all_reader"))
        assert several.migrate(several.feeds({"ca": {}})) == ["ca"]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            several.execute("select * from sqp_us.weekly_summary", reader)
    assert several.execute("select * from sqp_all.weekly_summary") == []
    assert several.execute("select query from sqp_us.weekly_summary") == [("shoe",)]
    (said,) = [text for text in caplog.messages if "no feed of the configuration" in text]
    assert said == (
        f"Schema {schema} belongs to feed us of this Airflow, and no feed of the configuration has this schema. "
        f"Nothing is done with it. If the feed was renamed, give it target.schema: {schema} to keep its history, and "
        f"take the schema over. If it was removed, 'sqp delete-feed us --schema {schema}' says what deleting it would "
        "delete."
    )


def test_without_any_feed_left_there_is_no_view(several: Several) -> None:
    several.migrate(several.feeds({"us": {}}))
    take_over_feed(several.dsn, several.schema("us"), Owner("https://other.example.com", "us"))
    assert put_together(several.dsn, several.feeds({"us": {}}), AIRFLOW) == []
    assert versions(several) == []


@pytest.mark.parametrize(
    ("left", "because"),
    [
        ("update sqp_us.alembic_version set version_num = '0003'", "is at version 0003 .*, and this code needs 0006"),
        ("update sqp_us.schema_state set files = 'x'", "is at version 0006 x, and this code needs"),
        (
            "update sqp_us.schema_state set airflow = 'https://b.example.com'",
            "belongs to Airflow https://b.example.com",
        ),
        (
            "update sqp_us.schema_state set airflow = 'https://airflow.example.com', feed = 'usa'",
            "belongs to feed usa of",
        ),
        ("alter schema sqp_us rename to sqp_us2", "was not migrated yet, or may not be read"),
        ("alter schema sqp_us rename to sqp_us2; alter schema sqp_uk rename to sqp_us", "was called t.*_uk when"),
    ],
)
def test_a_feed_that_cannot_be_shown_is_left_out_and_named(
    left: str, because: str, several: Several, caplog: pytest.LogCaptureFixture
) -> None:
    several.migrate(several.feeds(US_AND_CA | {"uk": {}}))
    several.execute(left)
    feeds = several.feeds(US_AND_CA | {"fr": {"owner": ""}})
    assert put_together(several.dsn, feeds, AIRFLOW) == ["ca"]
    caplog.clear()
    assert put_together(several.dsn, feeds, AIRFLOW) == ["ca"]
    fr, us = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert fr.startswith(
        f"Feed fr is not in the views of schema {several.schema('all')}: the configuration has a mistake"
    )
    assert re.search(because, us), us


def test_a_schema_of_that_name_which_somebody_else_made_is_refused(several: Several) -> None:
    several.execute("create schema sqp_all; create table sqp_all.theirs (a int)")
    with pytest.raises(MigrationError, match=r"was not made by SQP Sync, .* It is unchanged\. Rename it"):
        several.migrate(several.feeds(US_AND_CA))
    assert columns(several, "theirs") == ["a"]
    # an empty one was made for us, by somebody who may make schemas
    several.execute("drop table sqp_all.theirs")
    assert several.migrate(several.feeds(US_AND_CA)) == ["ca", "us"]


def test_nothing_that_others_made_to_look_like_a_schema_of_ours_is_run(several: Several) -> None:
    several.execute(
        "create schema theirs; "
        "create table theirs.schema_state (files text, schema_name text, airflow text, feed text); "
        "create function theirs.run() returns text language plpgsql as $$ begin raise 'as %', current_user; end $$; "
        "create view theirs.alembic_version as select theirs.run() as version_num; "
        "insert into theirs.schema_state default values"
    )
    assert several.migrate(several.feeds(US_AND_CA)) == ["ca", "us"]


def test_views_of_another_airflow_are_refused_until_they_are_taken_over(several: Several) -> None:
    several.migrate(several.feeds(US_AND_CA))
    other, schema = "https://b.example.com", several.schema("all")
    with pytest.raises(MigrationError) as refused:
        put_together(several.dsn, several.feeds(US_AND_CA), other)
    assert f"Schema {schema} has the views over the feeds of Airflow {AIRFLOW}, but this is Airflow {other}." in str(
        refused.value
    )
    assert f"'sqp take-over --airflow {other} --schema {schema}'" in str(refused.value)
    before = versions(several)
    assert take_over(several.dsn, schema, other)
    assert put_together(several.dsn, several.feeds(US_AND_CA), other) == ["ca", "us"]
    assert [row[:2] for row in versions(several)] == [row[:2] for row in before]
    assert put_together(several.dsn, several.feeds(US_AND_CA), AIRFLOW, take_over=True) == ["ca", "us"]
    assert not take_over(several.dsn, several.schema("us"), other)


def test_a_login_that_may_make_no_roles_is_told_what_it_may_not(
    several: Several, caplog: pytest.LogCaptureFixture
) -> None:
    with logins(several.dsn) as login:
        dsn = login()
        name = psycopg.conninfo.conninfo_to_dict(dsn)["user"]
        several.execute(f"grant create on database {psycopg.conninfo.conninfo_to_dict(dsn)['dbname']} to {name}")
        with caplog.at_level(logging.INFO):
            assert several.migrate(several.feeds(US_AND_CA), dsn=dsn) == ["ca", "us"]
        said = [text for text in caplog.messages if f"{several.prefix}_all_reader" in text]
        assert said == [f"Roles: {name} may neither make nor use {several.prefix}_all_reader; see docs/deployment.md."]
        assert several.execute("select * from sqp_all.period_status", dsn) == []


def test_a_login_that_may_make_roles_makes_the_one_that_reads_all(several: Several) -> None:
    with logins(several.dsn) as login:
        dsn = login(attributes="createrole")
        parts = psycopg.conninfo.conninfo_to_dict(dsn)
        several.execute(f"grant create on database {parts['dbname']} to {parts['user']}")
        several.migrate(several.feeds(US_AND_CA), dsn=dsn)
        several.add_week("us", "shoe")
        reader = login(several.schema("all_reader"))
        assert several.execute("select feed, query from sqp_all.weekly_summary", reader) == [("us", "shoe")]


def test_two_connections_that_lead_to_one_database_are_one_place(several: Several, server_dsn: str) -> None:
    with logins(several.dsn) as login:
        other = psycopg.conninfo.make_conninfo(login(), application_name="other", connect_timeout=9)
        dsns = {"us": several.dsn, "elsewhere": server_dsn, "ca": other}
        assert by_database(dsns) == ([(several.dsn, ["us", "ca"]), (server_dsn, ["elsewhere"])], [])
        several.execute("revoke execute on function pg_control_system() from public")
        assert by_database({"us": other, "ca": other}) == ([(other, ["us", "ca"])], [])
        several.execute("grant execute on function pg_control_system() to public")


def test_a_database_that_does_not_answer_keeps_the_views_of_no_other_one_from_being_written(several: Several) -> None:
    feeds = several.feeds(US_AND_CA)
    for name in feeds.names:
        migrate(several.dsn, several.schema(name))
    dsns = {"us": "postgresql://sqp@127.0.0.1:1/warehouse", "ca": several.dsn}
    with pytest.raises(MigrationError, match=r"^Cannot connect to Postgres at 127\.0\.0\.1:1/warehouse as sqp"):
        put_together_everywhere(dsns, feeds, AIRFLOW)
    several.add_week("ca", "sock")
    several.add_week("us", "shoe")  # its connection does not say that it lies elsewhere
    shown = several.execute("select feed, query from sqp_all.weekly_summary order by 1")
    assert shown == [("ca", "sock"), ("us", "shoe")]


def test_a_feed_that_one_database_no_longer_has_is_still_read_in_another_one_that_has_it(
    several: Several, server_dsn: str
) -> None:
    """A server has one set of roles, as for the databases of a test and of a production with the same feeds."""
    several.migrate(several.feeds(US_AND_CA))
    several.add_week("us", "shoe")
    with new_database(server_dsn) as other:
        tried = Several(other, several.prefix)
        tried.migrate(tried.feeds(US_AND_CA))
        assert tried.migrate(tried.feeds({"ca": {}})) == ["ca"]
        with logins(several.dsn) as login:
            reader = login(several.schema("all_reader"))
            assert several.execute("select feed, query from sqp_all.weekly_summary", reader) == [("us", "shoe")]


def test_a_feed_that_lies_elsewhere_is_no_feed_of_this_database(several: Several) -> None:
    several.migrate(several.feeds(US_AND_CA))
    assert put_together(several.dsn, several.feeds(US_AND_CA), AIRFLOW, elsewhere=["us"]) == ["ca"]


def test_a_feed_whose_schema_has_strange_tables_is_refused_and_the_good_one_beside_it_is_shown(
    several: Several,
) -> None:
    several.execute("create schema sqp_us; create table sqp_us.weekly_summary (period_start date, note text)")
    feeds = several.feeds(US_AND_CA)
    with pytest.raises(MigrationError, match=r"weekly_summary has no column period_end"):
        migrate(several.dsn, several.schema("us"), feeds.of("us"))
    assert several.migrate(feeds, "ca") == ["ca"]
    assert columns(several, "sync_log")[1] == "id"
    assert several.execute("select count(*) from pg_class where relnamespace = 'sqp_us'::regnamespace") == [(1,)]


def without_a_feed(settings: Settings, feeds: Feeds) -> Finding:
    """What the doctor says of the schemas that no feed has."""
    findings = Doctor(settings, Owner(AIRFLOW, settings.feed), datetime.now(UTC), feeds=feeds).findings()
    return next(finding for finding in findings if finding.name == "schemas without a feed")


def test_the_doctor_names_what_no_feed_has_and_takes_the_views_for_ours(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    several.migrate(several.feeds(US_AND_CA))
    take_over_feed(several.dsn, several.schema("us"), Owner(AIRFLOW, "us"))
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(several.dsn))
    ca = several.feeds(US_AND_CA).of("ca")
    hook = SqpPostgresHook(ca.target)
    assert without_a_feed(ca, several.feeds(US_AND_CA)).verdict == "good"
    answer = without_a_feed(ca, several.feeds({"ca": {}}))
    assert answer.verdict == "warning"
    assert answer.found.startswith(f"Schema {several.schema('us')} belongs to feed us of this Airflow, and no feed of")
    assert f"'sqp delete-feed us --schema {several.schema('us')}'" in answer.advice
    week = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
    doctor = TargetDoctor(hook, hook, ca, Owner(AIRFLOW, "ca"), week)
    assert doctor.dependents().found == "nothing of others depends on the summary tables"
    several.execute("create view public.mine as select * from sqp_ca.weekly_summary")
    assert doctor.dependents().found.startswith("view public.mine:")
