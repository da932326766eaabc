"""Start the run of a sync and wait for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from airflow.sdk import BaseOperator, BaseOperatorLink, Context
from airflow.sdk.exceptions import AirflowRuntimeError, DagRunTriggerException

from sqp_provider.core.errors import SyncError
from sqp_provider.failures import SyncFailed, answer_of, fails_plainly
from sqp_provider.operators.links import StartedRunLink

POLL_SECONDS = 10


class DagMissing(SyncError):
    """Airflow does not have the Dag of a sync, or not yet."""

    heals = True


class DagPaused(SyncError):
    """The Dag of a sync is paused, so that its runs would wait for ever."""


class SyncRunOperator(BaseOperator):
    """Start the run of a sync, wait in the triggerer, and fail if the run fails.

    A Dag that Airflow does not have yet, or no longer, is retried: the Dag processor may be late. A run that fails is
    not, because its stages had retries of their own. Cleared, the task runs the same run again.

    Airflow's own TriggerDagRunOperator does the same without that difference. It also imports the whole of Airflow's
    models, at every parse.

    :param trigger_dag_id: the sync's Dag (templated).
    :param trigger_run_id: the id of its run (templated).
    :param conf: the run's params (templated).
    """

    template_fields: Sequence[str] = ("trigger_dag_id", "trigger_run_id", "conf")
    operator_extra_links: Collection[BaseOperatorLink] = (StartedRunLink(),)

    def __init__(self, *, trigger_dag_id: str, trigger_run_id: str, conf: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trigger_dag_id = trigger_dag_id
        self.trigger_run_id = trigger_run_id
        self.conf = conf

    @fails_plainly
    def execute(self, context: Context) -> None:
        """Hand the run to Airflow, which starts it and defers this task."""
        self.refuse_unless_runnable(context)
        raise DagRunTriggerException(
            trigger_dag_id=self.trigger_dag_id,
            dag_run_id=self.trigger_run_id,
            conf=dict(self.conf),
            logical_date=None,  # a Dag has one run for each logical date, and several start at the same time
            reset_dag_run=True,  # a sync that is cleared runs the same run again; without this it would be skipped
            skip_when_already_exists=False,
            wait_for_completion=True,
            allowed_states=["success"],
            failed_states=["failed"],
            poke_interval=POLL_SECONDS,
            deferrable=True,
        )

    def refuse_unless_runnable(self, context: Context) -> None:
        """Fail for good if the Dag is paused, and with a retry if Airflow does not have it."""
        ti = cast("Any", context["ti"])
        try:
            dag = ti.get_dag(self.trigger_dag_id)
        except AirflowRuntimeError as error:
            raise DagMissing(
                f"Airflow does not have the Dag {self.trigger_dag_id} ({answer_of(error)}). The target is unchanged. "
                "The task is tried again, because a slow Dag processor may not have parsed the Dag yet. "
                "If it fails again, see the import errors on Airflow's Dag list."
            ) from error
        if dag.is_paused:
            raise DagPaused(
                f"The Dag {self.trigger_dag_id} is paused. The target is unchanged. Unpause it and clear this task."
            )

    @fails_plainly
    def execute_complete(self, context: Context, event: tuple[str, Mapping[str, Any]]) -> None:
        """Fail if the run failed. Airflow calls this by its name when the run has finished."""
        state = event[1].get(self.trigger_run_id)
        if state != "success":
            raise SyncFailed(
                f"{self.trigger_dag_id} {self.trigger_run_id} finished as {state}. Its log_finish says why. "
                "Clear this task to run it again."
            )
        self.log.info("%s %s succeeded", self.trigger_dag_id, self.trigger_run_id)
