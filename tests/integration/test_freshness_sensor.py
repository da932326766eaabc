"""What the sensor says of a stale table, in each way of waiting for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException, TaskDeferred

from sqp_provider.failures import TableStale
from sqp_provider.sensors.freshness import SqpFreshnessSensor
from tests.fixtures import connection_to

STALE = (
    r"weekly_summary is stale: newest period \d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d, not in the ledger, 20 days old "
    r"\(14 days are allowed\)\. No weekly sync has run yet\. The target is unchanged\. Check whether "
)
WAITED = r"^Waited 0:00:00\.100000: " + STALE


@pytest.fixture(autouse=True)
def stale(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table whose newest week ended twenty days ago."""
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(database))
    with psycopg.connect(database) as connection:
        connection.execute(
            "insert into sqp.weekly_summary (period_start, period_end, query, asin)"
            " values (current_date - 26, current_date - 20, 'a', 'B000000001')"
        )


def sensor(**arguments: Any) -> SqpFreshnessSensor:
    quick: dict[str, Any] = {"task_id": "wait", "table_name": "weekly_summary", "poke_interval": 0.05, "timeout": 0.1}
    return SqpFreshnessSensor(**quick | arguments)


def test_poked_by_a_worker_until_the_time_is_up() -> None:
    with pytest.raises(TableStale, match=WAITED):
        sensor(deferrable=False).execute(cast("Context", {}))


def test_rescheduled_until_the_time_is_up() -> None:
    waiting = sensor(deferrable=False, mode="reschedule", timeout=3600)
    ti: Any = SimpleNamespace(get_first_reschedule_date=lambda context: None)  # stands in for Airflow's memory
    with pytest.raises(AirflowRescheduleException):
        waiting.execute(cast("Context", {"ti": ti}))
    waiting.timeout = 0
    with pytest.raises(TableStale, match="^Waited 0:00:00: " + STALE):
        waiting.execute(cast("Context", {"ti": ti}))


def test_deferred_until_the_time_is_up() -> None:
    waiting = sensor()
    with pytest.raises(TaskDeferred):
        waiting.execute(cast("Context", {}))
    with pytest.raises(TableStale, match=WAITED):
        waiting.resume(cast("Context", {}), {"table_name": "weekly_summary"})


def test_failing_at_once() -> None:
    with pytest.raises(TableStale, match="^" + STALE):
        sensor(when_stale="fail").execute(cast("Context", {}))


def test_skipping_at_once() -> None:
    with pytest.raises(AirflowSkipException, match="^" + STALE):
        sensor(when_stale="skip").execute(cast("Context", {}))
