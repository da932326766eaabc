"""Nobody reads anything without a login; a viewer may read all; nobody may change anything."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient

from sqp_provider.hooks.postgres import Database
from sqp_provider.status.app import HEADERS, StatusPage
from sqp_provider.status.config import page_settings
from sqp_provider.status.queries import reading
from tests.integration.status.conftest import PAGE, add_sync

ADDRESSES = {
    "/": "/",
    "/history": "/history",
    "/sync/{sync_log_id}": "/sync/1",
    "/sync/{sync_log_id}/rejects": "/sync/1/rejects",
    "/run/{dag_id}/{run_id:path}": "/run/sqp_weekly_sync/manual__1",
    "/api/headlines": "/api/headlines",
    "/api/freshness": "/api/freshness",
    "/api/latest": "/api/latest",
    "/api/periods": "/api/periods",
    "/api/failures": "/api/failures",
    "/api/history": "/api/history",
    "/api/sync/{sync_log_id}": "/api/sync/1",
    "/api/run/{dag_id}/{run_id:path}": "/api/run/sqp_weekly_sync/manual__1",
    "/static/{name}": "/static/status.css",
}
"""Every route with an address of it."""

READABLE = [*ADDRESSES.values(), "/static/status.js", "/static/icon.svg"]


def test_the_list_of_addresses_is_complete() -> None:
    assert {route.path for route in StatusPage().app.routes} == {*ADDRESSES, "/{path:path}"}


@pytest.mark.parametrize("path", [*READABLE, "/nothing/here", "/api/nothing", "/openapi.json", "/docs"])
def test_without_a_login_every_address_is_refused(anonymous: TestClient, path: str) -> None:
    answer = anonymous.get(PAGE + path)
    assert answer.status_code == 401
    assert "Log in to Airflow" in answer.text
    assert "sync_log" not in answer.text


def test_a_wrong_token_is_refused(anonymous: TestClient) -> None:
    answer = anonymous.get(f"{PAGE}/", headers={"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."})
    assert answer.status_code in (401, 403)


@pytest.mark.parametrize("path", READABLE)
def test_a_viewer_reads_every_address(viewer: TestClient, connection: psycopg.Connection[object], path: str) -> None:
    sync = add_sync(connection, run_id="manual__1")
    answer = viewer.get(PAGE + path.replace("/1", f"/{sync}") if "manual" not in path else PAGE + path)
    assert answer.status_code == 200, answer.text
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/history", "/sync/1", "/api/history", "/api/sync/1"])
def test_nothing_but_reading_is_possible(viewer: TestClient, method: str, path: str) -> None:
    assert viewer.request(method, PAGE + path).status_code == 405


def test_the_transaction_itself_cannot_write(configured: Path) -> None:
    with reading(page_settings().target) as reader, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        _write(reader.database)


def _write(database: Database) -> None:
    database.connection.execute("delete from sync_log")
