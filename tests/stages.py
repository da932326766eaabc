"""Runs the six stages of a sync one after the other, as a Dag run does, without a scheduler.

What stands in for Airflow: the task instance (XCom, states, try number). The tests under tests/dags run the same
stages through Airflow itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import psycopg
from airflow.sdk import Context
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from sqp_provider.core.period import SyncType
from sqp_provider.core.run import STAGES, TASKS
from sqp_provider.core.settings import Settings
from sqp_provider.failures import leave_error
from sqp_provider.operators.extract import BigQuerySnapshotOperator
from sqp_provider.operators.load import PostgresStageOperator
from sqp_provider.operators.log_finish import SyncLogFinishOperator
from sqp_provider.operators.log_start import SyncLogStartOperator
from sqp_provider.operators.publish import SyncPublishOperator
from sqp_provider.operators.stage import SyncStageOperator
from sqp_provider.operators.validate import SyncValidateOperator

# The stages run outside Airflow's task runner here, and mean to.
ExecutorSafeguard.test_mode = True

NO_OPTIONS = {
    "period_start": None,
    "force": False,
    "allow_empty": False,
    "dry_run": False,
    "max_delete_fraction": None,
}


STAGE_OPERATORS: dict[str, type[SyncStageOperator]] = {
    "extract": BigQuerySnapshotOperator,
    "load": PostgresStageOperator,
    "validate": SyncValidateOperator,
    "publish": SyncPublishOperator,
    "log_finish": SyncLogFinishOperator,
}


@dataclass
class Run:
    """One Dag run: its task states and XComs."""

    run_id: str
    params: dict[str, Any]
    sync_type: SyncType = SyncType.WEEKLY
    conf: dict[str, Any] | None = None
    """What was typed, beside the form."""
    run_type: str = "manual"
    states: dict[str, str | None] = field(default_factory=dict)
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    errors: dict[str, BaseException] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    """The tasks that ran since the run was started or cleared last."""
    running: set[str] = field(default_factory=set)
    """The run ids that Airflow would call queued or running."""
    events: Any = None
    """The asset events of the task that ran last, in Airflow's own accessors."""
    feed: str | None = None

    @property
    def dag_id(self) -> str:
        """The Dag of its type and feed."""
        return self.sync_type.dag_id + (f"__{self.feed}" if self.feed else "")

    def context(self, task_id: str, error: BaseException | None = None, try_number: int = 1) -> Context:
        """What Airflow hands to a task."""
        ti = SimpleNamespace(
            task_id=task_id,
            dag_id=self.dag_id,
            run_id=self.run_id,
            try_number=try_number,
            log_url=f"http://airflow/{self.run_id}/{task_id}",
            xcom_push=lambda key, value: self.xcoms.__setitem__((task_id, key), value),
            xcom_pull=lambda task_ids, key: self.xcoms.get((task_ids, key)),
            get_task_states=lambda dag_id, run_ids: {self.run_id: self.states},
            get_dr_count=lambda dag_id, run_ids, states: len(self.running.intersection(run_ids)),
        )
        dag_run = SimpleNamespace(
            dag_id=self.dag_id,
            run_id=self.run_id,
            run_after=datetime(2026, 11, 19, tzinfo=UTC),
            conf=self.conf,
            run_type=self.run_type,
        )
        self.events = OutletEventAccessors()
        dag = SimpleNamespace(params=NO_OPTIONS | self.params)
        context = {"ti": ti, "dag": dag, "dag_run": dag_run, "params": self.params, "exception": error}
        return cast("Context", context | {"outlet_events": self.events})

    @property
    def colour(self) -> str:
        """The Dag run's state: the teardown is its only leaf, and a failed setup fails it too."""
        return "success" if self.states.get("log_finish") == "success" else "failed"

    def may_run(self, stage: str) -> bool:
        """Apply the trigger rule ``all_success`` of a stage, and note what it makes of the stage."""
        upstream = STAGES[: STAGES.index(stage)]
        found = {self.states.get(task_id) for task_id in {*upstream[:1], *upstream[-1:]}}
        if found & {"failed", "upstream_failed"}:
            self.states[stage] = "upstream_failed"
        elif "skipped" in found:
            self.states[stage] = "skipped"
        return found <= {"success"}

    def forget(self, task_id: str) -> None:
        """Delete a task's XComs, as Airflow does when it runs again."""
        self.xcoms = {key: value for key, value in self.xcoms.items() if key[0] != task_id}

    def __getitem__(self, task_id: str) -> Any:
        """A task's result."""
        return self.xcoms[task_id, "return_value"]


class Stages:
    """The stages over one source and one target."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        self.settings = settings
        self.dsn = dsn
        self.runs = 0
        self.today = date(2030, 1, 1)  # stands in for the clock: every period of the tests has ended

    def sync(
        self,
        first_day: date | str | None = None,
        sync_type: SyncType = SyncType.WEEKLY,
        *,
        run: Run | None = None,
        **options: Any,
    ) -> Run:
        """Run all stages, or run them again for a run that was before: what clearing the whole run does."""
        if run is None:
            run = self.new_run(first_day, sync_type, **options)
        self.clear(run, "log_start")
        return run

    def new_run(self, first_day: date | str | None, sync_type: SyncType = SyncType.WEEKLY, **options: Any) -> Run:
        """A run of which no stage has started."""
        self.runs += 1
        period = {"period_start": str(first_day)} if first_day else {}
        return Run(f"manual__{self.runs}", NO_OPTIONS | period | options, sync_type, feed=self.settings.feed)

    def clear(
        self, run: Run, task_id: str, *, downstream: bool = True, marked: Mapping[str, str] | None = None
    ) -> None:
        """Clear one task, with those after it or alone; Airflow clears setup and teardown with it.

        What was not cleared keeps its state. A stage whose upstream failed or was skipped does not run.

        :param marked: the states with which a person marks stages while they are running; their work is lost.
        """
        tasks = TASKS
        cleared = tasks[tasks.index(task_id) :] if downstream else (task_id,)
        run.errors.clear()
        run.ran.clear()
        run.states |= dict.fromkeys(("log_start", *cleared, "log_finish"))
        if self.run_task(run, "log_start"):
            self.follow_start(run, cleared, marked)

    def follow_start(self, run: Run, cleared: Sequence[str] = TASKS, marked: Mapping[str, str] | None = None) -> None:
        """Run what follows log_start."""
        for stage in STAGES:
            if stage in cleared and marked and stage in marked:
                run.forget(stage)
                run.states[stage] = marked[stage]
            elif stage in cleared and run.may_run(stage):
                self.run_task(run, stage)
        self.run_task(run, "log_finish")

    def run_task(self, run: Run, task_id: str) -> bool:
        """Run one task and note its state; True when it was a success."""
        run.forget(task_id)
        run.ran.add(task_id)
        run.states[task_id] = "running"
        try:
            run.xcoms[task_id, "return_value"] = self.operator(run, task_id).execute(run.context(task_id))
        except AirflowSkipException:
            run.states[task_id] = "skipped"
            return False
        except Exception as error:
            run.errors[task_id] = error
            run.states[task_id] = "failed"
            leave_error(run.context(task_id, error))
            return False
        run.states[task_id] = "success"
        return True

    def operator(self, run: Run, task_id: str) -> Any:
        """Build one stage."""
        common: dict[str, Any] = {"task_id": task_id, "settings": self.settings}
        if task_id == "log_start":
            stage: SyncStageOperator = SyncLogStartOperator(sync_type=run.sync_type, **common)
        else:
            stage = STAGE_OPERATORS[task_id](**common)
        stage.today = lambda: self.today  # type: ignore[method-assign]
        return stage

    @property
    def schema_dsn(self) -> str:
        """The target database, with the configured schema as its search path."""
        return make_conninfo(self.dsn, options=f"-c search_path={self.settings.target.schema_name}")

    def query(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Query the target database, in the configured schema."""
        with psycopg.connect(self.schema_dsn, row_factory=dict_row) as connection:
            cursor = connection.execute(cast("Any", statement), values or None)
            return cursor.fetchall() if cursor.description else []

    def target(self, sync_type: SyncType = SyncType.WEEKLY) -> list[dict[str, Any]]:
        """A target's rows by key, without the columns that say when and by which run they were written."""
        written = ("bigquery_sync_id", "sync_log_id", "last_synced_at", "created_at", "updated_at")
        rows = self.query(f"select * from {sync_type.target_table} order by period_start, query, asin")
        return [{name: value for name, value in row.items() if name not in written} for row in rows]

    def log(self, run: Run) -> dict[str, Any]:
        """The run's row of sync_log."""
        (row,) = self.query("select * from sync_log where run_id = %s", run.run_id)
        return row
