"""The failure of a daily task is sent once until the task works again, by Airflow's own task runner."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from airflow.models.dagrun import DagRun

from tests.dags.conftest import AirflowRuns
from tests.dags.test_freshness import add_week
from tests.fixtures import connection_to
from tests.landing import Landing, report_row
from tests.webhook import Webhook

CHECK_FAILED, CHECK_WORKS = (
    "SQP task failed: check_weekly of sqp_restatements",
    "SQP task works again: check_weekly of sqp_restatements",
)
CLOSING = "close_stale_runs of sqp_freshness"
READING = [f"{table}_summary of sqp_freshness" for table in ("monthly", "quarterly", "weekly")]


@pytest.fixture
def alerting(airflow: AirflowRuns, webhook: Webhook) -> AirflowRuns:
    """The Dags with alerts on and no retries."""
    content = yaml.safe_load(airflow.config.read_text())
    content |= {"alerts": {"conn_id": "sqp_alerts"}, "schedule": {"retries": 0}}
    airflow.config.write_text(yaml.safe_dump(content))
    return airflow


def check(airflow: AirflowRuns, day: int) -> DagRun:
    """Run the check as if scheduled for a day of December 2030, a month that no other test checks."""
    bag = airflow.parse()
    due = datetime(2030, 12, day, 6, tzinfo=UTC)
    conf: dict[str, Any] = {"sync_types": ["weekly"], "periods": 1}
    dag = bag.dags["sqp_restatements"]
    run: DagRun = dag.test(logical_date=due, run_after=due, run_conf=conf, mark_success_pattern="sync_.*")
    return run


def test_a_check_that_fails_is_notified_once_until_it_works_again(
    landing: Landing, alerting: AirflowRuns, webhook: Webhook
) -> None:
    table = landing.client.get_table(landing.table)
    landing.client.delete_table(table)
    assert [check(alerting, day).state for day in (1, 2)] == ["failed", "failed"]
    assert webhook.titles() == [CHECK_FAILED]
    message = webhook.messages[0]["message"]
    assert message.startswith("Task: check_weekly of sqp_restatements. Error: SourceUnusable.\nReason: ")
    assert "https://airflow.example.com/dags/sqp_restatements/runs/" in message
    landing.create()
    landing.land(report_row("q"))
    assert [check(alerting, day).state for day in (3, 4)] == ["success", "success"]
    assert webhook.titles() == [CHECK_FAILED, CHECK_WORKS]
    landing.client.delete_table(table)
    check(alerting, 5)
    assert webhook.titles() == [CHECK_FAILED, CHECK_WORKS, CHECK_FAILED]


def test_airflow_remembers_while_postgres_does_not_answer(
    landing: Landing, alerting: AirflowRuns, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(alerting, 10).state == "success"
    webhook.messages.clear()  # alerts of an earlier test's check are resolved now
    with monkeypatch.context() as away:
        away.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(f"{alerting.stages.dsn} port=1"))
        assert [check(alerting, day).state for day in (11, 12)] == ["failed", "failed"]
        assert webhook.titles() == [CHECK_FAILED]
        assert "Error: TargetUnreachable." in webhook.messages[0]["message"]
    assert [check(alerting, day).state for day in (13, 14)] == ["success", "success"]
    assert webhook.titles() == [CHECK_FAILED, CHECK_WORKS]


def about_tables(webhook: Webhook) -> list[str]:
    """The titles but those of close_stale_runs: Airflow may remember that its run in another test failed."""
    return sorted(title for title in webhook.titles() if "close_stale_runs" not in title)


def test_a_failed_check_of_a_table_is_distinguished_from_a_stale_table(alerting: AirflowRuns, webhook: Webhook) -> None:
    add_week(alerting, ended_days_ago=20)
    alerting.stages.query("alter function table_freshness() rename to not_there")
    for _ in range(2):
        assert alerting.run("sqp_freshness").state == "failed"
    assert about_tables(webhook) == [f"SQP task failed: {task}" for task in READING]
    assert any("Error: TargetUnusable." in message["message"] for message in webhook.messages)
    webhook.messages.clear()
    alerting.stages.query("alter function not_there() rename to table_freshness")
    for _ in range(2):
        alerting.run("sqp_freshness")
    works = [f"SQP task works again: {task}" for task in READING]
    assert about_tables(webhook) == ["SQP table stale: weekly_summary", *works]


def test_a_database_that_is_down_is_notified_by_one_task_of_the_freshness_dag(
    alerting: AirflowRuns, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_week(alerting, ended_days_ago=3)
    days = [datetime(2030, 12, day, 7, tzinfo=UTC) for day in (20, 21, 22, 23)]
    assert alerting.run("sqp_freshness", due=days[0]).state == "success"
    webhook.messages.clear()
    with monkeypatch.context() as away:
        away.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(f"{alerting.stages.dsn} port=1"))
        for due in days[1:3]:
            assert alerting.run("sqp_freshness", due=due).state == "failed"
    assert webhook.titles() == [f"SQP task failed: {CLOSING}"]
    assert alerting.run("sqp_freshness", due=days[3]).state == "success"
    assert webhook.titles() == [f"SQP task failed: {CLOSING}", f"SQP task works again: {CLOSING}"]
