"""``sqp delete-feed``: what it says, what it deletes, what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from sqp_provider.__main__ import main
from sqp_provider.core.ownership import Owner
from sqp_provider.migrations import take_over
from sqp_provider.together import take_over as take_over_views
from tests.integration.sql.conftest import SEED_SCHEMA
from tests.logins import logins
from tests.several import AIRFLOW, US_AND_CA, Several, several_in

Delete = Callable[..., int]


@pytest.fixture
def several(server_dsn: str) -> Iterator[Several]:
    """Two feeds with rows, and the views over both."""
    with several_in(server_dsn) as several:
        several.migrate(several.feeds(US_AND_CA))
        for feed in ("us", "ca"):
            several.add_week(feed, "shoe", "sock")
            several.execute(f"analyze sqp_{feed}.weekly_summary")
            take_over(several.dsn, several.schema(feed), Owner(AIRFLOW, feed))
        yield several


@pytest.fixture
def configure(several: Several, tmp_path: Path) -> Callable[..., str]:
    def write(named: dict[str, Any] | None = None, **defaults: Any) -> str:
        path = tmp_path / "sqp_config.yaml"
        path.write_text(
            yaml.safe_dump(several.configuration(US_AND_CA if named is None else named, **defaults), sort_keys=False)
        )
        return str(path)

    return write


@pytest.fixture
def delete(several: Several, configure: Callable[..., str]) -> Delete:
    def run(*arguments: str) -> int:
        return main(["delete-feed", *arguments, "--dsn", several.dsn, "--config", configure()])

    return run


def schemas(several: Several) -> list[str]:
    found = several.execute(f"select nspname from pg_namespace where nspname ^@ '{several.prefix}' order by nspname")
    return [name.removeprefix(f"{several.prefix}_") for (name,) in found]


def roles(several: Several) -> list[str]:
    found = several.execute(f"select rolname from pg_roles where rolname ^@ '{several.prefix}_' order by rolname")
    return [name.removeprefix(f"{several.prefix}_") for (name,) in found]


def test_without_yes_it_says_what_would_go_and_what_stays_and_deletes_nothing(
    several: Several, delete: Delete, capsys: pytest.CaptureFixture[str]
) -> None:
    several.execute(
        "insert into sqp_us.sync_log (sync_type, sync_status, source_table, target_table, period_start) "
        "values ('weekly', 'completed', 'a', 'b', '2026-11-08')"
    )
    several.execute("create table sqp_us_staging.weekly_summary_20261108_1 (a int)")
    us, every = several.schema("us"), several.schema("all")
    with logins(several.dsn) as login:
        dashboard = psycopg.conninfo.conninfo_to_dict(login(f"{us}_reader"))["user"]
        assert delete("us") == 0
    said = capsys.readouterr().out
    assert f"Deleting feed us of Airflow {AIRFLOW} from schema {us} deletes:\n" in said
    assert f"  table {us}.weekly_summary: 2 rows, " in said
    assert f"  table {us}.sync_log: 1 rows, " in said
    assert f"  table {us}_staging.weekly_summary_20261108_1: 0 rows, 0 bytes\n" in said
    assert f"  the schemas {us} and {us}_staging, with their functions and views\n" in said
    assert "  1 monthly periods, from 2026-11-01 to 2026-11-01\n" in said
    assert f"  role {us}_reader, whose members are {dashboard}, {several.prefix}_all_reader\n" in said
    assert f"  role {us}_writer\n" in said
    assert f"  its rows in the views of schema {every}\n" in said
    assert "It does not delete:\n  the source table, and snapshots in BigQuery until they expire\n" in said
    assert said.endswith("Nothing was deleted; repeat with --yes.\n")
    assert schemas(several) == ["all", "ca", "ca_staging", "us", "us_staging"]
    assert several.execute("select feed, count(*) from sqp_all.weekly_summary group by 1 order by 1") == [
        ("ca", 2),
        ("us", 2),
    ]


def test_with_yes_the_feed_is_gone_and_the_other_one_as_it_was(
    several: Several, delete: Delete, capsys: pytest.CaptureFixture[str]
) -> None:
    several.execute("create table sqp_us_staging.weekly_summary_20261108_1 (a int)")
    before = several.execute("select * from sqp_ca.weekly_summary order by query")
    assert delete("us", "--yes") == 0
    assert capsys.readouterr().out.endswith(
        f"Deleted feed us of Airflow {AIRFLOW} from schema {several.schema('us')}.\n"
    )
    assert schemas(several) == ["all", "ca", "ca_staging"]
    assert roles(several) == ["all_reader", "ca_owner", "ca_reader", "ca_writer"]
    assert several.execute("select * from sqp_ca.weekly_summary order by query") == before
    assert several.execute("select distinct feed from sqp_all.weekly_summary") == [("ca",)]
    assert delete("us", "--yes") == 1
    assert capsys.readouterr().err.startswith(f"There is no schema {several.schema('us')} that SQP Sync has made")


def test_a_feed_that_was_removed_from_the_configuration_is_found_by_its_schema(
    several: Several, configure: Callable[..., str]
) -> None:
    several.execute(
        "alter schema sqp_us rename to sqp_client; alter schema sqp_us_staging rename to sqp_client_staging"
    )
    for role in ("owner", "writer", "reader"):
        several.execute(f"alter role sqp_us_{role} rename to sqp_client_{role}")
    several.migrate(several.feeds({"us": {"target": {"schema": several.schema("client")}}, "ca": {}}))
    several.execute("alter role sqp_client_reader rename to sqp_was_reader")
    several.execute("comment on role sqp_was_reader is null")
    config = configure({"ca": {}})
    command = ["delete-feed", "us", "--dsn", several.dsn, "--config", config, "--yes"]
    assert main([*command, "--schema", several.schema("client")]) == 0
    assert schemas(several) == ["all", "ca", "ca_staging"]
    assert several.execute("select distinct feed from sqp_all.weekly_summary") == [("ca",)]


def test_a_feed_can_be_deleted_when_the_configuration_has_no_feeds_any_more(
    several: Several, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sqp_config.yaml"
    content = several.configuration({}, airflow=AIRFLOW)
    del content["feeds"]
    path.write_text(yaml.safe_dump(content))
    command = ["delete-feed", "us", "--dsn", several.dsn, "--config", str(path)]
    assert main(command) == 0
    said = f"  all views of schema {several.schema('all')}, since the configuration has no feeds any more\n"
    assert said in capsys.readouterr().out
    assert main([*command, "--yes"]) == 0
    assert schemas(several) == ["all", "ca", "ca_staging"]
    assert several.execute("select count(*) from pg_class where relnamespace = 'sqp_all'::regnamespace") == [(0,)]
    assert several.execute("select query from sqp_ca.weekly_summary order by 1") == [("shoe",), ("sock",)]


def test_views_of_others_that_do_not_show_the_feed_are_not_in_the_way(several: Several, delete: Delete) -> None:
    several.migrate(several.feeds({"ca": US_AND_CA["ca"]}))
    take_over_views(several.dsn, several.schema("all"), "https://b.example.com")
    assert delete("us", "--yes") == 0
    assert schemas(several) == ["all", "ca", "ca_staging"]
    assert several.execute("select distinct feed from sqp_all.weekly_summary") == [("ca",)]


def test_it_works_in_a_schema_that_was_adopted(several: Several, configure: Callable[..., str]) -> None:
    several.execute(SEED_SCHEMA.read_text().replace("sqp.", "sqp_old.").replace("schema sqp", "schema sqp_old"))
    named = US_AND_CA | {"old": {}}
    several.migrate(several.feeds(named))
    assert main(["delete-feed", "old", "--dsn", several.dsn, "--config", configure(named), "--yes"]) == 0
    assert schemas(several) == ["all", "ca", "ca_staging", "us", "us_staging"]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (
            "update sqp_us.schema_state set airflow = 'https://b.example.com'",
            "belongs to feed us of Airflow https://b.example.com, but this is feed us of Airflow https://airflow",
        ),
        ("update sqp_us.schema_state set feed = 'uk'", "belongs to feed uk of Airflow https://airflow"),
        ("drop table sqp_us.schema_state", "There is no schema t.*_us that SQP Sync has made"),
        (
            "insert into sqp_us.sync_log (sync_type, sync_status, source_table, target_table, period_start) "
            "values ('weekly', 'started', 'a', 'b', '2026-11-08')",
            "Sync 1 .weekly 2026-11-08. of schema t.*_us is running since",
        ),
        (
            "create table sqp_us.notes (a int)",
            "has objects of others, or they depend on it: table t.*_us.notes. Nothing",
        ),
        ("create table sqp_us_staging.notes (a int)", "depend on it: table t.*_us_staging.notes. Nothing"),
        ("create view public.mine as select * from sqp_us.sync_log", "depend on it: view public.mine. Nothing"),
        ("create view public.mine as select * from sqp_all.sync_log", "depend on it: view public.mine. Nothing"),
        (
            "create table public.mine (a bigint references sqp_us.sync_log)",
            "depend on it: constraint mine_a_fkey on table public.mine. Nothing",
        ),
        ("create function sqp_us.mine() returns int language sql as 'select 1'", "depend on it: function .*mine"),
        (
            "create function public.mine(a sqp_us.sync_log) returns int language sql as 'select 1'",
            "depend on it: function public.mine",
        ),
        (
            "create table public.mine (a date default sqp_us.first_day_of('week', '2026-11-08'))",
            "depend on it: default value for column a of table public.mine",
        ),
        ("create type sqp_us.mood as enum ('good')", "depend on it: type .*mood"),
        (
            "create materialized view public.mine as select * from sqp_us.weekly_summary_default",
            "depend on it: materialized view public.mine",
        ),
    ],
)
def test_what_is_in_the_way_is_named_and_nothing_is_deleted(
    statement: str, says: str, several: Several, delete: Delete, capsys: pytest.CaptureFixture[str]
) -> None:
    several.execute(statement)
    for arguments in (["us"], ["us", "--yes"]):
        assert delete(*arguments) == 1
        said = capsys.readouterr()
        assert re.search(says, said.err), said.err
        assert "Nothing was deleted." in said.err
        assert said.out == ""
    assert schemas(several) == ["all", "ca", "ca_staging", "us", "us_staging"]
    assert several.execute("select feed, count(*) from sqp_all.weekly_summary group by 1 order by 1") == [
        ("ca", 2),
        ("us", 2),
    ]


def test_a_run_that_has_been_open_for_longer_than_a_run_takes_is_dead(several: Several, delete: Delete) -> None:
    several.execute(
        "insert into sqp_us.sync_log (sync_type, sync_status, source_table, target_table, started_at) "
        "values ('weekly', 'started', 'a', 'b', clock_timestamp() - interval '16 minutes')"
    )
    assert delete("us", "--yes") == 0
    assert "us" not in schemas(several)


def test_the_schema_of_another_feed_cannot_be_named(
    several: Several, delete: Delete, capsys: pytest.CaptureFixture[str]
) -> None:
    assert delete("us", "--schema", several.schema("ca"), "--yes") == 1
    assert "feed us has the schema" in capsys.readouterr().err
    several.execute("update sqp_ca.schema_state set airflow = null, feed = null")
    assert delete("uk", "--schema", several.schema("ca"), "--yes") == 1
    assert f"Schema {several.schema('ca')} is that of feed ca of " in capsys.readouterr().err
    assert "ca" in schemas(several)


def test_the_schema_of_a_feed_with_a_mistake_cannot_be_deleted_as_that_of_another(
    several: Several, configure: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    several.execute("update sqp_us.schema_state set feed = null")  # as a single feed leaves it
    config = configure({"acme": {"target": {"schema": several.schema("us")}, "owner": ""}, "ca": {}})
    command = ["delete-feed", "typo", "--dsn", several.dsn, "--config", config, "--schema", several.schema("us")]
    assert main([*command, "--yes"]) == 1
    said = capsys.readouterr().err
    assert f"Schema {several.schema('us')} names no feed that it belongs to, and it may be that of feed acme," in said
    assert "Nothing was deleted. Correct the mistake, and repeat." in said
    assert several.execute("select query from sqp_us.weekly_summary order by 1") == [("shoe",), ("sock",)]


def test_somebody_who_reads_all_the_time_keeps_it_from_deleting(
    several: Several, delete: Delete, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sqp_provider.together.TRIES", 2)
    monkeypatch.setattr("sqp_provider.together.PAUSE_SECONDS", 0.01)
    with psycopg.connect(several.dsn) as reading:
        reading.execute(f"select * from {several.schema('us')}.weekly_summary".encode())
        assert delete("us", "--yes") == 1
    assert "Nothing was deleted. Somebody was using it all the time." in capsys.readouterr().err
    assert several.execute("select distinct feed from sqp_all.weekly_summary order by 1") == [("ca",), ("us",)]


def test_a_role_that_another_database_needs_stays(
    several: Several, delete: Delete, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = f"{several.schema('us')}_reader"
    with psycopg.connect(database) as other:
        other.execute(f"grant usage on schema sqp to {reader}".encode())
    assert delete("us", "--yes") == 0
    assert f'Role {reader} stays: role "{reader}" cannot be dropped because' in capsys.readouterr().out
    assert roles(several) == ["all_reader", "ca_owner", "ca_reader", "ca_writer", "us_reader"]
    with psycopg.connect(database) as other:
        other.execute(f"revoke usage on schema sqp from {reader}".encode())
    members = "select count(*) from pg_auth_members where roleid = 'sqp_us_reader'::regrole"
    assert several.execute(f"{members} and member = 'sqp_all_reader'::regrole") == [(0,)]


def test_who_does_not_own_the_schema_is_told(
    several: Several, configure: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    with logins(several.dsn) as login:
        reader = login(f"{several.schema('us')}_reader")
        assert main(["delete-feed", "us", "--dsn", reader, "--config", configure(), "--yes"]) == 1
    assert "Nothing was deleted. The role must own schema" in capsys.readouterr().err
    assert "us" in schemas(several)


def test_the_login_that_migrates_may_delete_what_it_made(
    server_dsn: str, configure: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    with several_in(server_dsn) as fresh, logins(fresh.dsn) as login:
        dsn = login(attributes="createrole")
        parts = psycopg.conninfo.conninfo_to_dict(dsn)
        fresh.execute(f"grant create on database {parts['dbname']} to {parts['user']}")
        fresh.migrate(fresh.feeds(US_AND_CA), dsn=dsn)
        config = configure(target={"schema": fresh.prefix})
        assert main(["delete-feed", "us", "--dsn", dsn, "--config", config, "--yes"]) == 0
        assert "stays" not in capsys.readouterr().out
        assert schemas(fresh) == ["all", "ca", "ca_staging"]
        assert roles(fresh) == ["all_reader", "ca_owner", "ca_reader", "ca_writer"]
