"""Stage publish: make the staged period visible in one transaction."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from sqp_provider.assets import emit_published
from sqp_provider.core.errors import DeletesRefused, StagedMissing
from sqp_provider.core.fence import refuse_older_snapshot
from sqp_provider.core.period import SyncType
from sqp_provider.core.publish import HELD, AlreadyPublished, PublishResult, refuse_large_delete
from sqp_provider.core.run import SyncRun
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.failures import fails_plainly
from sqp_provider.operators import lineage
from sqp_provider.operators.stage import SyncStageOperator, measured

if TYPE_CHECKING:
    from sqp_provider.target.target import Target


class SyncPublishOperator(SyncStageOperator):
    """Attach the staged table as a new period's partition, replace the one that is there, or write what differs.

    Returns a :class:`~sqp_provider.core.publish.PublishResult` as a dict. A dry run compares and writes nothing.
    A published period is an event of the asset :func:`sqp_provider.assets.published`.
    """

    @fails_plainly
    @measured
    def execute(self, context: Context) -> dict[str, Any]:
        """Publish and return what changed."""
        snapshot, sync = self.read_snapshot(context), self.read_sync(context)
        self.skip_if_published(sync, snapshot)
        if sync.options.dry_run:
            result = self.compare(sync, snapshot)
        else:
            self.hold_if_arriving(sync, snapshot)
            result = self.publish(sync, snapshot)
            emit_published(context["outlet_events"], sync, result, self.settings.target.schema_name)
        self.report(sync, snapshot, result)
        return result.model_dump(mode="json")

    def hold_if_arriving(self, sync: SyncRun, snapshot: Snapshot) -> None:
        """Skip the publish of a new period that lacks ASINs or rows, if the settings say so.

        The daily check tries again.
        """
        from sqp_provider.target.completeness import Completeness
        from sqp_provider.target.sync_log import SyncLog

        if not self.settings.completeness.hold or sync.options.force or sync.options.allow_empty:
            return
        with self.postgres.transaction() as database:
            completeness = Completeness(database, sync.period.sync_type)
            outlook = completeness.outlook(sync.period)
            staged = completeness.staged_asins(sync, snapshot.totals.row_count)
            if staged is None or staged.is_complete or not outlook.is_early(self.today()):
                return
            reason = outlook.held(sync.period, staged)
            nothing = PublishResult(how=HELD, inserted=0)
            SyncLog(database).record_counts(sync, nothing, {"outcome": nothing.how, "reason": reason})
        daily = self.settings.named("sqp_restatements")
        raise AirflowSkipException(f"{sync.period} is {reason}. {daily} tries again. Run it with force to publish it.")

    def report(self, sync: SyncRun, snapshot: Snapshot, result: PublishResult) -> None:
        """Log where every landed row went, and what was changed for that."""
        if result.how == "dry run":
            self.log.info("%s: nothing was written, %s", sync.period, result)
            return
        self.log.info("%s: %s (see sync %s)", sync.period, snapshot.balance, sync.sync_log_id)
        self.log.info("%s: %s", sync.period, result)

    def counts(self, result: dict[str, Any]) -> dict[str, int]:
        """Return how many rows of the target changed; a dry run changes none."""
        changes = ("inserted", "updated", "deleted")
        return {f"rows.{change}": 0 if result["how"] == "dry run" else result[change] for change in changes}

    def get_openlineage_facets_on_complete(self, ti: Any) -> Any:
        """Return which table was written from which, for OpenLineage."""
        if self.sync_type is None:
            return None
        server, database = self.postgres.address()
        table = f"{database}.{self.settings.target.schema_name}.{self.sync_type.target_table}"
        changed = sum(self.counts(self.result).values()) if self.result else None
        return lineage.published(self.source_table, server, table, changed)

    def publish(self, sync: SyncRun, snapshot: Snapshot) -> PublishResult:
        """Refuse what must not be published, then change target, ledger and log together."""
        from sqp_provider.target.publication import Publication

        with self.skipped_for_newer_run(sync):
            publication = Publication(
                self.postgres,
                sync,
                self.log,
                give_up_at=time.monotonic() + self.seconds_to_wait,
                rows=snapshot.totals.row_count,
                sums=snapshot.totals.sums,
                check=partial(self.refuse, snapshot=snapshot),
                judge=self.refuse_large_delete,
                conclude=partial(self.conclude, snapshot=snapshot),
                renew=self.staged_period(sync, snapshot).renew,
            )
            try:
                return publication.publish()
            except AlreadyPublished:
                return PublishResult(how="already published", inserted=0, unchanged=snapshot.totals.row_count)

    @property
    def seconds_to_wait(self) -> float:
        """How long a lock may be refused before the stage's time is up."""
        stage = self.settings.schedule.stage_timeout_minutes * 60
        return min(self.settings.target.lock_timeout_seconds, stage * 0.9)

    def refuse(self, target: Target, snapshot: Snapshot) -> None:
        """Stop unless this run may publish this snapshot, and its rows are staged.

        :raises AlreadyPublished: an earlier try of this attempt committed, but failed before it could return.
        """
        target.refuse_if_superseded()
        refuse_older_snapshot(target.sync, snapshot.snapshot_at, target.ledger())
        if target.published_by_this_attempt():
            raise AlreadyPublished
        try:
            target.changes.refuse_unless_of(snapshot)
        except StagedMissing:
            if target.published_by_this_attempt():  # since the line above
                raise AlreadyPublished from None
            raise

    def conclude(self, target: Target, result: PublishResult, snapshot: Snapshot) -> None:
        """Write what belongs into the transaction that publishes."""
        from sqp_provider.target.sync_log import SyncLog

        target.record_published(snapshot)
        if result.changes and target.sync.period.sync_type is SyncType.WEEKLY and self.sums_months_from_weeks:
            target.mark_outdated(snapshot)
        SyncLog(target.database).record_counts(
            target.sync, result, {"outcome": result.how, "rows": snapshot.balance.model_dump()}
        )

    @property
    def sums_months_from_weeks(self) -> bool:
        """Whether the sync of a month adds up what the source has of its weeks."""
        return self.settings.source.is_summed_from_weeks(SyncType.MONTHLY)

    def compare(self, sync: SyncRun, snapshot: Snapshot) -> PublishResult:
        """Return what publishing would change, and write only the run's own row of ``sync_log``."""
        from sqp_provider.target.sync_log import SyncLog
        from sqp_provider.target.target import Target

        with self.postgres.transaction() as database:
            target = Target(database, sync)
            target.changes.refuse_unless_of(snapshot)
            is_stale = target.is_stale(target.version())
        if is_stale:
            self.staged_period(sync, snapshot).renew()
        with self.postgres.transaction() as database:
            target = Target(database, sync)
            found = target.find_difference()
            target.forget_difference()
            result = found.model_copy(update={"how": "dry run"})
            would = result.model_dump(mode="json") | {"refused": self.refusal(target, found)}
            nothing = PublishResult(how="dry run", inserted=0, unchanged=snapshot.totals.row_count)
            SyncLog(database).record_counts(sync, nothing, {"outcome": "dry run", "would_change": would})
        return result

    def refuse_large_delete(self, target: Target, found: PublishResult) -> None:
        """Stop a publish that deletes more than ``max_delete_fraction`` allows."""
        fraction = self.settings.target.max_delete_fraction
        refuse_large_delete(target.sync, found, target.label, target.ledger(), fraction)

    def refusal(self, target: Target, found: PublishResult) -> str | None:
        """Return why publishing would be refused, or None."""
        try:
            self.refuse_large_delete(target, found)
        except DeletesRefused as error:
            self.log.warning("%s", error)
            return str(error)
        return None
