"""A whole Airflow for all tests of this folder, with a target of its own; stopped after the last of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from sqp_provider.core.period import Period, SyncType
from tests.conftest import new_database
from tests.e2e.airflow_server import AirflowServer
from tests.e2e.airflow_ui import AirflowUI
from tests.e2e.synced import FIGURES, Synced
from tests.fixtures import connection_to
from tests.landing import Landing

DAYS_SINCE_SUNDAY = datetime.now(UTC).isoweekday() % 7

DELAY = timedelta(days=(DAYS_SINCE_SUNDAY - 1) % 7)
"""When a week's figures are expected after its end: the newest was due yesterday, so that no midnight makes another due
while the tests run."""


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
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AirflowServer]:
    """A running Airflow with the project's Dags, all paused."""
    folder: Path = tmp_path_factory.mktemp("airflow")
    config = folder / "sqp_config.yaml"
    content = {
        "source": {
            "table": source.table,
            "staging_dataset": dataset,
            "retry_seconds": 1,
            "columns": {"ingested_at": "ingested_at"},
        },
        "target": {"lock_timeout_seconds": 60},
        "schedule": {"retries": 1, "retry_delay_seconds": 0, "delay_days": {"weekly": DELAY.days}},
    }
    config.write_text(yaml.safe_dump(content))
    environment = {"SQP_CONFIG": str(config), "AIRFLOW_CONN_SQP_POSTGRES": connection_to(target)}
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
def weekly(airflow_server: AirflowServer, source: Landing, target: str, newest_due: Period) -> Iterator[Synced]:
    """The weekly Dag, unpaused after its newest week has landed, which its schedule has run by now."""
    with AirflowUI(airflow_server, "sqp_weekly_sync") as ui:
        synced = Synced(ui, SyncType.WEEKLY, source, target)
        synced.land(newest_due, FIGURES)
        ui.unpause()
        airflow_server.wait_until(lambda: ui.runs(run_type="scheduled"), seconds=60, what="scheduled run")
        ui.wait(ui.runs(run_type="scheduled")[0]["dag_run_id"])
        yield synced


@pytest.fixture
def sync(weekly: Synced) -> Iterator[Synced]:
    """The Dag under test; after each test no run may be left that says it is running."""
    before = weekly.left_started()
    yield weekly
    assert weekly.left_started() == before
