"""What the doctor asks BigQuery about the source. Every question reads metadata, runs dry, or reads a few rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from google.api_core import exceptions as google_errors

from sqp_provider.core.cost import size
from sqp_provider.core.doctor import Answer, failed, good, warning
from sqp_provider.core.errors import SourceUnusable, SyncError
from sqp_provider.core.feed_share import common
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.hooks.bigquery_errors import reason_of
from sqp_provider.source.clustering import LARGE_TABLE, clustering
from sqp_provider.source.dry_runs import DryRuns
from sqp_provider.source.feed_share import share_of_feed
from sqp_provider.source.glimpse import glimpse
from sqp_provider.source.landing import Landing
from sqp_provider.source.snapshot_reader import NO_STORAGE, storage_remedy
from sqp_provider.source.table import Source

_JOB_USER = (
    "Give the connection's account the role BigQuery Job User on project {project} "
    "(roles/bigquery.jobUser, which has bigquery.jobs.create)."
)


class SourceDoctor:
    """The questions about one configured source.

    :param now: decides which week is the newest one due.
    :param others: the other feeds that read the same table.
    """

    def __init__(
        self,
        hook: SqpBigQueryHook,
        settings: Settings,
        now: datetime,
        price_per_tib: float | None = None,
        others: Sequence[Settings] = (),
    ) -> None:
        self.hook = hook
        self.settings = settings
        self.others = others
        self.common = common(settings, others)
        self.source = Source(hook, settings.source, settings.labels)
        self.week = Period.latest_due(SyncType.WEEKLY, now, settings.schedule.delay(SyncType.WEEKLY))
        self.dry_runs = DryRuns(self.source, settings, now, price_per_tib)

    @property
    def landing(self) -> Landing:
        """The settings together with what BigQuery says of the tables."""
        return self.source.landing

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
        return good(f"project {self.hook.project_id} answers {'and refuses a query' if self._refusal else ''}".rstrip())

    def job_right(self) -> Answer:
        """Whether the account may run a query in its project."""
        if self._refusal and _lacks_right(self._refusal):
            return failed(_found(self._refusal), _JOB_USER.format(project=self.hook.project_id))
        if self._refusal:
            raise self._refusal
        return good(f"a dry run of a query is accepted{self.hook.doubt}")

    def table(self) -> Answer:
        """Whether the source tables are there."""
        return good("; ".join(f"{facts.name} is {_kind(facts)}{_extent(facts)}" for facts in self.landing.tables))

    def columns(self) -> Answer:
        """Whether the mapped columns are there and have types that can be read, and which ones await a decision."""
        self.source.refuse_if_unusable()
        undecided = [leaf.path for leaf in self.landing.undecided]
        names = ", ".join(
            str(place.column) for places in self.settings.source.mapped().values() for place in places[:1]
        )
        if undecided:
            listed = ", ".join(undecided)
            return warning(
                f"{listed} may tell sellers, clients or marketplaces apart: a sync is refused if its rows have several "
                "values there",
                f"Say source.where: {{{undecided[0]}: …}}, or that all belong together: source.same_feed: [{listed}].",
            )
        return good(f"the {len(self.settings.source.mapped())} mapped columns are there: {names}")

    def partitioning(self) -> Answer:
        """Whether a sync of a week reads a part of each table, or all of it."""
        answers = [self._partitioning(facts) for facts in self.landing.tables]
        return next((answer for answer in answers if answer.advice), answers[0])

    def _partitioning(self, facts: TableFacts) -> Answer:
        column, dates = facts.partitioned_by, self._dates()
        bytes_of_all = facts.byte_count or 0
        if facts.kind != "TABLE":
            return good(f"{_kind(facts)} has no partitions of its own; the bytes below show whether it prunes")
        advice = f"Partition the table by {dates[0]}: then a sync reads its own days only."
        if column is None:
            found = f"not partitioned; each sync reads all {size(bytes_of_all)}"
            return good(found) if bytes_of_all < LARGE_TABLE else warning(found, advice)
        pruned = self.landing.pruned(facts, 0)
        if column.lower() in (name.lower() for name in dates) or (pruned and pruned.shift is not None):
            return good(f"by {column}: a sync reads the partitions of its own days")
        asked = "; the filter that it requires is there, and prunes nothing" if facts.requires_filter else ""
        if column == "_PARTITIONTIME":
            found = "by time of ingestion, which says nothing about the days of a row: each sync reads all partitions"
        else:
            found = f"by {column}, which is no date of a period: each sync reads all partitions"
        return warning(f"{found}{asked}", advice)

    def _dates(self) -> list[str]:
        places = [place for key in ("period_start", "period_end") for place in self.settings.source.places(key)]
        return [str(place.column) for place in places if place.column]

    def clustering(self) -> Answer:
        """By what the table is clustered: that saves bytes where a condition leaves out rows."""
        return clustering(self.landing, self.common)

    def share(self) -> Answer:
        """Which part of the rows that a sync reads are of this feed, and what clustering saves of the others."""
        return share_of_feed(self.source, self.dry_runs, self.week, len(self.others) + 1, self.common)

    def location(self) -> Answer:
        """Whether source and snapshots are in one location, and the extract runs there."""
        source, staging = self.settings.source, self.settings.source.staging_dataset
        here = [facts.location or self.hook.location_of(facts.name.rpartition(".")[0]) for facts in self.landing.tables]
        try:
            of_snapshots = self.hook.location_of(staging)
        except SourceUnusable as error:
            return failed(_found(error), f"Create it: create schema {staging} options (location = '{here[0]}')")
        for facts, of_table in zip(self.landing.tables, here, strict=True):
            if of_table.lower() != of_snapshots.lower():
                return failed(
                    f"{facts.name} is in {of_table}, the dataset {staging} in {of_snapshots}",
                    f"Create a dataset in {of_table} and name it in source.staging_dataset.",
                )
        if source.location and source.location.lower() != here[0].lower():
            return failed(
                f"source.location is {source.location}, but table and snapshots are in {here[0]}",
                "Remove source.location, or correct it.",
            )
        return good(f"table and dataset {staging} are both in {here[0]}")

    def write_right(self) -> Answer:
        """Whether the account may create snapshots. BigQuery checks that right in a dry run, and creates nothing."""
        staging = self.settings.source.staging_dataset
        try:
            self.dry_runs.extract(self.week)
        except SourceUnusable as error:
            if not _lacks_right(error):
                raise
            advice = f"Give the account the role BigQuery Data Editor on dataset {staging} (bigquery.tables.create)."
            return failed(_found(error), advice)
        return good(
            f"a dry run that creates a table in {staging} is accepted{self.hook.doubt}; quotas show in a real sync only"
        )

    def storage(self) -> Answer:
        """Whether rows can be read over the Storage Read API: a few of the source table itself, else of a snapshot."""
        facts = self.landing.facts if self.landing.facts.kind == "TABLE" else self._snapshot()
        if facts is None:
            return warning(
                f"not proved: the Storage Read API cannot read {_kind(self.landing.facts)}, and no sync has made a "
                "snapshot yet",
                "The first load shows it: without the right it warns, and reads over REST.",
            )
        try:
            return good(glimpse(self.hook, facts, self._of_week()))
        except SyncError as error:
            if not isinstance(error.__cause__, NO_STORAGE):
                raise
            found = f"{_found(error)} Rows would be read over REST, about ten times slower."
            return warning(found, storage_remedy(error.__cause__))

    def _snapshot(self) -> TableFacts | None:
        """Return one of the snapshots of earlier syncs, if any is left."""
        try:
            names = self.hook.tables_like(
                f"{self.settings.source.staging_dataset}.{self.settings.target.schema_name}_*"
            )
            return self.hook.facts_of(names[-1])
        except SourceUnusable:
            return None

    def _of_week(self) -> tuple[str, str]:
        """Return a column of a date and its value in the newest week due."""
        source = self.settings.source
        places = source.places("period_start")
        day = self.week.first_day if places else self.week.last_day
        return self._dates()[0], str(day)


def _lacks_right(error: SourceUnusable) -> bool:
    cause = error.__cause__
    return isinstance(cause, google_errors.Forbidden) and reason_of(cause) == "accessDenied"


def _found(error: SyncError) -> str:
    return str(error).partition(" The target is unchanged.")[0]


def _kind(facts: TableFacts) -> str:
    """``a table``, ``a view``, ``a materialized view`` or ``an external table``."""
    return "an external table" if facts.kind == "EXTERNAL" else f"a {facts.kind.lower().replace('_', ' ')}"


def _extent(facts: TableFacts) -> str:
    return f" of {facts.row_count or 0:,} rows, {size(facts.byte_count)}" if facts.byte_count else ""
