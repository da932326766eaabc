"""The page as the API server has it: Airflow's own application with the plugin, its real login, a real target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from airflow.api_fastapi.app import create_app, purge_cached_app
from fastapi.testclient import TestClient

from tests.fixtures import connection_to

PASSWORDS = {"admin": "admin", "viewer": "viewer"}
PAGE = "/sqp-sync"


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Airflow's API server as an application, with a viewer and an admin."""
    folder: Path = tmp_path_factory.mktemp("api-server")
    (folder / "passwords.json").write_text(json.dumps(PASSWORDS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "admin:admin,viewer:viewer")
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
    """A browser of the user ``viewer``, logged in by Airflow's own way."""
    login = anonymous.post("/auth/token", json={"username": "viewer", "password": PASSWORDS["viewer"]})
    assert login.status_code == 201, login.text
    anonymous.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
    return anonymous


def add_sync(connection: psycopg.Connection[Any], **other: Any) -> int:
    """Insert a run into sync_log: completed, weekly 2026-11-08; name a column to change it."""
    row = {
        "sync_type": "weekly",
        "sync_status": "completed",
        "started_at": "2026-11-18 06:00:00+00",
        "completed_at": "2026-11-18 06:00:12.5+00",
        "source_table": "amazon.report",
        "target_table": "sqp.weekly_summary",
        "period_start": "2026-11-08",
        "period_end": "2026-11-14",
        "dag_id": "sqp_weekly_sync",
        "run_id": None,
        "records_processed": 19001,
    } | other
    columns = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
    statement = f"insert into sync_log ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))}) returning id"
    found = connection.execute(statement, list(columns.values())).fetchone()  # type: ignore[arg-type]
    assert found
    return int(found[0])
