"""The doctor before a BigQuery that refuses: each missing right is named, as Google's dry run sends it.

That Google's dry run of ``create table`` answers ``bigquery.tables.create denied`` is seen in
https://github.com/mozilla/bigquery-etl/pull/1805.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import grpc
import pytest

from sqp_provider.core.settings import Settings
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.source.survey import Survey
from tests.fixtures import connection_to, settings_for
from tests.google_server import JOBS, GoogleServer, refusal
from tests.google_storage import Cut
from tests.integration.test_doctor import examined, failures
from tests.landing import COLUMNS, Landing, report_row


@pytest.fixture
def google(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleServer]:
    """A server that passes on to the emulator what no test refuses."""
    with GoogleServer() as server:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_BIGQUERY", server.connection())
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(database))
        yield server


def dry_run_of(what: str, answer: Any) -> Callable[[dict[str, Any]], Any]:
    """Answer a dry run whose statement has a text; the test refuses no other request."""

    def answered(sent: dict[str, Any]) -> Any:
        assert sent["configuration"]["dryRun"] is True
        statement = sent["configuration"]["query"]["query"]
        return answer if what in statement else dry_run(0, sent)

    return answered


def dry_run(read: int, sent: dict[str, Any]) -> Any:
    """A dry run's answer: the job without a job id, and the bytes."""
    statistics = {
        "totalBytesProcessed": str(read),
        "query": {"totalBytesProcessed": str(read), "statementType": "SELECT"},
    }
    return 200, {"kind": "bigquery#job", "configuration": sent["configuration"], "status": {"state": "DONE"}} | {
        "jobReference": sent["jobReference"],
        "statistics": statistics,
    }


def test_without_the_right_to_run_jobs_the_role_is_named(google: GoogleServer, settings: Settings) -> None:
    denied = "Access Denied: Project sqp-demo: User does not have bigquery.jobs.create permission in project sqp-demo."
    google.answers(JOBS, refusal(403, "accessDenied", denied))
    findings = examined(settings)
    assert findings["BigQuery reached"].found == "project sqp-demo answers and refuses a query"
    assert set(failures(findings)) == {"job right"}
    assert "bigquery.jobs.create permission" in findings["job right"].found
    assert "roles/bigquery.jobUser" in findings["job right"].advice
    assert findings["source table"].verdict == "good"
    assert findings["bytes of a week"].found == "not checked, because 'job right' failed"


def test_without_the_right_to_create_tables_the_dataset_is_named(google: GoogleServer, settings: Settings) -> None:
    denied = "Access Denied: Dataset d: Permission bigquery.tables.create denied on dataset d (or it may not exist)."
    google.answers(JOBS, dry_run_of("create or replace table", refusal(403, "accessDenied", denied)))
    findings = examined(settings)
    assert set(failures(findings)) == {"write right"}
    assert "bigquery.tables.create denied" in findings["write right"].found
    assert f"BigQuery Data Editor on dataset {settings.source.staging_dataset}" in findings["write right"].advice


def test_a_table_that_may_not_be_seen_is_named(google: GoogleServer, settings: Settings) -> None:
    denied = "Access Denied: Table t: User does not have bigquery.tables.get permission for table t."
    google.answers("GET /bigquery/v2/projects/[^/]+/datasets/[^/]+/tables/.*", refusal(403, "accessDenied", denied))
    findings = examined(settings)
    assert set(failures(findings)) == {"source table"}
    assert "bigquery.tables.get" in findings["source table"].found
    assert "BigQuery Data Viewer" in findings["source table"].advice


def test_without_the_storage_api_it_is_a_warning_because_rest_is_used(google: GoogleServer, settings: Settings) -> None:
    google.storage.session_error = Cut(
        0, grpc.StatusCode.PERMISSION_DENIED, "Permission 'bigquery.readsessions.create' denied"
    )
    findings = examined(settings)
    assert failures(findings) == {}
    storage = findings["Storage read"]
    assert storage.verdict == "warning"
    assert "'bigquery.readsessions.create' denied" in storage.found
    assert "about ten times slower" in storage.found
    assert "BigQuery Read Session User" in storage.advice


def test_the_bytes_are_those_of_the_dry_runs(google: GoogleServer, landing: Landing, dataset: str) -> None:
    landing.land(report_row("q"))
    google.answers(JOBS, lambda sent: dry_run(3 * 2**30, sent))
    findings = examined(settings_for(landing.table, dataset), price_per_tib=6.25)
    assert failures(findings) == {}
    assert findings["bytes of a week"].found == "3.0 GiB, costs 0.02 for 2026-11-08..2026-11-14"
    assert findings["bytes of a year"].found.startswith("156.0 GiB, costs 0.95 for 52 extracts")
    assert findings["bytes of a daily check"].found.startswith("9.0 GiB, costs 0.05 a day")
    assert len(google.asked(JOBS)) <= 8


def test_a_week_of_more_bytes_than_are_allowed_fails(google: GoogleServer, landing: Landing, dataset: str) -> None:
    google.answers(JOBS, lambda sent: dry_run(2 * 2**40, sent))
    findings = examined(settings_for(landing.table, dataset))
    assert set(failures(findings)) == {"bytes of a week"}
    assert findings["bytes of a week"].found == (
        "2.0 TiB for 2026-11-08..2026-11-14, more than source.maximum_bytes_billed allows (100.0 GiB)"
    )


def test_a_bigquery_that_does_not_answer_is_said_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = '{"conn_type": "gcpbigquery", "extra": {"project": "p", "is_anonymous": true, "api_endpoint": "%s"}}'
    monkeypatch.setenv("AIRFLOW_CONN_SQP_BIGQUERY", connection % "http://127.0.0.1:1")
    findings = examined(settings)
    assert findings["BigQuery reached"].verdict == "failed"
    assert "did not succeed" in findings["BigQuery reached"].found
    of_bigquery = [found for found in findings.values() if found.section == "BigQuery"]
    assert {found.found for found in of_bigquery[1:]} == {"not checked, because 'BigQuery reached' failed"}


def test_a_survey_runs_no_statement_that_reads_more_than_it_may(
    google: GoogleServer, landing: Landing, dataset: str
) -> None:
    landing.create(COLUMNS | {"country": "STRING"})
    landing.land(report_row("q") | {"country": "US"})
    google.answers(JOBS, lambda sent: dry_run(3 * 2**30, sent))
    survey = Survey(SqpBigQueryHook(), landing.table, 2**30, date(2026, 11, 19))
    text = survey.report()
    assert survey.problems == []
    assert (
        "# Periods and feeds of the last 8 weeks were not read: it would read 3.0 GiB; --maximum-bytes is 1.0 GiB"
        in text
    )
    assert "marketplace: US  # the only value there is" in text
    asked = google.asked(JOBS)
    assert asked
    assert all(seen.body["configuration"].get("dryRun") for seen in asked)
    assert google.asked("POST /bigquery/v2/projects/[^/]+/queries") == []


def test_of_a_large_table_the_last_weeks_are_read(google: GoogleServer, landing: Landing, dataset: str) -> None:
    landing.land(report_row("q"), report_row("old", week=date(2025, 11, 9)))

    def large_unless_recent(sent: dict[str, Any]) -> Any:
        statement = sent["configuration"]["query"]["query"]
        return dry_run(2**20 if "between @first_day" in statement else 2**40, sent)

    google.answers(JOBS, large_unless_recent)
    survey = Survey(SqpBigQueryHook(), landing.table, 2**30, date(2026, 11, 19))
    text = survey.report()
    assert "# Periods and feeds of the whole table were not read: it would read 1.0 TiB" in text
    assert "# Periods, weekly: 1 periods that begin 2026-11-08 to 2026-11-08, the newest with 1 rows" in text
    assert "1 rows landed = 1 published" in text


def test_an_api_that_is_not_enabled_is_no_missing_role(google: GoogleServer, settings: Settings) -> None:
    said = "BigQuery API has not been used in project 1 before or it is disabled."
    google.answers(JOBS, refusal(403, "accessNotConfigured", said, "SERVICE_DISABLED"))
    right = examined(settings)["job right"]
    assert right.verdict == "failed"
    assert "has not been used" in right.found
    assert "Enable the BigQuery API" in right.advice
    assert "jobUser" not in right.advice


def test_a_storage_api_that_nobody_answers_for_is_a_warning(google: GoogleServer, settings: Settings) -> None:
    google.storage.session_error = Cut(0, grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses")
    storage = examined(settings)["Storage read"]
    assert storage.verdict == "warning"
    assert "bigquerystorage.googleapis.com, port 443" in storage.advice
