"""The notifier as the callback of somebody else's Dag, called by Airflow's own task runner."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

from tests.webhook import SECRET, Webhook

REPORT = """
from airflow.sdk import DAG, task
from sqp_provider.notifications.notifier import AlertNotifier

with DAG("report_of_somebody", schedule=None, default_args={"on_failure_callback": AlertNotifier(), "retries": 0}):

    @task
    def make():
        raise ValueError("no paper")

    make()
"""


@pytest.mark.usefixtures("airflow")
def test_a_failed_task_of_another_dag_is_notified(webhook: Webhook, tmp_path: Path) -> None:
    (tmp_path / "report.py").write_text(REPORT)
    DagBundlesManager().sync_bundles_to_db()
    bag = BundleDagBag(tmp_path, bundle_path=tmp_path, bundle_name="dags-folder")
    assert bag.import_errors == {}
    sync_bag_to_db(bag, "dags-folder", None)  # as the Dag processor does
    run = bag.dags["report_of_somebody"].test(run_after=datetime.now(UTC))
    (message,) = webhook.messages
    assert (message["title"], message["path"]) == ("make of report_of_somebody failed", f"/{SECRET}")
    reason, where = message["message"].splitlines()
    assert reason == "Reason: no paper"
    assert where.startswith(f"Run: {run.run_id}. https://airflow.example.com/dags/report_of_somebody/runs/")
