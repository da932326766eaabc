"""Nobody reads anything without a login; a viewer may read all; nobody may change anything."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient

from sqp_provider.hooks.postgres import Database
from sqp_provider.status.app import HEADERS, StatusPage
from sqp_provider.status.config import page_feeds
from sqp_provider.status.queries import reading
from tests.integration.status import stories
from tests.integration.status.conftest import PAGE, log_in
from tests.integration.status.log_rows import add_sync
from tests.integration.status.several import RestrictingAuthManager
from tests.integration.status.stories import add_change

WEEK = "/period/weekly/2026-11-08"

ADDRESSES = {
    "/": "/",
    "/history": "/history",
    "/sync/{sync_log_id}": "/sync/1",
    "/sync/{sync_log_id}/rejects": "/sync/1/rejects",
    "/period/{sync_type}/{period_start}": WEEK,
    "/period/{sync_type}/{period_start}/row": f"{WEEK}/row?query=q&asin=B00TEST001",
    "/period/{sync_type}/{period_start}/changes": f"{WEEK}/changes",
    "/search": "/search?query=q",
    "/run/{dag_id}/{run_id:path}": "/run/sqp_weekly_sync/manual__1",
    "/api/headlines": "/api/headlines",
    "/api/freshness": "/api/freshness",
    "/api/latest": "/api/latest",
    "/api/periods": "/api/periods",
    "/api/failures": "/api/failures",
    "/api/history": "/api/history",
    "/api/period/{sync_type}/{period_start}": f"/api{WEEK}",
    "/api/period/{sync_type}/{period_start}/row": f"/api{WEEK}/row?query=q&asin=B00TEST001",
    "/api/changes": "/api/changes?type=weekly&period_start=2026-11-08",
    "/api/search": "/api/search?asin=B00TEST001",
    "/api/measures": "/api/measures",
    "/api/lately": "/api/lately",
    "/api/sync/{sync_log_id}": "/api/sync/1",
    "/api/run/{dag_id}/{run_id:path}": "/api/run/sqp_weekly_sync/manual__1",
    "/static/{name}": "/static/status.css",
}
"""Every route with an address of it."""

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

OF_A_FEED = {
    "/feeds/{feed}",
    "/feeds/{feed}/",
    *(f"/feeds/{{feed}}{path}" for path in ADDRESSES if re.match("/(history|search|sync|period)", path)),
    *(f"/api/feeds/{{feed}}{path.removeprefix('/api')}" for path in ADDRESSES if re.match("/api/(?!run)", path)),
}
"""The routes of one of several feeds; test_feeds.py asks for them."""

READABLE = [*ADDRESSES.values(), "/static/status.js", "/static/icon.svg"]


def test_the_list_of_addresses_is_complete() -> None:
    assert {route.path for route in StatusPage().app.routes} == {
        *ADDRESSES,
        *OF_A_FEED,
        "/api/feeds",
        "/{path:path}",
    }


@pytest.mark.parametrize("method", METHODS)
def test_without_a_login_every_address_is_refused(anonymous: TestClient, method: str) -> None:
    for path in [
        *READABLE,
        "/feeds/a/",
        "/api/feeds",
        "/api/feeds/a/latest",
        "/nothing/here",
        "/api/nothing",
        "/openapi.json",
        "/docs",
    ]:
        answer = anonymous.request(method, PAGE + path)
        assert answer.status_code == 401, path
        assert ("Log in to Airflow" in answer.text) == (method != "HEAD"), path
        assert "sync_log" not in answer.text, path
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, path


def test_a_wrong_token_is_refused(anonymous: TestClient) -> None:
    answer = anonymous.get(f"{PAGE}/", headers={"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."})
    assert answer.status_code in (401, 403)


@pytest.mark.parametrize("path", READABLE)
def test_a_viewer_reads_every_address(viewer: TestClient, connection: psycopg.Connection[object], path: str) -> None:
    sync = add_sync(connection, run_id="manual__1")
    add_change(connection, stories.WEEK, "q", "B00TEST001")
    answer = viewer.get(PAGE + path.replace("/1", f"/{sync}") if "manual" not in path else PAGE + path)
    assert answer.status_code == 200, answer.text
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("path", [path for path in ADDRESSES.values() if not path.startswith("/static")])
def test_who_may_not_read_the_dags_of_the_only_feed_sees_no_figure_of_it(
    anonymous: TestClient, connection: psycopg.Connection[object], path: str
) -> None:
    """As with several feeds: the right to read a sync Dag is the right to see its figures."""
    sync = add_sync(connection, run_id="manual__1")
    add_change(connection, stories.WEEK, "q", "B00TEST001")
    answer = log_in(anonymous, "client").get(PAGE + path.replace("sync/1", f"sync/{sync}"))
    dags = "sqp_monthly_sync, sqp_quarterly_sync, sqp_weekly_sync"
    assert answer.status_code == 403
    assert f"You may read none of the Dags whose figures this page shows: {dags}." in answer.text
    assert "the right to read one of these Dags" in answer.text
    assert "B00TEST001" not in answer.text


def test_who_may_read_one_dag_of_the_only_feed_sees_its_figures(
    anonymous: TestClient, connection: psycopg.Connection[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        RestrictingAuthManager,
        "is_authorized_dag",
        lambda self, *, details=None, **_: details is not None and details.id == "sqp_monthly_sync",
    )
    assert log_in(anonymous, "client").get(f"{PAGE}/api/latest").status_code == 200


def test_head_answers_as_get_does_without_the_body(viewer: TestClient, connection: psycopg.Connection[object]) -> None:
    sync = add_sync(connection, run_id="manual__1")
    add_change(connection, stories.WEEK, "q", "B00TEST001")
    for path in (each if "manual" in each else each.replace("/1", f"/{sync}") for each in READABLE):
        head, got = viewer.head(PAGE + path), viewer.get(PAGE + path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["content-type"] == got.headers["content-type"], path
    assert viewer.head(f"{PAGE}/nothing").status_code == 404


def test_nothing_but_reading_is_possible(viewer: TestClient) -> None:
    for method in METHODS[2:]:
        for path in ("/", "/history", "/sync/1", "/api/history", "/api/sync/1", "/static/status.css"):
            answer = viewer.request(method, PAGE + path)
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD"), (method, path)
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS, (method, path)


def test_the_transaction_itself_cannot_write(configured: Path) -> None:
    with reading(page_feeds().of(None).target) as reader, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        _write(reader.database)


def _write(database: Database) -> None:
    database.connection.execute("delete from sync_log")
