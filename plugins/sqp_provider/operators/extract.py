"""Stage extract: one BigQuery job that writes the period's clean and rejected rows into a snapshot table."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context
from google.cloud.bigquery import QueryJob

from sqp_provider.core.run import SyncRun
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.failures import fails_plainly
from sqp_provider.operators import lineage
from sqp_provider.operators.links import BigQueryJobLink, SyncPageLink
from sqp_provider.operators.stage import SyncStageOperator, measured
from sqp_provider.target.sync_log import SyncLog
from sqp_provider.triggers.bigquery_job import BigQueryJobTrigger, wait_until_done


class BigQuerySnapshotOperator(SyncStageOperator):
    """Take the snapshot and return its :class:`~sqp_provider.core.snapshot.Snapshot` as a dict.

    A job longer than ``schedule.defer_after_seconds`` frees the worker and is waited for by the triggerer. Killing
    the task cancels the job in either place.
    """

    operator_extra_links = (SyncPageLink(), BigQueryJobLink())
    job: QueryJob | None = None

    @fails_plainly
    @measured
    def execute(self, context: Context) -> dict[str, Any]:
        """Start the job, wait or defer, and describe the snapshot."""
        sync = self.read_sync(context)
        self.source.refuse_if_unusable()
        schema, try_number = self.settings.target.schema_name, context["ti"].try_number
        self.job = self.source.start_extract(sync, schema, try_number)
        self.defer_if_long(self.job)
        return self.describe(sync, self.job)

    @fails_plainly
    @measured
    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on when the triggerer has seen the job's end."""
        self.job = self.bigquery.get_started(event["job_id"], event["location"])
        return self.describe(self.read_sync(context), self.job)

    def defer_if_long(self, job: QueryJob) -> None:
        """Leave the worker when the job is not done in time."""
        if wait_until_done(job, seconds=self.settings.schedule.defer_after_seconds):
            return
        self.log.info("BigQuery job %s is still running; the triggerer waits for it from here", job.job_id)
        source = self.settings.source
        trigger = BigQueryJobTrigger(source.conn_id, str(job.job_id), job.location, source.retry_seconds)
        self.defer(trigger=trigger, method_name="resume")

    def describe(self, sync: SyncRun, job: QueryJob) -> dict[str, Any]:
        """Read the snapshot's totals and log them."""
        snapshot = self.source.read_totals(sync, job)
        with self.postgres.transaction() as database:
            SyncLog(database).record_snapshot(sync, snapshot)
        self.report(sync, snapshot)
        self.source.refuse_if_empty(sync, snapshot)
        return snapshot.model_dump(mode="json")

    def report(self, sync: SyncRun, snapshot: Snapshot) -> None:
        """Log what the snapshot holds."""
        self.log.info(
            "%s: %s rows and %s rejects from %s source rows, %s bytes scanned, fingerprint %s",
            sync.period,
            f"{snapshot.totals.row_count:,}",
            f"{snapshot.reject_count:,}",
            f"{snapshot.source_rows:,}",
            f"{snapshot.bytes_processed:,}",
            snapshot.fingerprint,
        )

    def counts(self, result: dict[str, Any]) -> dict[str, int]:
        """Rows and rejects of the snapshot."""
        return {"rows.extracted": result["totals"]["row_count"], "rejects": result["reject_count"]}

    def get_openlineage_facets_on_complete(self, ti: Any) -> Any:
        """Tell OpenLineage what was read."""
        found = self.result or {}
        return lineage.read(self.source_table, found.get("source_rows"), found.get("bytes_processed"))

    def on_kill(self) -> None:
        """Cancel the job: nobody waits for it any more."""
        if self.job is not None:
            self.bigquery.cancel(str(self.job.job_id), self.job.location)
