"""A source table, a migrated target and the stages between them, for one test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.cloud import bigquery
from psycopg.conninfo import conninfo_to_dict

from dev import emulator
from sqp_provider.core.settings import Settings
from tests.google_server import GoogleServer
from tests.landing import Landing
from tests.stages import Stages
from tests.webhook import Webhook


@pytest.fixture(scope="session")
def bigquery_client() -> bigquery.Client:
    """A client of the emulator."""
    return emulator.client()


@pytest.fixture(scope="session")
def dataset(bigquery_client: bigquery.Client) -> Iterator[str]:
    """A dataset nobody else uses, for sources and snapshots."""
    name = f"sqp_test_{uuid4().hex[:12]}"
    bigquery_client.create_dataset(name)
    yield name
    bigquery_client.delete_dataset(name, delete_contents=True)


@pytest.fixture
def landing(bigquery_client: bigquery.Client, dataset: str) -> Landing:
    """An empty source table of the default landing."""
    landing = Landing(bigquery_client, f"{dataset}.source_{uuid4().hex[:8]}")
    landing.create()
    return landing


@pytest.fixture
def settings(landing: Landing, dataset: str) -> Settings:
    """The settings that fit ``landing``; retries are short."""
    return settings_for(landing.table, dataset)


def settings_for(table: str, dataset: str, **sections: Any) -> Settings:
    """Settings for a source table; a section's keys are added to the defaults of the tests."""
    source = {
        "table": table,
        "staging_dataset": dataset,
        "retry_seconds": 1,
        "columns": {"ingested_at": "ingested_at"},
    }
    content = {"source": source | sections.pop("source", {})} | sections
    return Settings.checked(content, origin="test")


@pytest.fixture
def stages(database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Stages:
    """The stages from ``landing`` to ``database``."""
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(database))
    return Stages(settings, database)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleServer]:
    """What connection ``sqp_bigquery`` leads to: the emulator, with the errors that the test asks for."""
    with GoogleServer() as server:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_BIGQUERY", server.connection())
        yield server


@pytest.fixture
def key_file(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A service account's key. Google's client is kept from asking Google where the account may be used from."""
    asks = "google.oauth2.service_account.Credentials._is_regional_access_boundary_lookup_required"
    monkeypatch.setattr(asks, lambda _: False, raising=False)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = "sqp@sqp-demo.iam.gserviceaccount.com"
    return {"type": "service_account", "client_email": account, "private_key": pem, "private_key_id": "1"}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The names and types of what is counted. Stands in for a StatsD server, which tests/dags has, in one process."""
    found: list[tuple[str, str]] = []

    def incr(name: str, count: int, *, tags: dict[str, str]) -> None:
        found.extend([(name, tags["sync_type"])] * count)

    monkeypatch.setattr("sqp_provider.operators.metrics.stats.incr", incr)
    return found


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """Where the alerts of connection ``sqp_alerts`` arrive."""
    with Webhook() as webhook:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_ALERTS", webhook.connection)
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/")
        yield webhook


def connection_to(dsn: str) -> str:
    """An Airflow connection, as its environment variable holds it."""
    parts = conninfo_to_dict(dsn)
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": parts["host"],
            "port": int(str(parts["port"])),
            "login": parts["user"],
            "password": parts.get("password"),
            "schema": parts["dbname"],
        }
    )
