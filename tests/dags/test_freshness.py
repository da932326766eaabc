"""The freshness Dag and the sensor, by Airflow's task runner, whose triggers run in the same process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.models.dagrun import DagRun
from airflow.serialization.serialized_objects import DagSerialization

from sqp_provider.core.period import SyncType
from sqp_provider.sensors.freshness import SqpFreshnessSensor
from sqp_provider.triggers import freshness as trigger
from tests.dags.conftest import AirflowRuns
from tests.dags.test_stale_runs import leave_open
from tests.fixtures import connection_to

WEEK = (
    "insert into weekly_summary (period_start, period_end, query, asin)"
    " values (%s::date - 6, %s::date, 'a', 'B000000001')"
)

OVER = (
    "insert into {unit}ly_summary (period_start, period_end, query, asin)"
    " select first, first + interval '{length} - 1 day', 'b', 'B000000001'"
    " from date_trunc('{unit}', current_date - interval '{length}') as first on conflict do nothing"
)


def add_week(airflow: AirflowRuns, *, ended_days_ago: int) -> date:
    """Write a week into the target, and the last month and quarter that are over."""
    (row,) = airflow.stages.query("select current_date - %s as last_day", ended_days_ago)
    airflow.stages.query(WEEK, row["last_day"], row["last_day"])
    for unit, length in (("month", "1 month"), ("quarter", "3 months")):
        airflow.stages.query(OVER.format(unit=unit, length=length))
    last_day: date = row["last_day"]
    return last_day


Wait = Callable[..., DagRun]

SOMEBODY_ELSES = """
from datetime import datetime
from airflow.sdk import DAG
from sqp_provider.sensors.freshness import SqpFreshnessSensor

with DAG("somebody_elses", schedule=None, start_date=datetime(2026, 1, 1), params={{"table": "weekly_summary"}}):
    SqpFreshnessSensor(task_id="wait", **{arguments!r})
"""


@pytest.fixture
def wait(airflow: AirflowRuns, tmp_path: Path) -> Wait:
    """Run the sensor in a Dag file of somebody else."""

    def run(**arguments: Any) -> DagRun:
        arguments = {"table_name": "{{ params.table }}", "poke_interval": 0.1, "timeout": 1} | arguments
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        (folder / "somebody_elses.py").write_text(SOMEBODY_ELSES.format(arguments=arguments))
        DagBundlesManager().sync_bundles_to_db()
        bag = BundleDagBag(folder, bundle_path=folder, bundle_name="dags-folder")
        assert bag.import_errors == {}
        sync_bag_to_db(bag, "dags-folder", None)  # as the Dag processor does
        done: DagRun = bag.dags["somebody_elses"].test(run_after=datetime.now(UTC))
        return done

    return run


def states(run: DagRun) -> dict[str, str | None]:
    return {ti.task_id: ti.state for ti in run.get_task_instances()}


def test_the_grid_shows_which_table_is_stale(airflow: AirflowRuns) -> None:
    add_week(airflow, ended_days_ago=20)
    run = airflow.run("sqp_freshness")
    assert run.state == "failed"
    assert states(run) == {
        "close_stale_runs": "success",
        "delete_old": "success",
        "weekly_summary": "failed",
        "monthly_summary": "success",
        "quarterly_summary": "success",
    }


def test_dead_runs_are_closed_and_the_fresh_are_green(airflow: AirflowRuns) -> None:
    add_week(airflow, ended_days_ago=3)
    leave_open(airflow, "manual__of_a_dead_scheduler")
    run = airflow.run("sqp_freshness")
    assert (run.state, set(states(run).values())) == ("success", {"success"})
    assert airflow.stages.query("select sync_status, error_details ->> 'type' as type from sync_log") == [
        {"sync_status": "failed", "type": "Stale"}
    ]


def test_a_fresh_table_lets_the_next_task_start(airflow: AirflowRuns, wait: Wait) -> None:
    last_day = add_week(airflow, ended_days_ago=3)
    run = wait()
    assert run.state == "success"
    found = run.get_task_instance("wait").xcom_pull(task_ids="wait")
    assert found == {"period_start": str(last_day - timedelta(days=6)), "period_end": str(last_day)}


@pytest.mark.parametrize("deferrable", [True, False])
def test_it_waits_until_the_table_is_fresh(
    airflow: AirflowRuns, wait: Wait, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    checks: list[str] = []
    real = trigger.read_freshness

    def check_and_then_add_the_week(*arguments: Any, **options: Any) -> Any:
        checks.append("check")
        if len(checks) == 2:
            add_week(airflow, ended_days_ago=3)
        return real(*arguments, **options)

    for module in ("triggers", "target"):
        monkeypatch.setattr(f"sqp_provider.{module}.freshness.read_freshness", check_and_then_add_the_week)
    run = wait(deferrable=deferrable, timeout=3600)
    assert (run.state, len(checks)) == ("success", 3)


@pytest.mark.parametrize(
    ("arguments", "state"),
    [
        ({"when_stale": "fail"}, "failed"),
        ({"when_stale": "skip"}, "skipped"),
        ({"when_stale": "wait"}, "failed"),
        ({"when_stale": "wait", "deferrable": False}, "failed"),
        ({"when_stale": "wait", "soft_fail": True}, "skipped"),
    ],
)
def test_a_stale_table_fails_or_skips_at_once_or_when_the_time_is_up(
    airflow: AirflowRuns, wait: Wait, arguments: dict[str, Any], state: str
) -> None:
    add_week(airflow, ended_days_ago=20)
    assert states(wait(**arguments)) == {"wait": state}


@pytest.mark.parametrize(
    "arguments",
    [
        {"table_name": "weekly"},
        {"schema": "Robert'); drop table"},
        {"schema": "not_there"},
        {"postgres_conn_id": "not_there"},
    ],
)
def test_what_cannot_become_right_by_waiting_fails_at_once(
    airflow: AirflowRuns, wait: Wait, arguments: dict[str, Any]
) -> None:
    add_week(airflow, ended_days_ago=3)
    assert states(wait(timeout=86_400, **arguments)) == {"wait": "failed"}


def test_a_database_that_is_down_fails_and_is_tried_again(
    airflow: AirflowRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(f"{airflow.stages.dsn} port=1"))
    run = airflow.run("sqp_freshness")
    tries = {(ti.task_id, ti.state, ti.try_number) for ti in run.get_task_instances()}
    failed = {("close_stale_runs", "failed", 2), *((f"{each}_summary", "failed", 2) for each in SyncType)}
    assert tries == {*failed, ("delete_old", "failed", 2)}


def test_an_unknown_mode_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(ValueError, match="when_stale 'panic': expected 'wait', 'fail' or 'skip'"):
        SqpFreshnessSensor(task_id="wait", table_name="weekly_summary", when_stale="panic")  # type: ignore[arg-type]


def test_the_dag_survives_serialization(airflow: AirflowRuns) -> None:
    dag = airflow.parse().dags["sqp_freshness"]
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    tables = ["monthly_summary", "quarterly_summary", "weekly_summary"]
    assert sorted(again.task_dict) == ["close_stale_runs", "delete_old", *tables]
