"""The doctor against a real Postgres and the emulator: what is right passes, what is wrong is named with its remedy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from airflow.models.connection import Connection
from airflow.utils.session import create_session
from google.cloud import bigquery

from sqp_provider.__main__ import main
from sqp_provider.core.doctor import Finding
from sqp_provider.core.ownership import Owner
from sqp_provider.core.settings import Settings
from sqp_provider.doctor import Doctor
from sqp_provider.migrations import migrate, take_over
from tests.fixtures import connection_to, settings_for
from tests.landing import Landing, report_row
from tests.logins import Login, logins, name_of
from tests.pooler import pooled

THURSDAY = datetime(2026, 11, 19, 8, tzinfo=UTC)
AIRFLOW = "https://airflow.example.com"
SEED = Path(__file__).parent / "sql" / "seed_schema.sql"

Examine = Callable[..., dict[str, Finding]]


def examined(settings: Settings, **options: Any) -> dict[str, Finding]:
    """The findings by name, on the day on which the week of 2026-11-08 is due."""
    return {finding.name: finding for finding in Doctor(settings, Owner(AIRFLOW), THURSDAY, **options).findings()}


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let ``sqp_postgres`` be a database."""
    return lambda dsn: monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(dsn))


@pytest.fixture
def login(database: str) -> Iterator[Login]:
    """Makes logins for ``database``."""
    with logins(database) as login:
        yield login


def failures(findings: dict[str, Finding]) -> dict[str, str]:
    """What failed, by name."""
    return {name: found.found for name, found in findings.items() if found.verdict == "failed"}


def contents(client: bigquery.Client, dataset: str, dsn: str) -> tuple[Any, ...]:
    """Everything that a check could have left."""
    tables = sorted(table.table_id for table in client.list_tables(dataset))
    statement = """
        select relname, relfilenode from pg_class where relnamespace::regnamespace::text !~ '^(pg_|information)'
        order by relname, relfilenode
    """
    with psycopg.connect(dsn) as connection:
        return tables, connection.execute(statement).fetchall()


def test_where_all_is_right_nothing_fails_and_nothing_is_changed(
    landing: Landing, settings: Settings, dataset: str, database: str, target: Callable[[str], None]
) -> None:
    target(database)
    landing.land(report_row("q"), report_row("r"))
    before = contents(landing.client, dataset, database)
    findings = examined(settings)
    assert failures(findings) == {}
    assert {name for name, found in findings.items() if found.verdict != "good"} == {"alert channel"}
    assert findings["Storage read"].found == "2 rows with start_date 2026-11-08 read, one column of each"
    assert "week 2026-11-08..2026-11-14 would be attached" in findings["way of a publish"].found
    assert "for 52 extracts since 2025-11-16, at most" in findings["bytes of a year"].found
    assert findings["bytes of a daily check"].found.endswith("a day for 8 weekly, 3 monthly, 2 quarterly periods")
    assert contents(landing.client, dataset, database) == before


def test_the_checks_have_the_order_in_which_they_build_on_each_other(
    settings: Settings, database: str, target: Callable[[str], None]
) -> None:
    target(database)
    assert list(examined(settings)) == [
        "connection sqp_bigquery",
        "connection sqp_postgres",
        "BigQuery reached",
        "job right",
        "source table",
        "columns",
        "partitioning",
        "clustering",
        "location",
        "write right",
        "Storage read",
        "bytes of a week",
        "bytes of a year",
        "bytes of a daily check",
        "Postgres reached",
        "Postgres version",
        "right to migrate",
        "pooler",
        "schema revision",
        "owner of the schema",
        "rights of a sync",
        "summary tables",
        "other writers",
        "triggers",
        "replication",
        "row security",
        "adoption",
        "dependent objects",
        "way of a publish",
        "alert channel",
    ]


def test_a_connection_that_is_missing_is_named_and_its_checks_are_skipped(settings: Settings, database: str) -> None:
    source = {"table": settings.source.table, "conn_id": "google"}
    content = {"source": source, "target": {"conn_id": "warehouse"}, "alerts": {"conn_id": "pager"}}
    findings = examined(Settings.checked(content, origin="test"))
    missing = findings["connection google"]
    assert (missing.verdict, missing.found) == ("failed", "Airflow has no connection google")
    assert "AIRFLOW_CONN_GOOGLE" in missing.advice
    assert findings["alert channel"].found == "Airflow has no connection pager"
    others = [found for found in findings.values() if found.verdict != "failed"]
    assert {found.found for found in others} == {
        "not checked, because 'connection google' failed",
        "not checked, because 'connection warehouse' failed",
    }


def test_a_server_that_is_not_there_fails_in_words_and_without_the_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", "postgres://sqp:hunter2@127.0.0.1:1/x")
    findings = examined(settings)
    reached = findings["Postgres reached"]
    assert reached.verdict == "failed"
    assert "did not succeed" in reached.found
    assert findings["adoption"].found == "not checked, because 'Postgres reached' failed"
    assert "hunter2" not in " ".join(f"{found.found} {found.advice}" for found in findings.values())


@pytest.mark.parametrize(
    ("source", "name", "says", "advice"),
    [
        ({"table": "nowhere.report"}, "source table", "Not found", "Check source.table"),
        (
            {"columns": {"clicks": "klicks"}},
            "columns",
            "column `klicks` (for clicks) is missing",
            "Correct the mapping",
        ),
        (
            {"staging_dataset": "nowhere"},
            "location",
            "BigQuery dataset nowhere was refused",
            "Create it: create schema nowhere options (location = 'US')",
        ),
        ({"location": "EU"}, "location", "source.location is EU, but table and snapshots are in US", "Remove"),
    ],
)
def test_a_mistake_about_the_source_is_named(
    source: dict[str, Any], name: str, says: str, advice: str, landing: Landing, dataset: str
) -> None:
    findings = examined(settings_for(landing.table, dataset, source=source))
    assert findings[name].verdict == "failed"
    assert says in findings[name].found
    assert advice in findings[name].advice
    assert findings["write right"].found == f"not checked, because '{name}' failed"
    assert findings["bytes of a year"].verdict == "skipped"


def test_a_source_in_another_location_than_the_snapshots_is_refused(
    landing: Landing, bigquery_client: bigquery.Client
) -> None:
    elsewhere = bigquery.Dataset(f"{bigquery_client.project}.{landing.table.replace('.', '_')}_eu")
    elsewhere.location = "EU"
    bigquery_client.create_dataset(elsewhere)
    try:
        location = examined(settings_for(landing.table, elsewhere.dataset_id))["location"]
    finally:
        bigquery_client.delete_dataset(elsewhere)
    assert location.verdict == "failed"
    assert location.found == f"sqp-demo.{landing.table} is in US, the dataset {elsewhere.dataset_id} in EU"
    assert location.advice == "Create a dataset in US and name it in source.staging_dataset."


@pytest.mark.parametrize(
    ("column", "verdict", "says"),
    [
        ("start_date", "good", "by start_date: a sync reads the partitions of its own days"),
        ("ingested_at", "warning", "by ingested_at, which is no date of a period"),
        (None, "warning", "by time of ingestion, which says nothing about the days of a row"),
    ],
)
def test_a_partitioning_that_saves_nothing_is_a_warning(
    column: str | None, verdict: str, says: str, landing: Landing, dataset: str
) -> None:
    client = landing.client
    table = bigquery.Table(f"{client.project}.{landing.table}_parted", client.get_table(landing.table).schema)
    table.time_partitioning = bigquery.TimePartitioning(field=column)
    table.clustering_fields = ["asin"]
    client.create_table(table)
    findings = examined(settings_for(f"{landing.table}_parted", dataset))
    assert (findings["partitioning"].verdict, says in findings["partitioning"].found) == (verdict, True)
    assert findings["clustering"].found.startswith("by asin")


def test_a_view_cannot_be_read_beforehand_but_a_snapshot_of_an_earlier_sync_can(landing: Landing) -> None:
    client, staging, view = landing.client, f"{landing.table.replace('.', '_')}_staging", f"{landing.table}_view"
    client.query_and_wait(f"create or replace view {view} as select * from {landing.table}")
    client.create_dataset(staging)
    try:
        findings = examined(settings_for(view, staging))
        client.query_and_wait(f"create table {staging}.sqp_weekly_20261101_1 as select 'a' as query")
        after_a_sync = examined(settings_for(view, staging))
    finally:
        client.delete_dataset(staging, delete_contents=True)
    assert findings["source table"].found == f"sqp-demo.{view} is a view"
    assert findings["Storage read"].verdict == "warning"
    assert "the Storage Read API cannot read a view" in findings["Storage read"].found
    assert findings["write right"].verdict == "good"
    assert (
        after_a_sync["Storage read"].found
        == f"1 rows of sqp-demo.{staging}.sqp_weekly_20261101_1 read, one column of each"
    )


def test_before_the_first_migration_it_says_what_to_do(
    empty_database: str, settings: Settings, target: Callable[[str], None]
) -> None:
    target(empty_database)
    findings = examined(settings)
    assert failures(findings) == {}
    assert findings["schema revision"].found == "schema sqp is not there yet"
    assert findings["schema revision"].advice.startswith("Trigger the Dag sqp_migrate")
    assert findings["summary tables"].found == "schema sqp has none yet; a migration makes them"
    assert findings["rights of a sync"].found == "not checked, because of 'schema revision'"
    assert findings["triggers"].found == "not checked, because of 'summary tables'"
    assert findings["right to migrate"].verdict == "good"
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select to_regnamespace('sqp')").fetchone() == (None,)


def test_what_an_adoption_meets_is_named_before_it(
    empty_database: str, settings: Settings, target: Callable[[str], None]
) -> None:
    target(empty_database)
    with psycopg.connect(empty_database, autocommit=True, options="-c search_path=sqp") as connection:
        connection.execute(SEED.read_text())  # type: ignore[arg-type]
        connection.execute("create view public.report as select * from sqp.weekly_summary")
        findings = examined(settings)
        assert failures(findings) == {}
        assert "adopted as plain tables" in findings["summary tables"].found
        assert "view public.report" in findings["dependent objects"].found
        assert findings["adoption"].verdict == "good"
        connection.execute("alter table weekly_summary drop column asin cascade")
        refused = examined(settings)["adoption"]
    assert refused.verdict == "failed"
    assert "sqp.weekly_summary has no column asin" in refused.found
    assert "alter table weekly_summary add column asin" in refused.advice


def test_an_older_schema_and_another_owner_fail(
    database: str, settings: Settings, target: Callable[[str], None]
) -> None:
    target(database)
    take_over(database, "sqp", Owner("https://other.example.com"))
    owner = examined(settings)["owner of the schema"]
    assert owner.verdict == "failed"
    assert "belongs to Airflow https://other.example.com" in owner.found
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("update sqp.schema_state set files = 'older'")
    findings = examined(settings)
    assert findings["schema revision"].verdict == "failed"
    assert findings["owner of the schema"].found == "not checked, because 'schema revision' failed"


def test_a_login_without_rights_learns_which(
    database: str, login: Login, settings: Settings, target: Callable[[str], None]
) -> None:
    stranger = login()
    target(stranger)
    findings = examined(settings)
    assert findings["right to migrate"].verdict == "warning"
    assert "create schemas" in findings["right to migrate"].found
    member = login("sqp_writer")
    target(member)
    findings = examined(settings)
    assert findings["rights of a sync"].found == f"{name_of(member)} may do all that a sync does"
    assert failures(findings) == {}
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("revoke references on sqp.sync_log from sqp_writer")
        connection.execute("revoke insert, update on sqp.sent_alert from sqp_writer")
    lacks = examined(settings)["rights of a sync"]
    assert lacks.verdict == "failed"
    assert lacks.found == f"{name_of(member)} lacks insert, update on sent_alert; references on sync_log"
    assert f"Grant sqp_writer to {name_of(member)}" in lacks.advice


def test_who_else_writes_or_follows_the_rows_is_named(
    database: str, login: Login, settings: Settings, target: Callable[[str], None]
) -> None:
    target(database)
    other = name_of(login())
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create schema theirs")
        connection.execute(
            "create function theirs.audit() returns trigger language plpgsql as 'begin return null; end'"
        )
        connection.execute(
            "create trigger audit after insert on sqp.weekly_summary for each row execute function theirs.audit()"
        )
        connection.execute(f"grant usage on schema sqp to {other}")  # type: ignore[arg-type]
        connection.execute(f"grant update on sqp.monthly_summary to {other}")  # type: ignore[arg-type]
        connection.execute("create publication replica for table sqp.weekly_summary")
        connection.execute("create policy mine on sqp.weekly_summary using (true)")
        connection.execute("create table theirs.note (id int references sqp.sync_log)")
        findings = examined(settings)
    assert findings["other writers"].found == f"{other} may write to the summary tables too"
    assert findings["triggers"].found == "trigger audit on weekly_summary"
    assert "publication replica sends partitions under their own names" in findings["replication"].found
    assert "alter publication replica set (publish_via_partition_root = true)" in findings["replication"].advice
    assert "mine on weekly_summary" in findings["row security"].found
    assert "written row by row" in findings["way of a publish"].found
    assert failures(findings) == {}


def test_row_security_that_hides_rows_fails(
    database: str, login: Login, settings: Settings, target: Callable[[str], None]
) -> None:
    target(login("sqp_writer"))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("alter table sqp.weekly_summary enable row level security, force row level security")
    hidden = examined(settings)["row security"]
    assert hidden.verdict == "failed"
    assert "row security applies to role sqp_writer on sqp.weekly_summary" in hidden.found
    assert "no force row level security" in hidden.advice


def test_a_pooler_is_found_and_the_direct_connection_beside_it(
    database: str, settings: Settings, target: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = settings.model_copy(
        update={"target": settings.target.model_copy(update={"migrate_conn_id": "sqp_direct"})}
    )
    monkeypatch.setenv("AIRFLOW_CONN_SQP_DIRECT", connection_to(database))
    with pooled(database) as through:
        target(through)
        alone, both = examined(settings)["pooler"], examined(beside)
    assert alone.verdict == "warning"
    assert "target.migrate_conn_id" in alone.advice
    assert both["pooler"].found == "syncs go through a transaction pooler, and sqp_migrate past it by sqp_direct"
    assert failures(both) == {}


def test_the_alert_channel_is_named_without_its_address_and_gets_no_message(
    settings: Settings, webhook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    notified = settings.model_copy(update={"alerts": settings.alerts.model_copy(update={"conn_id": "sqp_alerts"})})
    found = examined(notified)["alert channel"]
    assert (found.verdict, found.found) == ("good", "sqp_alerts: service 1 of 1 (JSON); no message was sent")
    assert webhook.messages == []
    wrong = {"conn_type": "apprise", "extra": {"config": {"path": "nonsense://secret", "tag": "alerts"}}}
    monkeypatch.setenv("AIRFLOW_CONN_SQP_ALERTS", json.dumps(wrong))
    refused = examined(notified)["alert channel"]
    assert refused.verdict == "failed"
    assert "secret" not in refused.found + refused.advice


def test_the_command_prints_the_table_and_exits_with_0_or_1(
    landing: Landing,
    database: str,
    tmp_path: Path,
    target: Callable[[str], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    target(database)
    config = tmp_path / "sqp_config.yaml"
    content = {"source": {"table": landing.table, "staging_dataset": landing.table.partition(".")[0]}}
    config.write_text(yaml.safe_dump(content))
    assert main(["doctor", "--config", str(config), "--price-per-tib", "6.25"]) == 0
    told = capfd.readouterr()
    assert told.err == ""
    assert told.out.startswith("Airflow\n  ok    connection sqp_bigquery")
    assert "costs less than 0.01" in told.out
    assert told.out.rstrip().endswith("Nothing was changed.")
    content["source"]["table"] = "nowhere.report"
    config.write_text(yaml.safe_dump(content))
    assert main(["doctor", "--config", str(config), "--json"]) == 1
    told = capfd.readouterr()
    assert told.err == ""
    verdicts = {found["name"]: found["verdict"] for found in json.loads(told.out)}
    assert (verdicts["source table"], verdicts["columns"]) == ("failed", "skipped")


def test_another_schema_is_examined_where_it_is(
    empty_database: str, settings: Settings, target: Callable[[str], None]
) -> None:
    target(empty_database)
    migrate(empty_database, "client_b")
    other = settings.model_copy(update={"target": settings.target.model_copy(update={"schema_name": "client_b"})})
    findings = examined(other)
    assert failures(findings) == {}
    assert findings["schema revision"].found.startswith("schema client_b is at version")


def test_a_connection_of_airflows_own_database_is_found_on_the_command_line(
    landing: Landing, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(database)
    kept = f"kept_{name_in(landing.table)}"
    with create_session() as session:
        session.add(
            Connection(
                conn_id=kept,
                conn_type="postgres",
                host=str(parts["host"]),
                port=int(str(parts["port"])),
                login=str(parts["user"]),
                password=str(parts.get("password")),
                schema=str(parts["dbname"]),
            )
        )
    config = tmp_path / "sqp_config.yaml"
    source = {"table": landing.table, "staging_dataset": landing.table.partition(".")[0]}
    config.write_text(yaml.safe_dump({"source": source, "target": {"conn_id": kept}}))
    command = [sys.executable, "-m", "sqp_provider", "doctor", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert kept in done.stdout
    assert "ok    Postgres reached" in done.stdout


def name_in(table: str) -> str:
    """The table's own name."""
    return table.rpartition(".")[2]
