"""A feed whose settings have a mistake: nobody has to look at the Dag list to hear of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.dags.conftest import DAGS, AirflowRuns
from tests.webhook import Webhook

CONFIG = {
    "schedule": {"retries": 0},
    "alerts": {"conn_id": "sqp_alerts"},
    "source": {"table": "amazon.report"},
    "feeds": {"good": {"target": {"schema": "sqp"}}, "bad": {"source": {"retry_seconds": 0}}},
}


def test_a_feed_with_a_mistake_fails_alone_in_the_daily_dag_and_is_notified_once(
    airflow: AirflowRuns, configure: Callable[[Mapping[str, Any]], Path], webhook: Webhook
) -> None:
    configure(CONFIG)
    assert "sqp_weekly_sync__good" in airflow.parse().dags
    assert [Path(file).name for file in airflow.parse().import_errors] == ["sqp_feeds.py"]
    for day in (24, 25):
        due = datetime(2030, 12, day, 7, tzinfo=UTC)
        run = airflow.parse().dags["sqp_freshness"].test(run_after=due, logical_date=due)
        closing = {ti.map_index: ti.state for ti in run.get_task_instances() if ti.task_id == "close_stale_runs"}
        assert closing == {0: "success", 1: "failed"}
    about_bad = [message for message in webhook.messages if message["title"].startswith("bad: ")]
    assert [message["title"] for message in about_bad] == ["bad: SQP task failed: close_stale_runs of sqp_freshness"]
    assert "feeds.bad.source.retry_seconds: Input should be greater than 0, found 0" in about_bad[0]["message"]
    assert (DAGS / "sqp_feeds.py").exists()
