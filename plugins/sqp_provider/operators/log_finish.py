"""Stage log_finish: write the outcome into the run's row, and drop the staged table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from sqp_provider.core.attempt import Attempt, settle
from sqp_provider.core.errors import ChecksFailed, NothingPublished, Superseded, TargetBusy
from sqp_provider.core.failure import Failure
from sqp_provider.core.run import STAGES, SyncRun
from sqp_provider.failures import STAGE_ERROR, SyncFailed, fails_plainly
from sqp_provider.notifications.alerts import notify_run_finished
from sqp_provider.operators.metrics import sync_finished
from sqp_provider.operators.stage import SyncStageOperator, measured, result_of

if TYPE_CHECKING:
    from sqp_provider.hooks.postgres import Database
    from sqp_provider.target.staging import Staging

FINISHED_WELL = ("success", "skipped")


class SyncLogFinishOperator(SyncStageOperator):
    """Write ``completed``, or ``failed`` with the error, and fail if a stage failed.

    Airflow takes the run's state from this task, the run's only leaf, so it must fail to make the run red. The stages'
    states do not decide alone: a person can mark a stage as success although it published nothing.
    """

    @fails_plainly
    @measured
    def execute(self, context: Context) -> str:
        """Write the outcome, drop the staged table, send alerts, and return or fail."""
        from sqp_provider.target.completeness import Completeness
        from sqp_provider.target.staging import Staging
        from sqp_provider.target.sync_log import SyncLog

        sync = self.read_sync(context)
        with self.postgres.transaction() as database:
            error = self.find_failure(database, sync, context)
            SyncLog(database).finish(sync, error)
            self.clean_up(Staging(database, sync), sync, error)
            Completeness(database, sync.period.sync_type).judge_around(sync.period)
        notify_run_finished(self.settings, sync.sync_log_id)
        return self.conclude(sync, error)

    def find_failure(self, database: Database, sync: SyncRun, context: Context) -> Failure | None:
        """Return why the run failed, or None.

        A stage that was killed, or marked by a person, does not matter if the attempt has its outcome already: the
        period is right. Reading the attempt waits for a publish that is about to commit.
        """
        from sqp_provider.target.sync_log import SyncLog

        attempt, error = SyncLog(database).attempt(sync), self.find_error(context)
        if attempt is None or (error and error.was_reported):
            return error
        if attempt.outcome:
            return None
        return error or self.find_nothing_published(database, sync, attempt, context)

    def find_error(self, context: Context) -> Failure | None:
        """Return the error of the first stage that is neither success nor skipped, or None."""
        ti: Any = context["ti"]
        states = self.task_states(ti)
        for stage in STAGES:
            state = states.get(stage)
            if state not in FINISHED_WELL:
                left = ti.xcom_pull(task_ids=stage, key=STAGE_ERROR)
                return Failure.model_validate(left) if left else _silent(stage, state, self.settings.target.schema_name)
        return None

    def find_nothing_published(
        self, database: Database, sync: SyncRun, attempt: Attempt, context: Context
    ) -> Failure | None:
        """Return an error if no stage of this attempt published and the period may differ from the source.

        That happens when single stages are cleared, because log_start and log_finish run again with each of them.
        """
        from sqp_provider.target.sync_log import SyncLog
        from sqp_provider.target.target import Target

        if sync.options.dry_run:
            return None
        log, target = SyncLog(database), Target(database, sync)
        ledger = target.ledger()
        extracted = result_of(STAGES[0], context) is not None
        try:
            result = settle(sync, attempt, ledger, intact=target.is_intact(ledger), extracted=extracted)
        except (NothingPublished, Superseded) as error:
            return Failure.of(STAGES[-1], error)
        log.record_counts(sync, result, {"outcome": result.how})
        return None

    def clean_up(self, staging: Staging, sync: SyncRun, error: Failure | None) -> None:
        """Drop what was staged, unless a person needs it to look at failed checks, or to publish it after all."""
        if error is None or error.type not in (ChecksFailed.__name__, TargetBusy.__name__):
            staging.drop_leftovers(of_finished_runs=error is None and not sync.options.dry_run)

    def conclude(self, sync: SyncRun, error: Failure | None) -> str:
        """Log the outcome, and raise if the run failed."""
        sync_finished(sync.period.sync_type, "failed" if error else "completed", self.settings.labels)
        if error:
            told = error.message.removeprefix(f"{sync.period}: ")
            raise SyncFailed(f"{sync} failed in {error.stage}: {told}")
        self.log.info("%s completed", sync)
        return "completed"


def _silent(stage: str, state: str | None, schema: str) -> Failure:
    happened = f"'{stage}' never started" if state is None else f"'{stage}' finished as {state} and reported no error"
    message = (
        f"{happened}: it was killed, or a person marked it. See its log, and {schema}.period_status for what is "
        f"published. Clear '{stage}'."
    )
    return Failure(stage=stage, type="Killed", message=message)
