"""Stage log_start: find the run's period and write its row, or start a new attempt on the row it has."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from sqp_provider.core.errors import InvalidPeriod, InvalidTrigger
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncOptions
from sqp_provider.core.trigger import refuse_one_period_for_a_backfill, refuse_unknown_keys
from sqp_provider.failures import fails_plainly, failure_of
from sqp_provider.notifications.alerts import notify_run_finished
from sqp_provider.operators.metrics import sync_finished
from sqp_provider.operators.owner import owner_of
from sqp_provider.operators.stage import SyncStageOperator, measured
from sqp_provider.operators.stale_runs import close_stale_runs

if TYPE_CHECKING:
    from sqp_provider.hooks.postgres import Database


class SyncLogStartOperator(SyncStageOperator):
    """Write the run's ``sync_log`` row as ``started`` and return its id.

    The period is ``params.period_start``, else the data interval, else the newest period whose publication delay
    had passed when the run was due: a weekly run due on 2026-11-19 00:00 syncs 2026-11-08..2026-11-14.

    :param sync_type: ``weekly``, ``monthly`` or ``quarterly``.
    """

    sync_type: SyncType

    def __init__(self, *, sync_type: SyncType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sync_type = sync_type

    @fails_plainly
    @measured
    def execute(self, context: Context) -> int:
        """Write the row, close the rows of dead runs, and return the row's id.

        If the trigger has a mistake, the row is written as failed and without a period.
        """
        from sqp_provider.target.schema_state import SchemaState

        options = SyncOptions.model_validate(dict(context["params"]))
        try:
            self.refuse_mistakes(context)
            period = self.find_period(context)
            period.refuse_unless_ended(self.today(), self.settings.schedule.delay(self.sync_type))
        except InvalidTrigger as error:
            self.log_refusal(context, options, error)
            raise
        with self.postgres.transaction() as database:
            SchemaState(database).claim(owner_of(self.settings))
            sync_log_id, attempt = self.start(database, context, period, options)
        self.name_sync(period, sync_log_id)
        self.log.info("%s: sync_log %s, attempt %s", period, sync_log_id, attempt)
        self.close_stale_runs(context, sync_log_id)
        return sync_log_id

    def refuse_mistakes(self, context: Context) -> None:
        """Stop a run with an unknown key in its conf, and a backfill of one period."""
        dag_run: Any = context["dag_run"]
        refuse_unknown_keys(dag_run.conf, set(context["dag"].params))
        refuse_one_period_for_a_backfill(dag_run.run_type, context["params"].get("period_start"))

    def find_period(self, context: Context) -> Period:
        """Return the period of this run.

        :raises InvalidPeriod: the requested date starts no period.
        """
        requested = context["params"].get("period_start")
        interval_start = context.get("data_interval_start")
        if requested:
            return Period.starting(self.sync_type, _day(requested))
        if interval_start and interval_start != context.get("data_interval_end"):
            return Period.starting(self.sync_type, interval_start.date())
        run_after: Any = context["dag_run"].run_after
        return Period.latest_due(self.sync_type, run_after, self.settings.schedule.delay(self.sync_type))

    def start(
        self, database: Database, context: Context, period: Period | None, options: SyncOptions
    ) -> tuple[int, int]:
        """Write the row and return its id and the attempt."""
        from sqp_provider.target.sync_log import DagRunIdentity, SyncLog

        run = DagRunIdentity(context["dag_run"].dag_id, context["dag_run"].run_id)
        return SyncLog(database).start(run, self.sync_type, period, self.settings.source.label, options)

    def close_stale_runs(self, context: Context, own: int) -> None:
        """Close the rows of this type that dead runs left as started."""
        postgres, ti = self.postgres, context["ti"]
        for run in close_stale_runs(postgres, ti, self.log, self.settings, sync_type=self.sync_type, own=own):
            notify_run_finished(self.settings, run.sync_log_id)

    def log_refusal(self, context: Context, options: SyncOptions, error: InvalidTrigger) -> None:
        """Write a row for a run that failed before it started, so that the log has every run."""
        from sqp_provider.target.schema_state import SchemaState
        from sqp_provider.target.sync_log import SyncLog

        failure = failure_of(context["ti"], error)
        with self.postgres.transaction() as database:
            SchemaState(database).claim(owner_of(self.settings))
            sync_log_id, attempt = self.start(database, context, None, options)
            SyncLog(database).close(sync_log_id, attempt, failure)
        sync_finished(self.sync_type, "failed", self.settings.labels)


def _day(requested: Any) -> date:
    try:
        return requested if isinstance(requested, date) else date.fromisoformat(str(requested))
    except ValueError:
        raise InvalidPeriod(
            f"period_start {requested!r} is not a date. The target is unchanged. "
            "Start a new run with a date such as 2026-11-08."
        ) from None
