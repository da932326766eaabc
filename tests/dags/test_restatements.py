"""The Dag that checks for restatements, by Airflow's task runner.

The syncs that it triggers do not run here, because that takes a scheduler: they are marked success. What the check
finds has tests of its own.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from airflow.models.dagrun import DagRun
from airflow.serialization.serialized_objects import DagSerialization

from tests.dags.conftest import AirflowRuns
from tests.landing import Landing, report_row

DUE = datetime(2026, 11, 23, 6, tzinfo=UTC)


def run_check(airflow: AirflowRuns, **conf: object) -> DagRun:
    """Run the Dag as if it had been due on 2026-11-23 06:00, in a moment of its own: earlier tests' runs are kept."""
    moment = DUE + timedelta(microseconds=time.time_ns() // 1000 % 60_000_000)
    bag = airflow.parse()
    assert bag.import_errors == {}
    params = {"sync_types": ["weekly"], "periods": 2} | conf
    run: DagRun = bag.dags["sqp_restatements"].test(run_after=moment, run_conf=params, mark_success_pattern="sync")
    return run


def states(run: DagRun) -> list[tuple[str, int, str | None]]:
    return sorted((ti.task_id, ti.map_index, ti.state) for ti in run.get_task_instances())


def test_each_period_that_differs_becomes_one_sync(landing: Landing, airflow: AirflowRuns) -> None:
    landing.land(report_row("q"), report_row("q", week=datetime(2026, 11, 1).date()))
    run = run_check(airflow)
    assert run.state == "success"
    assert states(run) == [("check", -1, "success"), ("sync", 0, "success"), ("sync", 1, "success")]
    found = run.get_task_instance("check").xcom_pull(task_ids="check")
    due = f"{run.run_after:%Y-%m-%dT%H:%M:%S}"
    assert [trigger["trigger_run_id"] for trigger in found] == [
        f"restatement__weekly_2026-11-08__{due}",
        f"restatement__weekly_2026-11-01__{due}",
    ]


def test_nothing_to_sync_is_a_success_without_a_sync(landing: Landing, airflow: AirflowRuns) -> None:
    run = run_check(airflow)
    assert (run.state, states(run)) == ("success", [("check", -1, "success"), ("sync", -1, "skipped")])


def test_a_dry_run_only_reports(landing: Landing, airflow: AirflowRuns) -> None:
    landing.land(report_row("q"))
    run = run_check(airflow, dry_run=True)
    assert (run.state, states(run)) == ("success", [("check", -1, "success"), ("sync", -1, "skipped")])
    assert airflow.stages.query("select row_count from source_period order by period_start desc limit 1") == [
        {"row_count": 1}
    ]


def test_the_syncs_take_turns_and_are_retried(airflow: AirflowRuns) -> None:
    dag = airflow.parse().dags["sqp_restatements"]
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert set(dag.params) == {"sync_types", "periods", "dry_run"}
    sync = dag.task_dict["sync"].partial_kwargs
    assert sync["retries"] == 1
    assert sync["max_active_tis_per_dagrun"] == 3
    assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).task_dict["sync"].is_mapped


def test_the_form_refuses_what_is_no_type(airflow: AirflowRuns) -> None:
    params = airflow.parse().dags["sqp_restatements"].params
    params["sync_types"] = ["monthly"]
    with pytest.raises(ValueError, match="'daily' is not one of"):
        params["sync_types"] = ["daily"]
    with pytest.raises(ValueError, match="0 is less than the minimum of 1"):
        params["periods"] = 0
