"""The page as the API server has it: Airflow's own application with the plugin, its real login, a real target."""

from __future__ import annotations

import html
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uvicorn
import yaml
from airflow.api_fastapi.app import create_app, purge_cached_app
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext
from sqlalchemy import delete

from sqp_provider.migrations import migrate
from tests.conftest import new_database
from tests.e2e.browser import chromium, logged_in
from tests.fixtures import connection_to
from tests.integration.status.several import FEEDS, RestrictingAuthManager, configure, make_fresh, schema

PASSWORDS = {"admin": "admin", "viewer": "viewer", "client": "client"}
PAGE = "/sqp-sync"


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Airflow's API server as an application, with an admin, a viewer, and a client of few rights."""
    folder: Path = tmp_path_factory.mktemp("api-server")
    (folder / "passwords.json").write_text(json.dumps(PASSWORDS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "admin:admin,viewer:viewer,client:viewer")
        manager = f"{RestrictingAuthManager.__module__}.{RestrictingAuthManager.__qualname__}"
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", manager)
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(folder / "passwords.json"))
        patch.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "a secret of at least sixty-four bytes, that only tests ever use..."
        )
        patch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
        purge_cached_app()
        yield create_app()
        purge_cached_app()


@pytest.fixture
def configured(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file that the page reads; its connection leads to ``database``."""
    path = tmp_path / "sqp_config.yaml"
    path.write_text(yaml.safe_dump({"source": {"table": "amazon.report"}}))
    monkeypatch.setenv("SQP_CONFIG", str(path))
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(database))
    return path


@pytest.fixture
def anonymous(api_server: Any, configured: Path) -> Iterator[TestClient]:
    """A browser without a login."""
    return TestClient(api_server, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def viewer(anonymous: TestClient) -> TestClient:
    """A browser of the user ``viewer``, who may read every Dag."""
    return log_in(anonymous, "viewer")


def log_in(browser: TestClient, user: str) -> TestClient:
    """Log a user in by Airflow's own way."""
    login = browser.post("/auth/token", json={"username": user, "password": PASSWORDS[user]})
    assert login.status_code == 201, login.text
    browser.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
    return browser


def said(page: str) -> str:
    """The words of a page, without its tags."""
    apart = re.sub(r"</?(dd|div|dt|h\d|li|p|td|th)\b[^>]*>", " ", page)
    return html.unescape(re.sub(r"<[^>]+>", "", apart))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(api_server: Any) -> Iterator[str]:
    """Where Airflow's own application is served, by a thread of the tests: it sees the environment of each test."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(api_server, lifespan="off", log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def session(browser: Browser, address: str) -> Iterator[BrowserContext]:
    """The login of the user ``viewer``, for all tests."""
    with logged_in(browser, address, "viewer") as context:
        yield context


@pytest.fixture(scope="session")
def feeds_template(make_database: Callable[..., str], server_dsn: str) -> str:
    """The name of a database with the schemas of three feeds."""
    dsn = make_database(server_dsn)
    for feed in FEEDS:
        migrate(dsn, f"sqp_{feed}")
    with psycopg.connect(dsn) as connection:
        return connection.info.dbname


@pytest.fixture
def several(
    server_dsn: str, feeds_template: str, anonymous: TestClient, configured: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The dsn of a database of three feeds that the page shows; all their newest periods are published."""
    configure(configured, dict.fromkeys(FEEDS))
    with new_database(server_dsn, template=feeds_template) as dsn:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(dsn))
        for feed in FEEDS:
            with schema(dsn, feed) as connection:
                make_fresh(connection)
        yield dsn
    with create_session() as session:
        session.execute(delete(DagModel))
