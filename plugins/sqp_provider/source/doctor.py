"""What the doctor asks BigQuery. Every question reads metadata, runs dry, or reads a few rows."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from google.api_core import exceptions as google_errors
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types

from sqp_provider.core.cost import cost, size
from sqp_provider.core.doctor import Answer, failed, good, warning
from sqp_provider.core.errors import SourceUnusable
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncRun
from sqp_provider.core.settings import Settings
from sqp_provider.hooks.bigquery import SqpBigQueryHook, explained, qualified
from sqp_provider.source.table import Source

WEEKS_OF_A_YEAR = 52

MOST_BYTES_READ = 64 * 2**20
"""A read session that would scan more is opened and not read: opening it proves the rights."""

LARGE_TABLE = 2**30
"""Below it, a table without partitions costs nothing to speak of."""

_STORAGE_SECONDS = 30.0

_JOB_USER = (
    "Give the connection's account the role BigQuery Job User on project {project} "
    "(roles/bigquery.jobUser, which has bigquery.jobs.create)."
)


class SourceDoctor:
    """The questions about one configured source.

    :param now: decides which week is the newest one due.
    :param price_per_tib: what BigQuery asks for a TiB, if money is wanted.
    """

    def __init__(
        self, hook: SqpBigQueryHook, settings: Settings, now: datetime, price_per_tib: float | None = None
    ) -> None:
        self.hook = hook
        self.settings = settings
        self.source = Source(hook, settings.source)
        self.now = now
        self.price_per_tib = price_per_tib

    @cached_property
    def facts(self) -> bigquery.Table:
        """What BigQuery says of the table."""
        table = self.settings.source.table
        with explained(f"BigQuery table {table}"):
            client = self.hook.client
            return client.get_table(qualified(table, client.project), retry=self.hook.retry)

    @cached_property
    def _refusal(self) -> SourceUnusable | None:
        """How BigQuery refused to run the smallest query dry, if it did for want of a right."""
        try:
            self.hook.bytes_of("select 1")
        except SourceUnusable as error:
            if isinstance(error.__cause__, google_errors.Forbidden):
                return error
            raise
        return None

    def reached(self) -> Answer:
        """Whether BigQuery answers, with the credentials of the connection."""
        said = "and refuses a query" if self._refusal else "and takes a query"
        return good(f"project {self.hook.project_id} answers {said}")

    def job_right(self) -> Answer:
        """Whether the account may run a query in its project."""
        if self._refusal:
            found = str(self._refusal).partition(" The target is unchanged.")[0]
            return failed(found, _JOB_USER.format(project=self.hook.project_id))
        return good("a dry run of a query is accepted")

    def table(self) -> Answer:
        """Whether the source table is there."""
        facts = self.facts
        extent = f": {facts.num_rows or 0:,} rows, {size(facts.num_bytes)}" if facts.num_bytes else ""
        return good(f"{self.settings.source.table} is a {_kind(facts)}{extent}")

    def columns(self) -> Answer:
        """Whether the mapped columns are there and have types that can be read."""
        self.source.refuse_if_unusable()
        mapped = self.settings.source.mapped()
        return good(f"{len(mapped)} mapped columns are there: {', '.join(name for _, name in mapped.values())}")

    def partitioning(self) -> Answer:
        """Whether a sync of a week reads a part of the table, or all of it."""
        facts, dates = self.facts, self._dates()
        if facts.table_type != "TABLE":
            return good("a view has no partitions of its own; the bytes below show whether it prunes")
        column = _partitioned_by(facts)
        advice = f"Partition the table by {dates[0]}, or by month of it: then a sync reads its own days only."
        if column is None and (facts.num_bytes or 0) < LARGE_TABLE:
            return good(f"not partitioned; each sync reads all of it, which is {size(facts.num_bytes or 0)}")
        if column is None:
            found = f"not partitioned; each sync reads all {size(facts.num_bytes or 0)}"
            return warning(found, advice)
        if column.lower() in (name.lower() for name in dates):
            return good(f"by {column}: a sync reads the partitions of its own days")
        if column == _INGESTION:
            found = "by ingestion time, which says nothing about the days of a row: each sync reads all partitions"
            return warning(found, advice)
        return warning(f"by {column}, which is no date of a period: each sync reads all partitions", advice)

    def _dates(self) -> list[str]:
        source = self.settings.source
        return [name for key in ("period_start", "period_end") if (name := source.name_of(key))]

    def clustering(self) -> Answer:
        """By what the table is clustered: that saves bytes where a column has one value for each marketplace."""
        fields = self.facts.clustering_fields
        if fields:
            return good(f"by {', '.join(fields)}; BigQuery may read less than the dry runs below say")
        marketplace = self.settings.source.name_of("marketplace")
        if marketplace and (self.facts.num_bytes or 0) >= LARGE_TABLE:
            return warning(
                "not clustered; each sync reads the rows of all marketplaces",
                f"Cluster the table by {marketplace}, to read those of one.",
            )
        return good("not clustered, and no sync of this configuration would read less if it were")

    def location(self) -> Answer:
        """Whether source and snapshots are in one location, and the extract runs there."""
        source, staging = self.settings.source, self.settings.source.staging_dataset
        try:
            of_snapshots = self.hook.location_of(staging)
        except SourceUnusable as error:
            found = str(error).partition(" The target is unchanged.")[0]
            return failed(
                found, f"Create it: create schema {staging} options (location = '{self._location_of_table()}')"
            )
        of_table = self._location_of_table()
        if of_table.lower() != of_snapshots.lower():
            return failed(
                f"{source.table} is in {of_table}, the dataset {staging} in {of_snapshots}",
                f"Create a dataset in {of_table} and name it in source.staging_dataset.",
            )
        if source.location and source.location.lower() != of_table.lower():
            return failed(
                f"source.location is {source.location}, but table and snapshots are in {of_table}",
                "Remove source.location, or correct it.",
            )
        return good(f"table and dataset {staging} are both in {of_table}")

    def _location_of_table(self) -> str:
        return self.facts.location or self.hook.location_of(self.settings.source.table.rpartition(".")[0])

    def write_right(self) -> Answer:
        """Whether the account may create snapshots. BigQuery checks that right in a dry run, and creates nothing."""
        staging = self.settings.source.staging_dataset
        try:
            self._bytes_of_extract(self.week)
        except SourceUnusable as error:
            if not isinstance(error.__cause__, google_errors.Forbidden):
                raise
            found = str(error).partition(" The target is unchanged.")[0]
            return failed(
                found, f"Give the account the role BigQuery Data Editor on dataset {staging} (bigquery.tables.create)."
            )
        return good(
            f"a dry run that creates a table in {staging} is accepted; quotas and the right to replace that table show "
            "in the first sync only"
        )

    def storage(self) -> Answer:
        """Whether rows can be read over the Storage Read API: a few of the source table itself."""
        if self.facts.table_type != "TABLE":
            return warning(
                f"not proved: the Storage Read API reads no {_kind(self.facts)}, and there is no snapshot to read yet",
                "The first load shows it: without the right it warns, and reads over REST.",
            )
        try:
            with explained(f"reading {self.settings.source.table} over the Storage Read API"):
                return good(self._read_a_little())
        except SourceUnusable as error:
            if not isinstance(error.__cause__, google_errors.Forbidden):
                raise
            found = str(error).partition(" The target is unchanged.")[0]
            return warning(
                f"{found} Rows would be read over REST, about ten times slower.",
                f"Give the account the role BigQuery Read Session User on project {self.hook.project_id}.",
            )

    def _read_a_little(self) -> str:
        """Open a read session of one column, and read it if that is little."""
        facts, client = self.facts, self.hook.storage_client
        flat = {field.name: field.field_type for field in facts.schema if field.mode != "REPEATED"}
        day = next((name for name in self._dates() if flat.get(name) == "DATE"), None)
        options = types.ReadSession.TableReadOptions(selected_fields=[day or next(iter(flat))])
        if day:
            options.row_restriction = (
                f"`{day}` = '{self.week.first_day if day == self._first() else self.week.last_day}'"
            )
        session = client.create_read_session(
            parent=f"projects/{self.hook.project_id}",
            read_session=types.ReadSession(
                table=f"projects/{facts.project}/datasets/{facts.dataset_id}/tables/{facts.table_id}",
                data_format=types.DataFormat.ARROW,
                read_options=options,
            ),
            max_stream_count=1,
            timeout=_STORAGE_SECONDS,
        )
        if session.estimated_total_bytes_scanned > MOST_BYTES_READ:
            scanned = size(session.estimated_total_bytes_scanned)
            return f"a session on the source is opened; its rows are not read, because that would scan {scanned}"
        rows = sum(
            response.row_count
            for stream in session.streams
            for response in client.read_rows(stream.name, timeout=_STORAGE_SECONDS)
        )
        of_day = f" of week {self.week.dates}" if day else ""
        return f"{rows:,} rows{of_day} read, one column of each"

    def _first(self) -> str | None:
        return self.settings.source.name_of("period_start")

    @cached_property
    def week(self) -> Period:
        """The newest week that is due."""
        return Period.latest_due(SyncType.WEEKLY, self.now, self.settings.schedule.delay(SyncType.WEEKLY))

    def week_bytes(self) -> Answer:
        """What the extract of one week reads, against what is allowed."""
        found = self._bytes_of_extract(self.week)
        allowed = self.settings.source.maximum_bytes_billed
        if allowed is not None and found > allowed:
            return failed(
                f"{size(found)} for {self.week.dates}, more than source.maximum_bytes_billed allows ({size(allowed)})",
                "Partition the table by its date, or raise source.maximum_bytes_billed.",
            )
        return good(f"{cost(found, self.price_per_tib)} for {self.week.dates}")

    def year_bytes(self) -> Answer:
        """What 52 weekly extracts read, at most: 52 times the newest week, or all of the year if that is more."""
        weeks = self.week.with_previous(WEEKS_OF_A_YEAR)
        found = max(WEEKS_OF_A_YEAR * self._bytes_of_extract(self.week), self._bytes_of_window(weeks))
        return good(
            f"{cost(found, self.price_per_tib, WEEKS_OF_A_YEAR)} for {WEEKS_OF_A_YEAR} extracts since "
            f"{weeks[-1].first_day}, at most"
        )

    def daily_bytes(self) -> Answer:
        """What the daily check for restatements reads."""
        windows = [
            Period.latest_due(sync_type, self.now, self.settings.schedule.delay(sync_type)).with_previous(periods)
            for sync_type in SyncType
            if (periods := self.settings.restatements.periods_of(sync_type))
        ]
        found = sum(self._bytes_of_window(window) for window in windows)
        told = ", ".join(f"{len(window)} {window[0].sync_type}" for window in windows) or "no"
        return good(f"{cost(found, self.price_per_tib, len(windows))} a day for {told} periods")

    def _bytes_of_extract(self, period: Period) -> int:
        sync = SyncRun(
            sync_log_id=0,
            attempt=1,
            period=period,
            started_at=self.now.astimezone(UTC),
            dag_id="sqp_doctor",
            run_id="sqp_doctor",
            partition_name="",
        )
        name = self.source.snapshot_table(f"{self.settings.target.schema_name}_doctor_dry_run")
        statement = self.source.extract_statement(sync, name)
        return self.hook.bytes_of(statement, self.source.parameters(period), self.source.location)

    def _bytes_of_window(self, periods: list[Period]) -> int:
        first, last = min(periods), max(periods)
        statement = self.source.totals_statement(first.sync_type)
        return self.hook.bytes_of(statement, self.source.parameters(first, last), self.source.location)


_INGESTION = "_PARTITIONTIME"


def _kind(facts: bigquery.Table) -> str:
    """``table``, ``view``, ``materialized view`` or ``external table``."""
    kind = str(facts.table_type)
    return "external table" if kind == "EXTERNAL" else kind.lower().replace("_", " ")


def _partitioned_by(facts: bigquery.Table) -> str | None:
    """Return the partitioning column, ``_PARTITIONTIME`` for ingestion time, None for a table without partitions."""
    if facts.time_partitioning:
        return str(facts.time_partitioning.field or _INGESTION)
    return str(facts.range_partitioning.field) if facts.range_partitioning else None
