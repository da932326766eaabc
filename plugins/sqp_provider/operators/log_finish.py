"""Stage log_finish: close the run's row with the truth, and drop what was staged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from sqp_provider.core.errors import ChecksFailed
from sqp_provider.core.run import SyncRun
from sqp_provider.hooks.staging import Staging
from sqp_provider.hooks.sync_log import SyncLog
from sqp_provider.operators.stage import STAGE_ERROR, SyncStageOperator, fails_plainly

ENDED_WELL = ("success", "skipped")


class SyncLogFinishOperator(SyncStageOperator):
    """Write ``completed``, or ``failed`` with the error, and fail when a stage did.

    It is the run's only leaf, so it must itself fail for the run to be red. A stage is skipped only on purpose: when
    its period is unchanged.

    :param stages: the task ids of the stages, in their order.
    """

    def __init__(self, *, stages: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stages = stages

    @fails_plainly
    def execute(self, context: Context) -> str:
        """Write how the run ended, drop the staged table, then say it."""
        sync = self.read_sync()
        error = self.find_error(context)
        with self.postgres.transaction() as database:
            SyncLog(database).finish(sync, error)
            self.clean_up(Staging(database, sync), error)
        return self.conclude(sync, error)

    def find_error(self, context: Context) -> dict[str, Any] | None:
        """Return the error of the first stage that did not end well, or None."""
        ti: Any = context["ti"]
        states = self.stage_states(ti)
        for stage in self.stages:
            state = states.get(stage)
            if state not in ENDED_WELL:
                left: dict[str, Any] | None = ti.xcom_pull(task_ids=stage, key=STAGE_ERROR)
                return left or _silent(stage, state)
        return None

    def stage_states(self, ti: Any) -> Mapping[str, str | None]:
        """Return the states of the run's tasks by task id."""
        states: dict[str, dict[str, str | None]] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])
        return states.get(ti.run_id, {})

    def clean_up(self, staging: Staging, error: dict[str, Any] | None) -> None:
        """Drop what was staged, unless its checks failed: their statements must have something to run on."""
        if error is None:
            staging.drop_leftovers()
        if error is None or error["type"] != ChecksFailed.__name__:
            staging.drop()

    def conclude(self, sync: SyncRun, error: dict[str, Any] | None) -> str:
        """Log the outcome; raise when the run failed."""
        if error:
            raise AirflowFailException(f"{sync} failed in {error['stage']}: {error['message']}")
        self.log.info("%s completed", sync)
        return "completed"


def _silent(stage: str, state: str | None) -> dict[str, Any]:
    message = (
        f"{stage} ended as {state or 'never started'} and reported no error: it was killed, or marked by a person. "
        f"See its task log. The target is what it was before unless publish had succeeded. Clear '{stage}'."
    )
    return {
        "stage": stage,
        "type": "Killed",
        "message": message,
        "traceback": [],
        "try": None,
        "log_url": None,
    }
