"""Bad input and bad days: the right status, what to do, and never a stack trace."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from sqp_provider.sql_files import files_hash
from sqp_provider.status.app import HEADERS
from tests.fixtures import connection_to
from tests.integration.status.conftest import PAGE
from tests.integration.status.log_rows import add_sync

UNPROCESSABLE = [
    ("/history?type=daily", "type: Input should be 'weekly', 'monthly' or 'quarterly', found 'daily'"),
    ("/history?status=green", "status: Input should be 'started', 'completed' or 'failed', found 'green'"),
    ("/history?period_from=2026-02-30", "period_from: Input should be a valid date"),
    ("/history?period_from=2026-11-08&period_to=2026-11-01", "period_from 2026-11-08 is after period_to 2026-11-01"),
    ("/history?before=0", "before: Input should be greater than or equal to 1, found '0'"),
    ("/history?before=9223372036854775808", "before: Input should be less than or equal to 9223372036854775807"),
    ("/history?colour=red", "colour is not a parameter of this page"),
    ("/history?text=%00", "text: has a NUL character"),
    (f"/history?text={'x' * 201}", "text: String should have at most 200 characters"),
    ("/periods?periods=521", "periods: Input should be less than or equal to 520, found '521'"),
    ("/sync/one", "sync_log_id: Input should be a valid integer"),
    ("/sync/-1", "sync_log_id: Input should be greater than or equal to 1"),
    ("/sync/9223372036854775808", "sync_log_id: Input should be less than or equal to 9223372036854775807"),
    ("/freshness?since=1", "since is not a parameter of this page"),
]


@pytest.mark.parametrize(("path", "says"), UNPROCESSABLE)
def test_what_cannot_be_asked_is_named(viewer: TestClient, path: str, says: str) -> None:
    answer = viewer.get(f"{PAGE}/api{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert says in answer.json()["detail"]
    assert answer.json()["remedy"]
    expect_headers(answer)


def test_a_page_names_a_mistake_in_its_address(viewer: TestClient) -> None:
    answer = viewer.get(f"{PAGE}/history?period_from=yesterday")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert "period_from" in answer.text
    assert "reset the filters" in answer.text


@pytest.mark.parametrize("path", ["/sync/4711", "/sync/4711/rejects", "/run/other_dag/manual__1", "/nothing"])
def test_what_is_not_there_is_a_page_with_404(viewer: TestClient, path: str) -> None:
    answer = viewer.get(PAGE + path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "/sqp-sync/history" in answer.text
    expect_headers(answer)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/sync/4711", "sync_log has no row 4711. Old rows may have been deleted."),
        ("/run/other_dag/manual__1", "sync_log has no row for run manual__1 of other_dag."),
        ("/nothing", "There is no such page."),
    ],
)
def test_what_is_not_there_is_problem_json_below_api(viewer: TestClient, path: str, says: str) -> None:
    answer = viewer.get(f"{PAGE}/api{path}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": says,
        "remedy": "Search for it in the history.",
    }
    assert answer.status_code == 404
    expect_headers(answer)


@pytest.mark.parametrize("path", ["/run/sqp_weekly_sync/a%00b", "/api/run/sqp_weekly_sync/a%00b", "/api/run/a%00/b"])
def test_a_run_id_that_postgres_cannot_hold_is_refused(viewer: TestClient, path: str) -> None:
    assert viewer.get(PAGE + path).status_code == 422


def test_a_database_that_is_down(viewer: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    down = {"conn_type": "postgres", "host": "127.0.0.1", "port": port, "login": "sqp", "password": "secret-word"}
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", json.dumps(down))
    expect_unavailable(viewer, "Postgres does not answer", "when Postgres is back")


def test_a_database_that_never_answers_is_given_up(viewer: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqp_provider.hooks.postgres.CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = {"conn_type": "postgres", "host": "127.0.0.1", "port": silent.getsockname()[1]}
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", json.dumps(connection))
        expect_unavailable(viewer, "Postgres does not answer", "when Postgres is back")


def test_no_connection(viewer: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SQP_POSTGRES")
    expect_unavailable(viewer, "sqp_postgres", "Create the connection in Airflow under Admin")


def test_a_schema_that_was_never_made(viewer: TestClient, empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(empty_database))
    expect_unavailable(viewer, "missing or out of date", "sqp_migrate")


@pytest.mark.parametrize(("revision", "says"), [("0001", "Run the Dag sqp_migrate"), ("9999", "Update the provider")])
def test_a_schema_of_another_revision(
    viewer: TestClient, connection: psycopg.Connection[Any], revision: str, says: str
) -> None:
    connection.execute("update alembic_version set version_num = %s", [revision])
    expect_unavailable(
        viewer, f"schema sqp is at version {revision} {files_hash()}, but this code (airflow-provider-sqp", says
    )


def test_no_configuration(viewer: TestClient, configured: Path) -> None:
    configured.unlink()
    expect_unavailable(viewer, str(configured), "Set SQP_CONFIG")


def test_a_mistake_in_the_configuration(viewer: TestClient, configured: Path) -> None:
    configured.write_text("source: {tabel: x.y}")
    expect_unavailable(viewer, "source.tabel: is not a setting", "Correct the configuration")


def test_a_statement_that_takes_too_long_is_given_up(
    viewer: TestClient, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqp_provider.status.queries.STATEMENT_MILLISECONDS", 300)
    with connection.transaction():
        connection.execute("lock table sync_log in access exclusive mode")
        expect_unavailable(viewer, "Postgres took too long", "try again later")


def test_a_fault_of_the_page_itself_shows_no_trace(viewer: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("secret-word")

    monkeypatch.setattr("sqp_provider.status.access.page_feeds", broken)
    answer = viewer.get(f"{PAGE}/")
    assert answer.status_code == 500
    assert "This page has an error." in answer.text
    expect_headers(answer)
    assert "secret-word" not in answer.text


def expect_headers(answer: Response) -> None:
    """An error has the content security policy and the other headers as well."""
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def expect_unavailable(viewer: TestClient, says: str, remedy: str) -> None:
    """Page and JSON answer 503, say why and what to do, and betray no password and no trace."""
    page, problem = viewer.get(f"{PAGE}/"), viewer.get(f"{PAGE}/api/latest")
    assert (page.status_code, problem.status_code) == (503, 503)
    assert says in problem.json()["detail"]
    assert remedy in problem.json()["detail"] + problem.json()["remedy"]
    assert "503 Service Unavailable" in page.text
    for answer in (page, problem):
        expect_headers(answer)
        assert "Traceback" not in answer.text
        assert "secret-word" not in answer.text


SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def test_texts_from_the_log_are_escaped(viewer: TestClient, connection: psycopg.Connection[Any]) -> None:
    details = {"stage": SCRIPT, "type": SCRIPT, "log_url": "javascript:alert(3)"}
    sync = add_sync(
        connection, sync_status="failed", run_id=SCRIPT, dag_id=SCRIPT, error_message=SCRIPT, error_details=details
    )
    connection.execute(
        "insert into sync_rejects (sync_log_id, attempt, reason, raw) values (%s, 1, %s, %s)",
        [sync, SCRIPT, json.dumps({"search_query": SCRIPT, "asin": SCRIPT, SCRIPT: SCRIPT})],
    )
    connection.execute(
        "insert into data_quality_checks (sync_log_id, attempt, check_type, check_status, check_message, check_query)"
        " values (%s, 1, %s, 'failed', %s, %s)",
        [sync, SCRIPT, SCRIPT, SCRIPT],
    )
    for path in ("/", "/history", f"/sync/{sync}", "/history?text=%22%3E%3Cscript%3E"):
        page = viewer.get(PAGE + path).text
        assert "&lt;script&gt;" in page
        assert "<script>" not in page
        assert "<img" not in page
        assert "javascript:" not in page
    assert "<script>" not in viewer.get(f"{PAGE}/history?type=%3Cscript%3E").text
