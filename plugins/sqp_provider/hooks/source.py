"""The source table: is it what the configuration says, and the snapshot statement over it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import Any

from google.cloud import bigquery

from sqp_provider.core.contract import SOURCE_COLUMNS
from sqp_provider.core.errors import SourceEmpty, SourceUnusable, SyncError
from sqp_provider.core.run import SyncRun
from sqp_provider.core.settings import SourceSettings
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.hooks.bigquery import SqpBigQueryHook, explained, qualified
from sqp_provider.hooks.sql_files import bigquery_statement


class Source:
    """The configured table, reached through one hook."""

    def __init__(self, hook: SqpBigQueryHook, settings: SourceSettings) -> None:
        self.hook = hook
        self.settings = settings

    @cached_property
    def location(self) -> str:
        """Where the extract runs: as configured, else where the staging dataset is.

        :raises SourceUnusable: the staging dataset is missing.
        """
        return self.settings.location or self.hook.location_of(self.settings.staging_dataset)

    def refuse_if_unusable(self) -> None:
        """Compare the mapped columns with the table's.

        :raises SourceUnusable: the table or a column is missing, or a column has another type.
        """
        found = self.hook.columns_of(self.settings.table)
        problems = list(_problems(self.settings, found))
        if problems:
            raise SourceUnusable(
                f"BigQuery table {self.settings.table} does not fit source.columns in sqp_config.yaml: "
                f"{'; '.join(problems)}. The target is untouched. "
                "Correct the mapping, or map an optional column to null."
            )

    def snapshot_table(self, name: str) -> str:
        """Return the full name of a snapshot table, ``sqp-demo.sqp_staging.sqp_weekly_20261108_12_1_1_8f14e45f``."""
        return qualified(f"{self.settings.staging_dataset}.{name}", self.hook.project_id)

    def extract_statement(self, sync: SyncRun, snapshot: str) -> str:
        """Render the snapshot statement; its parameters are :meth:`extract_parameters`."""
        return self._rendered(
            "extract",
            snapshot=snapshot,
            snapshot_hours=self.settings.snapshot_hours,
            sync_type=sync.period.sync_type.value,
        )

    def extract_parameters(self, sync: SyncRun) -> dict[str, date | str]:
        """Return the values of the snapshot statement's parameters."""
        parameters: dict[str, date | str] = {
            "first_day": sync.period.first_day,
            "last_day": sync.period.last_day,
            "report_period": sync.period.sync_type.report_period,
        }
        if self.settings.marketplace:
            parameters["marketplace"] = self.settings.marketplace
        return parameters

    def start_extract(self, sync: SyncRun, schema: str, try_number: int) -> bigquery.QueryJob:
        """Start the job that writes the snapshot, a table of the job's own name."""
        name = snapshot_name(sync, schema, try_number)
        return self.hook.start_query(
            self.extract_statement(sync, self.snapshot_table(name)),
            job_id=name,
            location=self.location,
            parameters=self.extract_parameters(sync),
            labels={
                "product": "sqp-sync",
                "sync_type": sync.period.sync_type.value,
                "period": sync.period.compact,
            },
            maximum_bytes_billed=self.settings.maximum_bytes_billed,
        )

    def read_totals(self, job: bigquery.QueryJob) -> Snapshot:
        """Wait for the job's end and read the totals of the table it wrote."""
        snapshot = self.snapshot_table(str(job.job_id))
        with explained(f"BigQuery job {job.job_id}"):
            job.result(retry=self.hook.retry, job_retry=None)
        row = self.hook.first_row(bigquery_statement("snapshot_totals", snapshot=snapshot))
        return Snapshot.from_row(
            row,
            table=snapshot,
            job_id=str(job.job_id),
            snapshot_at=job.created,
            bytes_processed=job.total_bytes_processed or 0,
        )

    def refuse_if_empty(self, sync: SyncRun, snapshot: Snapshot) -> None:
        """No rows is never a success by itself.

        :raises SourceEmpty: says which period was wanted and the newest that the source has.
        """
        if snapshot.totals.row_count or sync.options.allow_empty:
            return
        newest = self._newest_day(sync)
        rejected = f" All {snapshot.reject_count:,} of its rows are malformed." if snapshot.reject_count else ""
        raise SourceEmpty(
            f"{sync.period}: BigQuery table {self.settings.table} has no usable rows for this period; "
            f"the newest it has is {newest}.{rejected} The target is untouched. Clear 'extract' when the figures have "
            "arrived, or run again with allow_empty if the period is meant to be empty."
        )

    def _newest_day(self, sync: SyncRun) -> date | str:
        """Return the newest day of the table; a look-up that fails must not hide that the period is empty."""
        try:
            row = self.hook.first_row(
                self._rendered("newest_day"), self.extract_parameters(sync), self.settings.maximum_bytes_billed
            )
        except SyncError as error:
            return f"unknown ({error})"
        return row["newest"] or "no period at all"

    def _rendered(self, template: str, **names: Any) -> str:
        columns = {column.key: self.settings.name_of(column.key) for column in SOURCE_COLUMNS}
        return bigquery_statement(
            template,
            source=qualified(self.settings.table, self.hook.project_id),
            columns={key: f"landed_row.`{name}`" if name else None for key, name in columns.items()},
            **names,
        )


def snapshot_name(sync: SyncRun, schema: str, try_number: int) -> str:
    """Return the name of a try's job and table: ``sqp_weekly_20261108_12_1_1_8f14e45f``.

    The last part differs between databases that share a staging dataset and count their runs alike.
    """
    origin = f"{sync.run_id} {sync.started_at.isoformat()}"
    token = hashlib.sha256(origin.encode()).hexdigest()[:8]
    period = f"{sync.period.sync_type}_{sync.period.compact}"
    return f"{schema}_{period}_{sync.sync_log_id}_{sync.attempt}_{try_number}_{token}"


def _problems(settings: SourceSettings, found: dict[str, str]) -> Iterator[str]:
    by_name = {name.lower(): kind for name, kind in found.items()}  # BigQuery tells names apart by letters, not case
    for key, (column, name) in settings.mapped().items():
        kind = by_name.get(name.lower())
        if kind is None:
            yield f"column `{name}` (for {key}) is missing; the table has {', '.join(sorted(found))}"
            continue
        bigquery_type, mode = kind.split(" ", 1)
        if bigquery_type not in column.bigquery_types or mode == "REPEATED":
            yield f"column `{name}` (for {key}) is {kind}, expected {' or '.join(column.bigquery_types)}"
