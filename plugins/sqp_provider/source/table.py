"""The source table: check it against the configuration, take snapshots of it, and read its totals."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

from google.cloud import bigquery

from sqp_provider.core.empty_period import NearMisses, RejectedFor, explain
from sqp_provider.core.errors import SourceEmpty, SourceUnusable, SyncError
from sqp_provider.core.period import Period, PeriodType, SyncType
from sqp_provider.core.run import SyncRun
from sqp_provider.core.snapshot import PeriodTotals, Snapshot
from sqp_provider.core.source_settings import SourceSettings
from sqp_provider.hooks.bigquery import SqpBigQueryHook, Value, qualified
from sqp_provider.hooks.bigquery_errors import expired, is_missing
from sqp_provider.source.fit import problems
from sqp_provider.source.landing import Landing
from sqp_provider.sql_files import bigquery_statement


class Source:
    """The configured source table.

    :param labels: what the jobs carry besides their own, ``{"feed": "acme_us"}``.
    """

    def __init__(
        self, hook: SqpBigQueryHook, settings: SourceSettings, labels: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.hook = hook
        self.settings = settings
        self.labels = labels

    @cached_property
    def location(self) -> str:
        """Where the extract runs: the configured location, else the location of the staging dataset.

        :raises SourceUnusable: the staging dataset is missing.
        """
        return self.settings.location or self.hook.location_of(self.settings.staging_dataset)

    @cached_property
    def landing(self) -> Landing:
        """What the settings say of the tables, together with what BigQuery says of them.

        :raises SourceUnusable: a table is missing, or the account may not read it.
        """
        names = [
            name
            for table in self.settings.tables
            for name in (self.hook.tables_like(table) if table.endswith("*") else [table])
        ]
        return Landing(self.settings, [self.hook.facts_of(name) for name in names])

    def problems(self) -> list[str]:
        """Return what the settings say that does not fit the tables, each with what was found and expected."""
        return list(problems(self.landing))

    def refuse_if_unusable(self) -> None:
        """Compare the mapped columns with the columns of the table.

        :raises SourceUnusable: the table or a column is missing, or a column has another type.
        """
        if problems := self.problems():
            raise SourceUnusable(
                f"BigQuery table {self.settings.label} does not fit source in sqp_config.yaml: "
                f"{'; '.join(problems)}. The target is unchanged. "
                "Correct the mapping, or map an optional column to null."
            )

    def snapshot_table(self, name: str) -> str:
        """Return the full name of a snapshot table, ``sqp-demo.sqp_staging.sqp_weekly_20261108_12_1_1_8f14e45f``."""
        return qualified(f"{self.settings.staging_dataset}.{name}", self.hook.project_id)

    def extract_statement(self, sync: SyncRun, snapshot: str) -> str:
        """Render the snapshot statement; its parameters are :meth:`parameters`."""
        return self._rendered(
            "extract", sync.period.sync_type, snapshot=snapshot, snapshot_hours=self.settings.snapshot_hours
        )

    def totals_statement(self, sync_type: SyncType) -> str:
        """Render the statement that reads the totals of a window of periods."""
        return self._rendered("totals", sync_type, snapshot=None)

    def reject_reasons_statement(self, sync_type: SyncType) -> str:
        """Render the statement that reads why rows of a window of periods are rejected."""
        return self._rendered("reject_reasons", sync_type, snapshot=None)

    def dates_statement(self, feeds: Sequence[str], *, recent: bool) -> str:
        """Render the statement that reads which periods rows are of.

        :param feeds: columns whose values it reads along, by path.
        :param recent: only rows of a window of periods, else all.
        """
        leaves = [self.landing.leaf_of(path) for path in feeds]
        return self._rendered("dates", SyncType.WEEKLY, feeds=leaves, recent=recent)

    def landings_statement(self, sync_type: SyncType, *, by_query: bool, by_asin: bool) -> str:
        """Render the statement that shows all landings of a period, or those of one query, one ASIN or both."""
        return self._rendered("landings", sync_type, by_query=by_query, by_asin=by_asin)

    def share_statement(self) -> str:
        """Render the statement that counts the rows of a window of weeks, and those of them that belong to the feed."""
        return self._rendered("share", SyncType.WEEKLY)

    def parameters(self, first: Period, last: Period | None = None) -> dict[str, Value]:
        """Return the values of a statement's parameters, for one period or for a window of periods."""
        parameters: dict[str, Value] = {
            "first_day": first.first_day,
            "last_day": (last or first).last_day,
            "report_period": self._reported(first.sync_type).unit,
        }
        return parameters | self.landing.parameters

    def start_extract(self, sync: SyncRun, schema: str, try_number: int, ask: int = 1) -> bigquery.QueryJob:
        """Start the job that writes the snapshot. The snapshot table has the job's name.

        :param ask: 2 and more if the try's job before it did not find the source table; a job's id is used once.
        """
        name = snapshot_name(sync, schema, try_number) + (f"_{ask}" if ask > 1 else "")
        return self.hook.start_query(
            self.extract_statement(sync, self.snapshot_table(name)),
            job_id=name,
            location=self.location,
            parameters=self.parameters(sync.period),
            labels=self._labels(sync.period, "extract"),
            maximum_bytes_billed=self.settings.maximum_bytes_billed,
        )

    def read_totals(self, sync: SyncRun, job: bigquery.QueryJob) -> Snapshot:
        """Wait for the job and read the totals of the snapshot that it wrote."""
        snapshot = self.snapshot_table(str(job.job_id))
        self.hook.finish(job)
        extras = self.settings.extras(sync.period.sync_type)
        statement = bigquery_statement("totals", sync.period.sync_type, extras, snapshot=snapshot)
        (row,) = self._rows("totals", sync.period, statement)
        return Snapshot(
            **PeriodTotals.from_row(row).model_dump(),
            extras=extras,
            table=snapshot,
            job_id=str(job.job_id),
            snapshot_at=job.started or job.created,  # a query reads its tables as they are when it starts
            bytes_processed=job.total_bytes_processed or 0,
        )

    def copy_changes(self, sync: SyncRun, snapshot: Snapshot, hashes: Sequence[int]) -> str:
        """Write the snapshot's rows that have one of these hashes into a table of their own, and return its name.

        :raises SnapshotExpired: the snapshot is gone.
        :raises SourceUnusable: BigQuery refuses to copy them.
        """
        changes = f"{snapshot.table}_changes"
        statement = bigquery_statement(
            "changes",
            sync.period.sync_type,
            snapshot=snapshot.table,
            changes=changes,
            snapshot_hours=self.settings.snapshot_hours,
        )
        labels = self._labels(sync.period, "changes")
        try:
            self.hook.rows(statement, {"hashes": ",".join(map(str, hashes))}, location=self.location, labels=labels)
        except SourceUnusable as error:
            if not is_missing(error):
                raise
            raise expired(snapshot.table) from error
        return changes

    def window_totals(self, sync_type: SyncType, periods: Sequence[Period]) -> dict[Period, PeriodTotals]:
        """Return the source's current totals of several periods, read by one statement; no entry for an empty period.

        :param periods: periods of that type, in any order. Periods between them are read too, but not returned.
        """
        first, last = min(periods), max(periods)
        statement = self.totals_statement(sync_type)
        rows = self.hook.asked_again(
            lambda _: self._rows("restatements", first, statement, self.parameters(first, last))
        )
        found = {Period.starting(sync_type, row["period_start"]): PeriodTotals.from_row(row) for row in rows}
        return {period: totals for period, totals in found.items() if period in periods}

    def refuse_if_mixed(self, sync: SyncRun, snapshot: Snapshot) -> None:
        """Stop a sync in which rows of several feeds would be taken for copies of each other, or added up.

        :raises SourceUnusable: a column that nobody decided about has several values.
        """
        if len(snapshot.feeds) < 2:
            return
        columns = [leaf.path for leaf in self.landing.undecided]
        first, last = snapshot.feeds
        raise SourceUnusable(
            f"{sync.period}: BigQuery table {self.settings.label} has rows of several sellers, clients or "
            f"marketplaces: some have {first}, others {last}. They would be taken for copies "
            "of each other. The target is unchanged. Say in sqp_config.yaml which rows to sync, "
            f"source.where: {{{columns[0]}: …}}, or that all belong together, "
            f"source.same_feed: [{', '.join(columns)}]; then clear 'extract'."
        )

    def refuse_if_empty(self, sync: SyncRun, snapshot: Snapshot) -> None:
        """Stop a sync whose snapshot has no rows, unless the run allows an empty period.

        :raises SourceEmpty: says what the source has instead.
        """
        if snapshot.totals.row_count or sync.options.allow_empty:
            return
        period, near = sync.period, self._near_misses(sync)
        rejected = self._rejected(sync, snapshot) if snapshot.reject_count else ()
        settings = self.settings
        raise SourceEmpty(explain(period, settings.label, near, rejected, snapshot.table, snapshot.reject_count))

    def _near_misses(self, sync: SyncRun) -> NearMisses | str:
        """Return what is near the period. If this query fails, the error still says that the period is empty."""
        try:
            statement = self._rendered("near_misses", sync.period.sync_type)
            (row,) = self._rows("near-misses", sync.period, statement, self.parameters(sync.period))
        except SyncError as error:
            return str(error)
        return NearMisses(**row)

    def _rejected(self, sync: SyncRun, snapshot: Snapshot) -> list[RejectedFor]:
        """Return the commonest reasons of the rejects, each with an example."""
        statement = bigquery_statement("reject_reasons", SyncType.WEEKLY, snapshot=snapshot.table)
        return [RejectedFor(**row) for row in self._rows("reject-reasons", sync.period, statement)]

    def _rows(
        self, purpose: str, period: Period, statement: str, parameters: dict[str, Value] | None = None
    ) -> list[dict[str, Any]]:
        """Run a small query where the extract runs, with its labels; one of the source, with parameters, is capped."""
        return self.hook.rows(
            statement,
            parameters,
            self.settings.maximum_bytes_billed if parameters else None,
            location=self.location,
            labels=self._labels(period, purpose),
        )

    def _labels(self, period: Period, purpose: str) -> dict[str, str]:
        """Return a query's labels: ``{"sync_type": "weekly", "period": "20261108", "purpose": "extract"}``."""
        return {"sync_type": period.sync_type.value, "period": period.compact, "purpose": purpose, **self.labels}

    def _reported(self, sync_type: SyncType) -> PeriodType:
        """Return what one landed row reports on: a week, where months and quarters are summed from weeks."""
        return (SyncType.WEEKLY if self.settings.is_summed_from_weeks(sync_type) else sync_type).period_type

    def _rendered(self, template: str, sync_type: SyncType, **names: Any) -> str:
        extras, reported = self.settings.extras(sync_type), self._reported(sync_type)
        return bigquery_statement(template, sync_type, extras, landing=self.landing, reported=reported, **names)


def snapshot_name(sync: SyncRun, schema: str, try_number: int) -> str:
    """Return the name of a try's job and table: ``sqp_weekly_20261108_12_1_1_8f14e45f``.

    The last part is a hash of run and start. It differs between databases that share a staging dataset, in which the
    same numbers occur.
    """
    origin = f"{sync.run_id} {sync.started_at.isoformat()}"
    token = hashlib.sha256(origin.encode()).hexdigest()[:8]
    period = f"{sync.period.sync_type}_{sync.period.compact}"
    return f"{schema}_{period}_{sync.sync_log_id}_{sync.attempt}_{try_number}_{token}"
