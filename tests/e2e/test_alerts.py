"""Every alert, received by a real webhook, sent by a real scheduler; a Dag of somebody else that follows the asset."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml
from google.cloud import bigquery

from sqp_provider.core.period import Period, SyncType
from tests.conftest import new_database
from tests.e2e.airflow_server import ROOT, AirflowServer
from tests.e2e.airflow_ui import AirflowUI
from tests.e2e.synced import FIGURES, Synced
from tests.fixtures import connection_to
from tests.landing import Landing, report_row
from tests.webhook import SECRET, Webhook

pytestmark = pytest.mark.e2e

LATE_SECONDS = 30

FIRST_DAY = date(2012, 1, 1)
"""Where the periods of these tests begin: long ago, so that every table stays stale."""

CONSUMER = """
from airflow.sdk import DAG, task
from sqp_provider.assets import published

with DAG("follows", schedule=published("weekly")):

    @task
    def read(triggering_asset_events=None):
        return [event.extra for event in triggering_asset_events[published("weekly")]]

    read()
"""


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    """Where the alerts arrive."""
    with Webhook() as webhook:
        yield webhook


@pytest.fixture(scope="module")
def alerting(
    server_dsn: str,
    migrated_template: Callable[[str], str],
    metadata_template: str,
    bigquery_client: bigquery.Client,
    dataset: str,
    webhook: Webhook,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Synced]:
    """The weekly Dag of an Airflow and a source of its own, with alerts on, beside a Dag that follows it."""
    source = Landing(bigquery_client, f"{dataset}.alerting")
    source.create()
    folder: Path = tmp_path_factory.mktemp("alerting")
    dags = shutil.copytree(ROOT / "dags", folder / "dags")
    (dags / "follows.py").write_text(CONSUMER)
    columns = {"ingested_at": "ingested_at"}
    content = {
        "source": {"table": source.table, "staging_dataset": dataset, "retry_seconds": 1, "columns": columns},
        "target": {"lock_timeout_seconds": 120},
        "checks": {"reject_rate_fail": 1},
        "schedule": {"retries": 1, "retry_delay_seconds": 0},
        "alerts": {"conn_id": "sqp_alerts", "runs_longer_than_minutes": LATE_SECONDS / 60},
    }
    config = folder / "sqp_config.yaml"
    config.write_text(yaml.safe_dump(content))
    with (
        new_database(server_dsn, template=migrated_template(server_dsn)) as target,
        new_database(server_dsn, metadata_template) as metadata,
    ):
        environment = {
            "SQP_CONFIG": str(config),
            "AIRFLOW_CONN_SQP_POSTGRES": connection_to(target),
            "AIRFLOW_CONN_SQP_ALERTS": webhook.connection,
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        }
        with (
            AirflowServer(folder / "home", metadata, environment) as server,
            AirflowUI(server, "sqp_weekly_sync") as ui,
        ):
            for dag_id in ("sqp_weekly_sync", "sqp_freshness", "follows"):
                with AirflowUI(server, dag_id) as other:
                    other.unpause()
            server.wait_until(lambda: ui.runs(run_type="scheduled"), seconds=60, what="scheduled run")
            ui.wait(ui.runs(run_type="scheduled")[0]["dag_run_id"])
            synced = Synced(ui, SyncType.WEEKLY, source, target)
            synced.newest = Period.latest_before(SyncType.WEEKLY, FIRST_DAY)
            yield synced


def land_malformed(alerting: Synced, period: Period) -> None:
    """Land a row that becomes a reject, of which the checks warn."""
    dates = {"start_date": str(period.first_day), "end_date": str(period.last_day)}
    alerting.landing.land(report_row("bad", asin="?", **dates))


def test_each_alert_is_received_once(alerting: Synced, webhook: Webhook) -> None:
    failing = alerting.new_period(figures=None)
    first = alerting.trigger(failing)
    alerting.finished(first, "failed", attempt=1)
    alerting.ui.clear_run(first)
    alerting.finished(first, "failed", attempt=2)
    alerting.finished(alerting.trigger(failing), "failed", attempt=1)
    alerting.land(failing, FIGURES)
    alerting.finished(alerting.trigger(failing), "success", attempt=1)
    warned = alerting.new_period()
    land_malformed(alerting, warned)
    for _ in range(2):
        alerting.finished(alerting.trigger(warned), "success", attempt=1)
    with AirflowUI(alerting.ui.server, "sqp_freshness") as freshness:
        for _ in range(2):
            freshness.wait(freshness.trigger())

    assert webhook.titles(str(failing)) == [
        f"SQP sync failed: {failing}",
        f"SQP sync failed: {failing} (second failure in a row)",
        f"SQP sync recovered: {failing}",
    ]
    failure = webhook.about(f"SQP sync failed: {failing}")["message"]
    assert "Stage: extract. Error: SourceEmpty." in failure
    assert f"{alerting.ui.server.url}/dags/sqp_weekly_sync/runs/manual__" in failure
    assert webhook.titles(str(warned)) == [f"SQP sync completed with warnings: {warned}"]
    stale = sorted(each for each in webhook.titles() if "table stale" in each)
    assert stale == [f"SQP table stale: {table}_summary" for table in ("monthly", "quarterly", "weekly")]


def test_a_run_that_takes_long_is_notified_while_it_is_running(alerting: Synced, webhook: Webhook) -> None:
    period = alerting.new_period()
    with alerting.loads_wait(period):
        run_id = alerting.trigger(period)
        alerting.ui.server.wait_until(
            lambda: webhook.titles(f"Run {run_id} "), seconds=LATE_SECONDS + 60, what="alert of a long run"
        )
        assert alerting.ui.run(run_id)["state"] == "running"
    alerting.finished(run_id, "success", attempt=1)
    assert webhook.titles(f"Run {run_id} ") == ["SQP sync running long: sqp_weekly_sync"]


def test_a_dag_that_follows_the_asset_gets_the_published_period(alerting: Synced) -> None:
    period, run_id = alerting.synced()
    with AirflowUI(alerting.ui.server, "follows") as follows:

        def emitted() -> list[dict[str, object]]:
            found = []
            for run in follows.runs(state="success"):
                path = f"/dags/follows/dagRuns/{run['dag_run_id']}/taskInstances/read/xcomEntries/return_value"
                value = follows.call("GET", path, params={"deserialize": True})["value"]
                found += [event for event in value if event["period_start"] == str(period.first_day)]
            return found

        alerting.ui.server.wait_until(emitted, seconds=60, what="run of the Dag that follows")
        (event,) = emitted()
    log = alerting.log(run_id)
    assert (event["sync_log_id"], event["inserted"], event["how"]) == (log["id"], 3, "attached")


def test_a_closed_port_leaves_the_sync_green(alerting: Synced, webhook: Webhook) -> None:
    received = len(webhook.messages)
    webhook.close()
    period = alerting.new_period()
    land_malformed(alerting, period)
    run_id = alerting.trigger(period)
    alerting.finished(run_id, "success", attempt=1)
    said = alerting.ui.task_log(run_id, "log_finish")
    assert "Alert not sent, connection sqp_alerts did not accept it" in said
    assert SECRET not in said
    assert len(webhook.messages) == received
