"""Stage extract: write the period's clean and rejected rows into a snapshot table, with one BigQuery job."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from sqp_provider.core.publish import SKIPPED, PublishResult
from sqp_provider.core.run import SyncRun
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.failures import fails_plainly
from sqp_provider.operators import lineage
from sqp_provider.operators.links import BigQueryJobLink, SyncPageLink
from sqp_provider.operators.stage import SyncStageOperator, measured

if TYPE_CHECKING:
    from google.cloud.bigquery import QueryJob


class BigQuerySnapshotOperator(SyncStageOperator):
    """Take the snapshot and return its :class:`~sqp_provider.core.snapshot.Snapshot` as a dict.

    If the job takes longer than ``schedule.defer_after_seconds``, the triggerer waits for it and the worker is free.
    If the task is killed, the job is cancelled, whether worker or triggerer waits for it.
    """

    operator_extra_links = (SyncPageLink(), BigQueryJobLink())
    shares_connection = False
    job: QueryJob | None = None

    @fails_plainly
    @measured
    def execute(self, context: Context) -> dict[str, Any]:
        """Start the job, wait for it or defer, and return the snapshot."""
        sync = self.read_sync(context)
        self.source.refuse_if_unusable()
        self.log.info("The extract runs in location %s", self.source.location)  # no loader replaces a missing dataset
        take = partial(self.take, sync, context["ti"].try_number)
        return self.describe(sync, self.bigquery.asked_again(take))

    @fails_plainly
    @measured
    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Continue when the triggerer says that the job has finished."""
        self.job = self.bigquery.get_started(event["job_id"], event["location"])
        sync = self.read_sync(context)
        return self.describe(sync, self.source.read_totals(sync, self.job))

    def take(self, sync: SyncRun, try_number: int, ask: int) -> Snapshot:
        """Start the job and wait for it, or defer. Its source table may be dropped after its columns were read."""
        self.job = self.source.start_extract(sync, self.settings.target.schema_name, try_number, ask)
        self.defer_if_long(self.job)
        return self.source.read_totals(sync, self.job)

    def defer_if_long(self, job: QueryJob) -> None:
        """Free the worker if the job does not finish in time."""
        from sqp_provider.triggers.bigquery_job import BigQueryJobTrigger, wait_until_done

        if wait_until_done(job, seconds=self.settings.schedule.defer_after_seconds):
            return
        self.log.info("BigQuery job %s is still running; the triggerer waits for it now", job.job_id)
        source = self.settings.source
        trigger = BigQueryJobTrigger(
            source.conn_id, str(job.job_id), job.location, source.retry_seconds, project=source.project
        )
        self.defer(trigger=trigger, method_name="resume")

    def describe(self, sync: SyncRun, snapshot: Snapshot) -> dict[str, Any]:
        """Write the snapshot's totals into ``sync_log``, log and return them."""
        from sqp_provider.target.sync_log import SyncLog

        with self.postgres.transaction() as database:
            SyncLog(database).record_snapshot(sync, snapshot)
        self.report(sync, snapshot)
        self.source.refuse_if_mixed(sync, snapshot)
        self.skip_if_expected_later(sync, snapshot)
        self.source.refuse_if_empty(sync, snapshot)
        return snapshot.model_dump(mode="json")

    def skip_if_expected_later(self, sync: SyncRun, snapshot: Snapshot) -> None:
        """Skip the run if the source has nothing of the period yet, and such periods usually come later.

        The daily check syncs it when it has arrived. Rows that are malformed have arrived.
        """
        from sqp_provider.target.completeness import Completeness
        from sqp_provider.target.sync_log import SyncLog

        if snapshot.totals.row_count or snapshot.reject_count or sync.options.allow_empty or sync.options.force:
            return
        with self.postgres.transaction() as database:
            outlook = Completeness(database, sync.period.sync_type).outlook(sync.period)
            if not outlook.is_early(self.today()):
                return
            reason = outlook.not_there(sync.period)
            nothing = PublishResult(how=SKIPPED, inserted=0)
            SyncLog(database).record_counts(sync, nothing, {"outcome": nothing.how, "reason": reason})
        daily = self.settings.named("sqp_restatements")
        raise AirflowSkipException(f"{sync.period} is {reason}. {daily} syncs it when it has arrived.")

    def report(self, sync: SyncRun, snapshot: Snapshot) -> None:
        """Log what the snapshot holds."""
        self.log.info(
            "%s: %s rows landed, %s rejected, %s rows to publish; %s bytes scanned, fingerprint %s",
            sync.period,
            f"{snapshot.source_rows:,}",
            f"{snapshot.reject_count:,}",
            f"{snapshot.totals.row_count:,}",
            f"{snapshot.bytes_processed:,}",
            snapshot.fingerprint,
        )

    def counts(self, result: dict[str, Any]) -> dict[str, int]:
        """Return rows and rejects of the snapshot."""
        return {"rows.extracted": result["totals"]["row_count"], "rejects": result["reject_count"]}

    def get_openlineage_facets_on_complete(self, ti: Any) -> Any:
        """Return what was read, for OpenLineage."""
        found = self.result or {}
        return lineage.read(self.source_table, found.get("source_rows"), found.get("bytes_processed"))

    def on_kill(self) -> None:
        """Cancel the job, because nothing waits for it any more."""
        if self.job is not None:
            self.bigquery.cancel(str(self.job.job_id), self.job.location)
