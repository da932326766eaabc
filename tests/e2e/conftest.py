"""A whole Airflow for all tests of this folder, with a target of its own; stopped after the last of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from sqp_provider.core.period import Period, SyncType
from tests.conftest import new_database
from tests.e2e.airflow_server import ROOT, AirflowServer
from tests.e2e.airflow_ui import AirflowUI
from tests.e2e.synced import FIGURES, Synced
from tests.fixtures import connection_to
from tests.landing import Landing
from tests.webhook import Webhook

LATE_SECONDS = 30

FOLLOWS = """
from airflow.sdk import DAG, task
from sqp_provider.assets import published

with DAG("follows", schedule=published("weekly")):

    @task
    def read(triggering_asset_events=None):
        return [event.extra for event in triggering_asset_events[published("weekly")]]

    read()
"""
"""A Dag of somebody else that follows the asset."""

DAYS_SINCE_SUNDAY = datetime.now(UTC).isoweekday() % 7

DELAY = timedelta(days=(DAYS_SINCE_SUNDAY - 1) % 7)
"""When a week's figures are expected after its end: the newest was due yesterday, so that no midnight makes another due
while the tests run."""


@pytest.fixture(scope="package")
def webhook() -> Iterator[Webhook]:
    """Where the alerts arrive."""
    with Webhook() as webhook:
        yield webhook


@pytest.fixture(scope="package")
def target(server_dsn: str, migrated_template: Callable[[str], str]) -> Iterator[str]:
    """The dsn of the target that all Dags write to."""
    with new_database(server_dsn, template=migrated_template(server_dsn)) as dsn:
        yield dsn


@pytest.fixture(scope="package")
def source(bigquery_client: object, dataset: str) -> Landing:
    """The table that all Dags read, empty."""
    landing = Landing(bigquery_client, f"{dataset}.e2e")  # type: ignore[arg-type]
    landing.create()
    return landing


@pytest.fixture(scope="package")
def airflow_server(
    server_dsn: str,
    metadata_template: str,
    target: str,
    source: Landing,
    dataset: str,
    webhook: Webhook,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AirflowServer]:
    """A running Airflow with the project's Dags and one that follows them, all paused, and with alerts on."""
    folder: Path = tmp_path_factory.mktemp("airflow")
    config = folder / "sqp_config.yaml"
    content = {
        "source": {
            "table": source.table,
            "staging_dataset": dataset,
            "retry_seconds": 1,
            "columns": {"ingested_at": "ingested_at"},
        },
        "target": {"lock_timeout_seconds": 1800},
        "checks": {"reject_rate_fail": 1},
        "alerts": {"conn_id": "sqp_alerts", "runs_longer_than_minutes": LATE_SECONDS / 60},
        "schedule": {"retries": 1, "retry_delay_seconds": 0, "delay_days": {"weekly": DELAY.days}},
    }
    config.write_text(yaml.safe_dump(content))
    dags = shutil.copytree(ROOT / "dags", folder / "dags")
    (dags / "follows.py").write_text(FOLLOWS)
    environment = {
        "SQP_CONFIG": str(config),
        "AIRFLOW_CONN_SQP_POSTGRES": connection_to(target),
        "AIRFLOW_CONN_SQP_ALERTS": webhook.connection,
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
    }
    with (
        new_database(server_dsn, metadata_template) as metadata,
        AirflowServer(folder / "home", metadata, environment) as server,
    ):
        yield server


@pytest.fixture(scope="package")
def newest_due(source: Landing) -> Period:
    """The newest week whose delay has passed by now."""
    return Period.latest_before(SyncType.WEEKLY, (datetime.now(UTC) - DELAY).date())


@pytest.fixture(scope="package")
def stale(airflow_server: AirflowServer) -> None:
    """Two runs of sqp_freshness, when every table is stale because nothing has been synced."""
    with AirflowUI(airflow_server, "sqp_freshness") as ui:
        ui.unpause_and_wait()
        ui.wait(ui.trigger())
        ui.pause()


@pytest.fixture(scope="package")
def weekly(
    airflow_server: AirflowServer, source: Landing, target: str, newest_due: Period, stale: None
) -> Iterator[Synced]:
    """The weekly Dag, unpaused after its newest week has landed, which its schedule has run by now."""
    with AirflowUI(airflow_server, "sqp_weekly_sync") as ui:
        synced = Synced(ui, SyncType.WEEKLY, source, target)
        synced.land(newest_due, FIGURES)
        ui.unpause_and_wait()
        yield synced


@pytest.fixture
def sync(weekly: Synced) -> Iterator[Synced]:
    """The Dag under test; after each test no run may be left that says it is running."""
    before = weekly.left_started()
    yield weekly
    assert weekly.left_started() == before
