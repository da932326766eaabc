"""The task `sync` of sqp_restatements: what Airflow is asked to start, and which failures are retried."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.sdk import Context
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRuntimeError,
    DagRunTriggerException,
    ErrorType,
)
from airflow.sdk.execution_time.comms import ErrorResponse

from sqp_provider.core.period import Period, SyncType
from sqp_provider.operators.restatements import trigger
from sqp_provider.operators.sync_run import SyncRunOperator

# The operator runs outside Airflow's task runner here, and means to.
ExecutorSafeguard.test_mode = True

WEEK = trigger(
    "sqp_weekly_sync", Period.starting(SyncType.WEEKLY, date(2026, 11, 8)), datetime(2026, 11, 23, 6, tzinfo=UTC)
)
RUN_ID = "restatement__weekly_2026-11-08__2026-11-23T06:00:00"


STARTS = """
from airflow.sdk import DAG
from sqp_provider.operators.sync_run import SyncRunOperator

with DAG("starts", schedule=None, default_args={"retries": 2, "retry_delay": 0}):
    SyncRunOperator(task_id="sync", trigger_dag_id="not_parsed_yet", trigger_run_id="restatement__1", conf={})
"""


@pytest.fixture
def sync() -> SyncRunOperator:
    return SyncRunOperator(task_id="sync", **WEEK)


def context(*, paused: bool = False, missing: bool = False) -> Context:
    """A task instance that knows of the Dag what the API server would say."""

    def get_dag(dag_id: str) -> Any:
        if missing:
            detail = {"status_code": 404, "message": f"The Dag with ID: `{dag_id}` was not found"}
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))
        return SimpleNamespace(is_paused=paused)

    return cast("Context", {"ti": SimpleNamespace(get_dag=get_dag)})


def test_the_run_is_started_again_if_it_is_there_and_waited_for_in_the_triggerer(sync: SyncRunOperator) -> None:
    with pytest.raises(DagRunTriggerException) as started:
        sync.execute(context())
    asked = started.value
    assert (asked.trigger_dag_id, asked.dag_run_id) == ("sqp_weekly_sync", RUN_ID)
    assert asked.conf == {"period_start": "2026-11-08"}
    assert (asked.reset_dag_run, asked.wait_for_completion, asked.deferrable) == (True, True, True)
    assert asked.logical_date is None


def test_a_dag_that_is_not_there_yet_is_retried(sync: SyncRunOperator) -> None:
    with pytest.raises(AirflowException, match=r"the Dag sqp_weekly_sync \(\w+, status 404\)\.") as failed:
        sync.execute(context(missing=True))
    assert not isinstance(failed.value, AirflowFailException)


@pytest.mark.usefixtures("airflow")
def test_airflow_retries_the_task_of_a_dag_that_it_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "starts.py").write_text(STARTS)
    DagBundlesManager().sync_bundles_to_db()
    bag = BundleDagBag(tmp_path, bundle_path=tmp_path, bundle_name="dags-folder")
    assert bag.import_errors == {}
    sync_bag_to_db(bag, "dags-folder", None)  # as the Dag processor does
    run = bag.dags["starts"].test(run_after=datetime.now(UTC))
    (sync,) = run.get_task_instances()
    assert (sync.state, sync.try_number) == ("failed", 3)


def test_a_paused_dag_fails_at_once(sync: SyncRunOperator) -> None:
    with pytest.raises(AirflowFailException, match="sqp_weekly_sync is paused"):
        sync.execute(context(paused=True))


def test_a_run_that_succeeded_is_a_success(sync: SyncRunOperator) -> None:
    sync.execute_complete(context(), ("DagStateTrigger", {"run_ids": [RUN_ID], RUN_ID: "success"}))


def test_a_run_that_failed_is_not_retried(sync: SyncRunOperator) -> None:
    with pytest.raises(AirflowFailException, match=f"{RUN_ID} finished as failed"):
        sync.execute_complete(context(), ("DagStateTrigger", {"run_ids": [RUN_ID], RUN_ID: "failed"}))
