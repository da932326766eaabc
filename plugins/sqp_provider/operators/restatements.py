"""The check for restatements: find the periods that differ from the source, and return the runs that sync them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from sqp_provider.core.errors import SyncError
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.restatement import Finding, find_restatements, is_its_turn, stretches
from sqp_provider.core.trigger import refuse_unknown_keys
from sqp_provider.failures import fails_plainly
from sqp_provider.notifications.alerts import notify_late_periods, notify_run_finished
from sqp_provider.operators.owner import owner_of
from sqp_provider.operators.stage import SyncStageOperator
from sqp_provider.operators.stale_runs import close_stale_runs

if TYPE_CHECKING:
    from sqp_provider.target.periods import Accounted


class RestatementCheckOperator(SyncStageOperator):
    """Compare the source with the ledger, and return the arguments of one ``SyncRunOperator`` for each sync.

    The window ends with the newest period whose publication delay had passed when the run was due. Params:
    ``sync_types``, ``periods`` (instead of the configured window) and ``dry_run`` (report, and return nothing).

    :param sync_type: the type to check.
    """

    template_fields: Sequence[str] = ()
    sync_type: SyncType

    def __init__(self, *, sync_type: SyncType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sync_type = sync_type

    @fails_plainly
    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Check the type, log what was found, and return the runs to trigger."""
        from sqp_provider.target.schema_state import SchemaState

        dag_run: Any = context["dag_run"]
        refuse_unknown_keys(dag_run.conf, set(context["dag"].params))
        if self.sync_type.value not in context["params"]["sync_types"]:
            self.log.info("%s is not in sync_types, so nothing was checked", self.sync_type)
            return []
        with self.postgres.transaction() as database:
            SchemaState(database).claim(owner_of(self.settings))
        self.source.refuse_if_unusable()
        self.close_stale_runs(context)
        self.check_stored(context)
        windows = self.windows(context)
        day = context["dag_run"].run_after.date()
        findings = [finding for window in windows for finding in self.check(window, day)]
        self.judge([period for window in windows for period in window], context)
        self.report(findings)
        to_sync = [finding.period for finding in findings if finding.action == "sync"]
        if context["params"]["dry_run"]:
            return []
        return [
            trigger(self.settings.dag_id(self.sync_type), period, context["dag_run"].run_after) for period in to_sync
        ]

    def close_stale_runs(self, context: Context) -> None:
        """Close the rows of dead runs, because a period with an open row counts as being synced."""
        for run in close_stale_runs(self.postgres, context["ti"], self.log, self.settings):
            notify_run_finished(self.settings, run.sync_log_id)

    def check_stored(self, context: Context) -> None:
        """Compare the rows of published periods with what was published: the window, later ones, older ones in turn.

        A month or quarter that is not the sum of its weeks is summed anew; any other becomes ``overwritten``, and is
        synced again.
        """
        from sqp_provider.target.periods import accounted_periods

        run_after, window = context["dag_run"].run_after, self.window(context)
        oldest = min((period.first_day for period in window), default=date.max)
        with self.postgres.transaction() as database:
            accounted = accounted_periods(database, self.sync_type)
        for known in accounted:
            is_recent = known.period.first_day >= oldest
            if not (is_recent or is_its_turn(known.period, run_after.date()) or known.must_be_summed):
                continue
            if known.state == "synced":
                with self.postgres.transaction() as database:
                    if not known.is_intact(database):
                        self.log.warning("%s: its rows are not those that were published", known.period)
            elif not context["params"]["dry_run"]:
                self.sum_anew(known)

    def sum_anew(self, known: Accounted) -> None:
        """Make a month or quarter the sum of its weeks. If that fails, the others are checked all the same."""
        try:
            result = known.sum_anew(self.postgres, self.log, self.settings.target.lock_timeout_seconds / 10)
        except SyncError as error:
            self.log.error("%s could not be summed anew: %s", known.period, error)
            return
        if result.changes:
            self.log.warning("%s was not the sum of its weeks: %s", known.period, result)

    def window(self, context: Context) -> list[Period]:
        """Return the periods that are checked every day, newest first."""
        sync_type = self.sync_type
        periods = context["params"]["periods"] or self.settings.restatements.periods_of(sync_type)
        delay = self.settings.schedule.delay(sync_type)
        return Period.latest_due(sync_type, context["dag_run"].run_after, delay).with_previous(periods)

    def windows(self, context: Context) -> list[list[Period]]:
        """Return the periods to check, newest first.

        Older periods are added if they, or a week of them, changed after they were published.
        """
        from sqp_provider.target.periods import doubted_periods

        window = self.window(context)
        if not window:
            return []
        with self.postgres.transaction() as database:
            doubted = doubted_periods(database, self.sync_type)
        return [window, *stretches((period for period in doubted if period not in window), longest=len(window))]

    def check(self, window: list[Period], day: date) -> list[Finding]:
        """Read the source's totals, write them into ``source_period``, and compare them with the ledger.

        :param day: on which the check was due; what should be there by then is synced though the source has nothing.
        """
        from sqp_provider.target.periods import Periods

        seen_at = datetime.now(UTC)
        source = self.source.window_totals(self.sync_type, window)
        with self.postgres.transaction() as database:
            periods = Periods(database, self.sync_type, window)
            periods.record_seen(source, seen_at)
            known = periods.known(day)
        return find_restatements(window, source, known)

    def judge(self, periods: list[Period], context: Context) -> None:
        """Write how many ASINs the periods should have, and have. A run that was killed has not done that.

        Then people are notified of the periods that are not complete after their usual day.
        """
        from sqp_provider.target.completeness import Completeness

        with self.postgres.transaction() as database:
            lacking = Completeness(database, self.sync_type).lacking_asins()
        for period in lacking:  # each by itself, so that nobody waits for all of them
            with self.postgres.transaction() as database:
                Completeness(database, self.sync_type).note_asins(period)
        for period in lacking:
            with self.postgres.transaction() as database:
                Completeness(database, self.sync_type).judge_around(period)
        with self.postgres.transaction() as database:
            Completeness(database, self.sync_type).judge(periods)
        with self.postgres.transaction() as database:
            answers = Completeness(database, self.sync_type).answers(periods)
        if not context["params"]["dry_run"]:
            notify_late_periods(self.settings, answers, context["ti"])

    def report(self, findings: list[Finding]) -> None:
        """Log one line for each period; a period that only a person can put right is a warning."""
        for finding in findings:
            write = self.log.warning if finding.found.needs_a_person else self.log.info
            write("%s", finding)
        to_sync = sum(finding.action == "sync" for finding in findings)
        self.log.info("%s periods checked, %s to sync", len(findings), to_sync)


def trigger(dag_id: str, period: Period, run_after: datetime) -> dict[str, Any]:
    """Return the arguments that start the period's sync.

    The run id is ``restatement__weekly_2026-11-08__2026-11-23T06:00:00``. A check or a sync that is cleared gives the
    same id again, so that it runs the same run again and starts no second one.
    """
    name = f"{period.sync_type}_{period.first_day}"
    return {
        "trigger_dag_id": dag_id,
        "trigger_run_id": f"restatement__{name}__{run_after:%Y-%m-%dT%H:%M:%S}",
        "conf": {"period_start": period.first_day.isoformat()},
    }
