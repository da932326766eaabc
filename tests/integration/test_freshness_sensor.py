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
    """A table whose newest week is twenty days old."""
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


def test_a_fresh_table_that_is_not_complete_is_waited_for_only_if_asked(database: str) -> None:
    due = "first_day_of('week', current_date) - 14"  # its four days are over whatever day it is today
    with psycopg.connect(database, options="-c search_path=sqp") as connection:
        connection.execute(
            f"insert into weekly_summary (period_start, period_end, query, asin)"
            f" values ({due}, {due} + 6, 'a', 'B000000001')".encode()
        )
        connection.execute(
            f"insert into synced_period (sync_type, period_start, period_end, state, fingerprint, row_count,"
            f" asins, asins_expected, asins_found, expected_by)"
            f" select 'weekly', first, first + 6, 'synced', 'aaa', 1, array['B000000001'], 100, 12, date '2126-11-19'"
            f" from generate_series({due}, {due} + 7, interval '7 days') as s (day),"
            " cast(day as date) as first".encode()
        )
    assert sensor(when_stale="fail").execute(cast("Context", {}))["period_start"]
    said = "cannot be trusted yet: Arriving: 12 of about 100 ASINs; usually complete by Tuesday, 2126-11-19"
    with pytest.raises(TableStale, match=said):
        sensor(when_stale="fail", complete=True).execute(cast("Context", {}))
    with pytest.raises(TaskDeferred) as deferred:
        sensor(complete=True, timeout=60).execute(cast("Context", {}))
    assert deferred.value.trigger.serialize()[1]["complete"] is True
    with psycopg.connect(database, options="-c search_path=sqp") as connection:
        connection.execute(
            "update synced_period set asins_found = 100, expected_by = '2020-11-19', snapshot_at = now()"
        )
    assert sensor(complete=True).execute(cast("Context", {}))["period_start"]
