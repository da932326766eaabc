"""The Dag that checks for restatements, by Airflow's task runner.

The syncs that it triggers do not run here, because that takes a scheduler: they are marked success. What the check
finds has tests of its own.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from airflow.models.dagrun import DagRun
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization

from sqp_provider.core.period import SyncType
from sqp_provider.operators.restatements import RestatementCheckOperator
from sqp_provider.operators.sync_run import SyncRunOperator
from tests.dags.conftest import AirflowRuns
from tests.landing import Landing, report_row

DUE = datetime(2026, 11, 23, 6, tzinfo=UTC)


def run_check(
    airflow: AirflowRuns,
    mark_success_pattern: str | None = "sync_.*",
    dag_id: str = "sqp_restatements",
    **conf: object,
) -> DagRun:
    """Run the Dag as if it had been due on 2026-11-23 06:00, in a moment of its own: earlier tests' runs are kept."""
    moment = DUE + timedelta(microseconds=time.time_ns() // 1000 % 60_000_000)
    bag = airflow.parse()
    params = {"sync_types": ["weekly"], "periods": 2} | conf
    dag = bag.dags[dag_id]
    run: DagRun = dag.test(run_after=moment, run_conf=params, mark_success_pattern=mark_success_pattern)
    return run


def states(run: DagRun, sync_type: str = "") -> list[tuple[str, int, str | None]]:
    """The states of the tasks, or of those of a type."""
    tasks = run.get_task_instances()
    return sorted((ti.task_id, ti.map_index, ti.state) for ti in tasks if ti.task_id.endswith(sync_type))


def test_each_period_that_differs_becomes_one_sync(landing: Landing, airflow: AirflowRuns) -> None:
    landing.land(report_row("q"), report_row("q", week=date(2026, 11, 1)))
    run = run_check(airflow)
    assert run.state == "success"
    assert states(run, "weekly") == [
        ("check_weekly", -1, "success"),
        ("sync_weekly", 0, "success"),
        ("sync_weekly", 1, "success"),
    ]
    found = run.get_task_instance("check_weekly").xcom_pull(task_ids="check_weekly")
    due = f"{run.run_after:%Y-%m-%dT%H:%M:%S}"
    assert [trigger["trigger_run_id"] for trigger in found] == [
        f"restatement__weekly_2026-11-08__{due}",
        f"restatement__weekly_2026-11-01__{due}",
    ]


def test_nothing_to_sync_is_a_success_without_a_sync(landing: Landing, airflow: AirflowRuns) -> None:
    run = run_check(airflow)
    assert run.state == "success"
    assert states(run, "weekly") == [("check_weekly", -1, "success"), ("sync_weekly", -1, "skipped")]


def test_a_dry_run_only_reports(landing: Landing, airflow: AirflowRuns) -> None:
    landing.land(report_row("q"))
    run = run_check(airflow, dry_run=True)
    assert run.state == "success"
    assert states(run, "weekly") == [("check_weekly", -1, "success"), ("sync_weekly", -1, "skipped")]
    assert airflow.stages.query("select row_count from source_period order by period_start desc limit 1") == [
        {"row_count": 1}
    ]


@pytest.mark.parametrize("sync_type", SyncType)
def test_the_syncs_take_turns_and_are_retried(sync_type: SyncType, airflow: AirflowRuns) -> None:
    dag = airflow.parse().dags["sqp_restatements"]
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert set(dag.params) == {"sync_types", "periods", "dry_run"}
    sync = dag.task_dict[f"sync_{sync_type}"].partial_kwargs
    assert sync["retries"] == 1
    assert sync["max_active_tis_per_dagrun"] == 3
    assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).task_dict[f"sync_{sync_type}"].is_mapped


def test_weeks_are_synced_before_the_months_and_these_before_the_quarters(airflow: AirflowRuns) -> None:
    dag = airflow.parse().dags["sqp_restatements"]
    upstream = {task_id: task.upstream_task_ids for task_id, task in dag.task_dict.items()}
    assert upstream["sync_weekly"] == {"check_weekly"}
    assert upstream["sync_monthly"] == {"check_monthly", "sync_weekly"}
    assert upstream["sync_quarterly"] == {"check_quarterly", "sync_monthly"}
    assert [task.task_id for task in dag.leaves] == ["finished"]


@pytest.mark.parametrize("failing", ["check_weekly", "check_monthly", "sync_weekly"])
def test_a_failed_task_makes_the_run_red_and_stops_no_other_sync(
    failing: str, landing: Landing, airflow: AirflowRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.land(*(report_row("q", week=date(2026, *day)) for day in ((11, 8), (10, 4), (7, 5))))

    def fail(task: BaseOperator, context: object) -> list[object]:
        if task.task_id == failing:
            raise AirflowFailException("the source does not answer")
        return checked(task, context) if task.task_id.startswith("check") else []

    checked = RestatementCheckOperator.execute
    monkeypatch.setattr(RestatementCheckOperator, "execute", fail)
    monkeypatch.setattr(SyncRunOperator, "execute", fail)
    run = run_check(airflow, mark_success_pattern=None, sync_types=[sync_type.value for sync_type in SyncType])
    found = {task_id: state for task_id, _, state in states(run)}
    assert (run.state, found["finished"]) == ("failed", "upstream_failed")
    assert found[failing] == "failed"
    if failing == "sync_weekly":
        assert (found["sync_monthly"], found["sync_quarterly"]) == ("success", "success")


def test_the_form_refuses_what_is_no_type(airflow: AirflowRuns) -> None:
    params = airflow.parse().dags["sqp_restatements"].params
    params["sync_types"] = ["monthly"]
    with pytest.raises(ValueError, match="'daily' is not one of"):
        params["sync_types"] = ["daily"]
    with pytest.raises(ValueError, match="0 is less than the minimum of 1"):
        params["periods"] = 0
