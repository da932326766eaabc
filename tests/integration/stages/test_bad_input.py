"""What breaks ends in `failed` with an error that says what, where, found, untouched, what to do."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from google.cloud import bigquery
from psycopg.conninfo import conninfo_to_dict

from sqp_provider.core.errors import (
    ChecksFailed,
    InvalidPeriod,
    SnapshotExpired,
    SourceUnreachable,
    SourceUnusable,
    SyncError,
    TargetBusy,
    TargetUnreachable,
    TargetUnusable,
)
from sqp_provider.hooks.postgres import SqpPostgresHook
from tests.fixtures import connection_to, settings_for
from tests.google_server import JOBS, Answer, GoogleServer, failed_job, refusal
from tests.landing import COLUMNS, WEEK, Landing, report_row
from tests.stages import Run, Stages

CLOSED_PORT = 1  # nothing listens there
AGAIN = "Airflow tries the task again."


def assert_failed(stages: Stages, run: Run, stage: str, error: type[SyncError], *said: str) -> None:
    """The task, sync_log and the run's colour agree; the week that was published before is still there."""
    message = str(run.errors[stage])
    assert type(run.errors[stage].__cause__) is error
    assert isinstance(run.errors[stage], AirflowException if error.heals else AirflowFailException)
    for part in said:
        assert part in message
    assert run.colour == "failed"
    log = stages.log(run)
    assert (log["sync_status"], log["error_message"]) == ("failed", message)
    assert log["completed_at"] is not None
    details = log["error_details"]
    assert (details["stage"], details["type"]) == (stage, error.__name__)
    assert [row["query"] for row in stages.target()] == ["published before"]


@pytest.fixture(autouse=True)
def published_before(landing: Landing, stages: Stages) -> None:
    """Every test starts with a published week."""
    landing.land(report_row("published before"))
    assert stages.sync(WEEK).colour == "success"
    landing.land(report_row("new since"))


def with_source(stages: Stages, dataset: str, **source: Any) -> Stages:
    table = source.pop("table", stages.settings.source.table)
    return Stages(settings_for(table, dataset, source=source), stages.dsn)


def test_missing_source_table(stages: Stages, dataset: str) -> None:
    broken = with_source(stages, dataset, table=f"{dataset}.nowhere")
    run = broken.sync(WEEK, run=Run("r", {"period_start": "2026-11-08"}))
    said = f"BigQuery table {dataset}.nowhere was refused: ", "The target is unchanged.", "Check source.table"
    assert_failed(stages, run, "extract", SourceUnusable, *said)


def test_missing_staging_dataset(stages: Stages, dataset: str) -> None:
    broken = with_source(stages, dataset, staging_dataset="nowhere")
    run = broken.sync(WEEK, run=Run("r", {"period_start": "2026-11-08"}))
    assert_failed(
        stages, run, "extract", SourceUnusable, "nowhere", "The target is unchanged.", "source.staging_dataset"
    )


def test_missing_column(stages: Stages, dataset: str) -> None:
    broken = with_source(stages, dataset, columns={"clicks": "clicks_of_asin"})
    run = broken.sync(WEEK, run=Run("r", {"period_start": "2026-11-08"}))
    said = (
        "column `clicks_of_asin` (for clicks) is missing; the table has asin, asin_cart_add_count",
        "Correct the mapping",
    )
    assert_failed(stages, run, "extract", SourceUnusable, *said)


def test_wrong_type(landing: Landing, stages: Stages) -> None:
    landing.create(COLUMNS | {"asin_click_count": "BOOL", "start_date": "STRING"})
    run = stages.sync(WEEK)
    said = (
        "`asin_click_count` (for clicks) is BOOLEAN, expected INTEGER or FLOAT",
        "`start_date` (for period_start) is STRING; say how it is written: `{column: start_date, format: '%Y-%m-%d'}`",
    )
    assert_failed(stages, run, "extract", SourceUnusable, *said)


def test_no_rights_in_bigquery(stages: Stages, google: GoogleServer) -> None:
    google.answers(JOBS, refusal(403, "accessDenied", "Access Denied: User does not have bigquery.jobs.create"))
    run = stages.sync(WEEK)
    said = "was refused: ", "Access Denied: User does not", "Give the connection's account BigQuery Data Viewer"
    assert_failed(stages, run, "extract", SourceUnusable, *said)


def test_a_missing_connection_is_named(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SQP_BIGQUERY")
    run = stages.sync(WEEK)
    assert isinstance(run.errors["extract"], AirflowFailException)
    assert "sqp_bigquery" in str(run.errors["extract"])
    assert "Create the connection in Airflow" in stages.log(run)["error_message"]


def test_a_wrong_password_is_not_tried_again(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    login = conninfo_to_dict(stages.dsn) | {"password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(psycopg.conninfo.make_conninfo("", **login)))
    run = stages.sync(WEEK)
    assert isinstance(run.errors["log_start"].__cause__, TargetUnusable)
    assert "Check login, password and database" in str(run.errors["log_start"])


def test_a_snapshot_that_repeats_a_key_fails_as_a_check(stages: Stages, bigquery_client: bigquery.Client) -> None:
    run = Run("r", {"period_start": "2026-11-08"})
    for task in ("log_start", "extract"):
        assert stages.run_task(run, task)
    table = run["extract"]["table"]
    bigquery_client.query_and_wait(f"insert into `{table}` select * from `{table}`")
    stages.run_task(run, "load")
    stages.run_task(run, "log_finish")
    assert_failed(stages, run, "load", ChecksFailed, "the snapshot repeats a key", "is unchanged", "Clear 'extract'")


def test_a_rate_limit_is_tried_again(stages: Stages, google: GoogleServer) -> None:
    google.answers(JOBS, refusal(403, "rateLimitExceeded", "Exceeded rate limits"))
    assert_failed(stages, stages.sync(WEEK), "extract", SourceUnreachable, "Exceeded rate limits", AGAIN)


def test_a_query_that_costs_too_much_is_refused_by_bigquery(stages: Stages, google: GoogleServer) -> None:
    google.answers(JOBS, failed_job("bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 107374182400."))
    said = "exceeded limit for bytes billed", "maximum_bytes_billed"
    assert_failed(stages, stages.sync(WEEK), "extract", SourceUnusable, *said)


def test_a_job_that_somebody_cancels_fails_the_run_and_says_so(stages: Stages, google: GoogleServer) -> None:
    google.answers(JOBS, failed_job("stopped", "Job execution was cancelled: User requested cancellation"))
    said = "was cancelled: Job execution was cancelled", "Somebody cancelled the job", "Clear the task"
    assert_failed(stages, stages.sync(WEEK), "extract", SourceUnusable, *said)


def test_a_table_that_is_dropped_and_created_again_before_the_extract_is_synced(
    landing: Landing, stages: Stages, google: GoogleServer
) -> None:
    landing.client.query_and_wait(f"drop table {landing.table}")
    missing = refusal(404, "notFound", f"Not found: Table sqp-demo:{landing.table}")

    def create_again(_: dict[str, Any]) -> Answer:
        landing.replace(report_row("created again"))
        return missing

    table = f"GET /bigquery/v2/projects/sqp-demo/datasets/{landing.table.replace('.', '/tables/')}"
    google.answers(table, missing, times=3)
    google.answers(table, create_again, times=1)
    run = stages.sync(WEEK, max_delete_fraction=1)
    assert (run.colour, len(google.asked(table))) == ("success", 5)
    assert [row["query"] for row in stages.target()] == ["created again"]


def test_a_table_that_is_dropped_before_its_job_reads_it_is_read_by_another_job(
    stages: Stages, google: GoogleServer
) -> None:
    google.answers(JOBS, failed_job("notFound", "Not found: Table sqp-demo:amazon.sqp"), times=1)
    google.answers(JOBS, refusal(404, "notFound", "Not found: Table sqp-demo:amazon.sqp"), times=1)
    run = stages.sync(WEEK)
    assert run.colour == "success"
    first, second, third = (seen.body["jobReference"]["jobId"] for seen in google.asked(JOBS))
    assert [second, third] == [f"{first}_2", f"{first}_3"]
    assert run["extract"]["job_id"] == third


def test_unreachable_bigquery(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"project": "sqp-demo", "is_anonymous": True, "api_endpoint": f"http://127.0.0.1:{CLOSED_PORT}"}
    connection = json.dumps({"conn_type": "gcpbigquery", "extra": extra})
    monkeypatch.setenv("AIRFLOW_CONN_SQP_BIGQUERY", connection)
    assert_failed(stages, stages.sync(WEEK), "extract", SourceUnreachable, "did not succeed", AGAIN)


def test_unreachable_postgres_before_the_start(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(f"{stages.dsn} port={CLOSED_PORT}"))
    run = stages.sync(WEEK)
    assert isinstance(run.errors["log_start"].__cause__, TargetUnreachable)
    assert "Postgres connection sqp_postgres did not succeed: connection failed" in str(run.errors["log_start"])
    assert "Connection refused. The target is unchanged." in str(run.errors["log_start"])
    assert run.colour == "failed"
    assert [row["query"] for row in stages.target()] == ["published before"]


def test_postgres_lost_while_loading(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(self: Any, **_: Any) -> None:  # the server ends the connection in the middle of the load
        with psycopg.connect(stages.dsn, autocommit=True) as other:
            other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where pid <> pg_backend_pid() and datname = current_database()"
            )
        self._run("analyze_staged")

    monkeypatch.setattr("sqp_provider.target.staging.Staging.add_key", lose)
    assert_failed(stages, stages.sync(WEEK), "load", TargetUnreachable, "terminating connection", AGAIN)
    assert stages.query("select tablename from pg_tables where schemaname = 'sqp_staging'") == []


def test_no_rights_in_postgres(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(stages.dsn, autocommit=True) as connection:
        connection.execute("drop role if exists sqp_test_reader")
        connection.execute("create role sqp_test_reader login password 'reader'")
        connection.execute("grant usage on schema sqp to sqp_test_reader")
        connection.execute("grant select, insert, update on sqp.sync_log to sqp_test_reader")
        connection.execute("grant select, delete on sqp.sync_rejects to sqp_test_reader")
        connection.execute("grant usage on all sequences in schema sqp to sqp_test_reader")
        read = "sqp.synced_period, sqp.period_type, sqp.schema_state, sqp.alembic_version, sqp.counted_run"
        connection.execute(f"grant select on {read} to sqp_test_reader")
        connection.execute("grant execute on all functions in schema sqp to sqp_test_reader")
    login = conninfo_to_dict(stages.dsn) | {"user": "sqp_test_reader", "password": "reader"}
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(psycopg.conninfo.make_conninfo("", **login)))
    try:
        run = stages.sync(WEEK)
        said = "permission denied for schema sqp_staging", "The target is unchanged", "Grant"
        assert isinstance(run.errors["load"].__cause__, TargetUnusable)
        for part in said:
            assert part in str(run.errors["load"])
        assert [row["query"] for row in stages.target()] == ["published before"]
    finally:
        with psycopg.connect(stages.dsn, autocommit=True) as connection:
            connection.execute("drop owned by sqp_test_reader")
            connection.execute("drop role sqp_test_reader")


def test_a_schema_that_was_never_migrated(empty_database: str, stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(empty_database))
    run = stages.sync(WEEK)
    assert isinstance(run.errors["log_start"].__cause__, TargetUnusable)
    assert "Run the Dag sqp_migrate (or 'sqp migrate')." in str(run.errors["log_start"])


def test_expired_snapshot(stages: Stages, bigquery_client: bigquery.Client) -> None:
    run = Run("r", {"period_start": "2026-11-08"})
    for task in ("log_start", "extract"):
        assert stages.run_task(run, task)
    bigquery_client.delete_table(run["extract"]["table"])
    stages.run_task(run, "load")
    stages.run_task(run, "log_finish")
    assert_failed(stages, run, "load", SnapshotExpired, "is gone", "The target is unchanged.", "Clear 'extract'")


def test_a_monday_is_refused_logged_and_counted(stages: Stages, counted: list[tuple[str, str]]) -> None:
    run = stages.sync("2026-11-09")
    said = (
        "2026-11-09 (Monday) is not the first day of a weekly period: the one it belongs to is "
        "2026-11-08..2026-11-14 and starts on 2026-11-08 (Sunday). The target is unchanged. "
        "Run again with period_start 2026-11-08."
    )
    assert_failed(stages, run, "log_start", InvalidPeriod, said)
    assert [each for each in counted if each[0].startswith("sqp.syncs.")] == [("sqp.syncs.failed", "weekly")]


def test_what_is_no_date_is_refused_and_logged(stages: Stages) -> None:
    run = stages.sync("last week")
    assert_failed(
        stages, run, "log_start", InvalidPeriod, "period_start 'last week' is not a date", "such as 2026-11-08"
    )


@pytest.mark.parametrize(
    ("damage", "check", "column"),
    [
        ("delete from {} where query = 'new since'", "row_count", None),
        ("update {} set total_clicks = total_clicks - 14 where query = 'new since'", "sum_validation", "total_clicks"),
        ("update {} set query = query || '!'", "row_hash", None),
        (
            "update {} set total_clicks = total_clicks + case query when 'new since' then 1 else -1 end",
            "row_hash",
            None,
        ),
        ("update {} set total_purchases = null", "null_check", "total_purchases"),
        (
            "alter table {0} drop constraint weekly_summary_20261108_2_pkey; insert into {0} select * from {0}",
            "duplicate_check",
            None,
        ),
    ],
)
def test_every_check_can_fail(stages: Stages, damage: str, check: str, column: str | None) -> None:
    run = Run("r", {"period_start": "2026-11-08"})
    for task in ("log_start", "extract", "load"):
        assert stages.run_task(run, task)
    stages.query(damage.format("sqp_staging.weekly_summary_20261108_2"))

    assert not stages.run_task(run, "validate")
    stages.states = run.states
    stages.run_task(run, "log_finish")

    said = "checks failed on sqp_staging.weekly_summary_20261108_2", "The target is unchanged.", "Clear 'load'"
    assert_failed(stages, run, "validate", ChecksFailed, *said)
    failed = stages.query("select * from data_quality_checks where check_status = 'failed' and check_type = %s", check)
    assert column in {row["column_name"] for row in failed}
    for row in failed:  # what was staged is kept, so that the statement can be run again
        assert row["table_name"] == "sqp_staging.weekly_summary_20261108_2"
        (again,) = stages.query(row["check_query"])
        assert next(iter(again.values())) == row["target_value"]
        assert row["difference"] == row["target_value"] - row["source_value"]


def test_passed_checks_can_be_run_again_on_the_target(stages: Stages) -> None:
    stages.sync(WEEK)
    rows = stages.query("select * from data_quality_checks where sync_log_id = 2")
    assert {row["check_type"] for row in rows} == {
        "row_count",
        "row_hash",
        "sum_validation",
        "null_check",
        "duplicate_check",
        "range_check",
        "reject_rate",
        "superseded_copies",
        "volume_anomaly",
        "asin_coverage",
    }
    for row in rows:
        again = stages.query(row["check_query"])
        if row["check_type"] in ("row_count", "row_hash", "sum_validation", "null_check", "duplicate_check"):
            assert next(iter(again[0].values())) == row["target_value"] == row["source_value"] + row["difference"]


def test_a_stage_that_was_killed_is_reported_as_such(stages: Stages) -> None:
    run = Run("r", {"period_start": "2026-11-08"})
    stages.run_task(run, "log_start")
    stages.run_task(run, "extract")
    run.states |= {"load": "failed", "validate": "upstream_failed", "publish": "upstream_failed"}
    stages.run_task(run, "log_finish")
    log = stages.log(run)
    assert log["sync_status"] == "failed"
    assert log["error_message"].startswith("'load' finished as failed and reported no error: it was killed")
    assert "Clear 'load'." in log["error_message"]
    assert run.colour == "failed"


def test_a_lock_that_is_not_to_be_had_is_tried_again(stages: Stages, dataset: str) -> None:
    hurried = Stages(
        settings_for(stages.settings.source.table, dataset, target={"lock_timeout_seconds": 0.1}), stages.dsn
    )
    run = Run("r", {"period_start": "2026-11-08"})
    with psycopg.connect(stages.dsn) as other:
        for task in ("log_start", "extract", "load", "validate"):
            assert hurried.run_task(run, task)
        other_pid = other.info.backend_pid
        other.execute("lock table sqp.weekly_summary in access exclusive mode")
        hurried.run_task(run, "publish")
    hurried.run_task(run, "log_finish")
    said = f"pid {other_pid} (", "which holds weekly_summary", "The target is unchanged", "then clear 'publish'"
    assert_failed(stages, run, "publish", TargetBusy, *said)


def test_a_mistake_in_a_statement_is_not_tried_again(stages: Stages) -> None:
    hook = SqpPostgresHook(stages.settings.target)
    with pytest.raises(TargetUnusable, match="was refused: division by zero"), hook.transaction() as database:
        database.connection.execute("select 1 / 0")
