"""Close the rows of ``sync_log`` that a dead scheduler, a deleted Dag run or a timeout left as ``started``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRuntimeError

from sqp_provider.core.errors import SyncError
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.core.stale import OpenRun
from sqp_provider.failures import answer_of, fails_plainly
from sqp_provider.notifications.alerts import notify_recoveries, notify_run_finished
from sqp_provider.operators.feed import FeedOperator
from sqp_provider.operators.metrics import sync_finished
from sqp_provider.operators.owner import owner_of

if TYPE_CHECKING:
    from sqp_provider.hooks.postgres import SqpPostgresHook

UNFINISHED = ["queued", "running"]
AT_WORK = {"queued", "running", "restarting", "deferred"}
"""The states of a task that somebody may be running, or waiting for."""


class StaleRunsOperator(FeedOperator):
    """Close the rows that dead runs left as ``started``, of all types, and return their ids."""

    @fails_plainly
    def execute(self, context: Context) -> list[int]:
        """Close the rows and send their alerts."""
        from sqp_provider.hooks.postgres import SqpPostgresHook
        from sqp_provider.target.schema_state import SchemaState

        postgres = SqpPostgresHook(self.settings.target)
        with postgres.transaction() as database:
            state = SchemaState(database)
            state.claim(owner_of(self.settings))
            state.write_settings(self.settings)
        closed = close_stale_runs(postgres, context["ti"], self.log, self.settings)
        for run in closed:
            notify_run_finished(self.settings, run.sync_log_id)
        notify_recoveries(self.settings)
        self.log.info("%s rows of dead runs were closed", len(closed))
        return [run.sync_log_id for run in closed]


def close_stale_runs(
    postgres: SqpPostgresHook,
    ti: Any,
    log: Any,
    settings: Settings,
    *,
    sync_type: SyncType | None = None,
    own: int | None = None,
) -> list[OpenRun]:
    """Close every overdue row whose run is neither queued nor running in Airflow, and return these runs.

    Call it within a task. A row that cannot be closed now is left for the next call, because the calling task has
    other work to do.

    :param ti: the calling task's instance, which can ask Airflow.
    :param settings: say how old a row must be, ``schedule.stale_after_minutes``.
    :param sync_type: None for all types.
    :param own: ``sync_log_id`` of the caller's own row.
    """
    from sqp_provider.target.open_runs import OpenRuns

    with postgres.transaction() as database:
        open_runs = OpenRuns(database).read(sync_type)
    open_runs = [replace(run, own_dag_id=settings.dag_id(SyncType(run.sync_type))) for run in open_runs]
    overdue = [run for run in open_runs if run.sync_log_id != own and run.is_overdue(settings.schedule.stale_after)]
    return [run for run in overdue if not _is_unfinished(run, ti, log) and _closed(run, postgres, log, settings)]


def _is_unfinished(run: OpenRun, ti: Any, log: Any) -> bool:
    if not (run.dag_id and run.run_id):
        return False
    try:
        if not ti.get_dr_count(dag_id=run.dag_id, run_ids=[run.run_id], states=UNFINISHED):
            return False
        if not run.may_be_abandoned:
            return True
        states = ti.get_task_states(dag_id=run.dag_id, run_ids=[run.run_id]).get(run.run_id, {})
        return not AT_WORK.isdisjoint(states.values())
    except AirflowRuntimeError as error:
        log.warning("%s stays open: Airflow did not say whether its run is running (%s)", run, answer_of(error))
        return True


def _closed(run: OpenRun, postgres: SqpPostgresHook, log: Any, settings: Settings) -> bool:
    from sqp_provider.target.open_runs import OpenRuns

    try:
        with postgres.transaction() as database:
            closed = OpenRuns(database).close(run)
    except SyncError as error:
        log.warning("%s stays open and the next run tries to close it again: %s", run, error)
        return False
    if closed:
        sync_finished(run.sync_type, closed, settings.labels)
        log.warning("Closed as %s: %s", closed, run.failure.message)
    return closed is not None
