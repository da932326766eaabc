"""Prove a period or a figure: ask BigQuery again now, and compare it with the rows that Postgres has."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from airflow.sdk.exceptions import AirflowNotFoundException

from sqp_provider.core.doctor import told
from sqp_provider.core.errors import REPORT_IT, SyncError, unforeseen
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.proof import NOTHING, Asked, Bucket, Difference, Side, bucket_of, buckets_to_read, compare
from sqp_provider.core.proof_evidence import Evidence, across_grain
from sqp_provider.core.proof_found import Found
from sqp_provider.core.proof_report import Line, Proof, Section, unproved
from sqp_provider.core.proof_weeks import Weeks
from sqp_provider.core.settings import Settings
from sqp_provider.core.standing import NothingToProve, refuse_unless_text
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.source.proof import FreshSnapshot, fresh_snapshot, landings_statement
from sqp_provider.source.table import Source
from sqp_provider.target.evidence import evidence_of
from sqp_provider.target.proof import StoredPeriod

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
"""How long what does not answer is asked again, because a person waits."""

Buckets = dict[int, Bucket]


@dataclass(frozen=True)
class _Stored:
    """What Postgres had in one moment.

    :param differing: how many buckets differ.
    :param numbers: those of them that were read, and ``rows`` what they have.
    """

    stored: Side
    evidence: Evidence
    further: Sequence[Section] = ()
    differing: int = 0
    numbers: Sequence[int] = ()
    rows: Sequence[dict[str, Any]] = ()


@dataclass
class Prover:
    """The proof of one question about one feed. It changes nothing in Postgres, and leaves nothing in BigQuery.

    :param now: decides which periods are due.
    """

    settings: Settings
    asked: Asked
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def prove(self) -> Proof:
        """Return the report; what could not be asked is said in it, and never raised."""
        name = f"{self.asked.sync_type} {self.asked.first_day}"
        feed = self.settings.feed
        try:
            refuse_unless_text(self.asked)
            period = Period.starting(self.asked.sync_type, self.asked.first_day)
            name = str(period)
            found = self._found(period)
            self._refuse_unless_there(period, found)
            return found.report(period, self.asked, self.settings)
        except SyncError as error:
            why, advice = told(error)
            return unproved(name, why, advice, feed)
        except AirflowNotFoundException as error:
            return unproved(name, f"{error}.", "Create the connection in Airflow, or correct conn_id.", feed)
        except Exception as error:  # if it passed, the task or command would end as if the period differed
            log.exception("The proof of %s broke", name)
            return unproved(name, f"{unforeseen('the proof', error)}.", REPORT_IT, feed)

    @cached_property
    def postgres(self) -> SqpPostgresHook:
        """The target."""
        return SqpPostgresHook(self.settings.target)

    @cached_property
    def source(self) -> Source:
        """The source table; made late, because the hook reads its connection at once."""
        hook = SqpBigQueryHook.of(self.settings.source, PATIENCE_SECONDS)
        return Source(hook, self.settings.source, self.settings.labels)

    def _found(self, period: Period) -> Found:
        with self.postgres.transaction(read_only=True) as database:
            stored = StoredPeriod(database, period)
            known, has_rows = stored.known(), stored.has_rows()
        dag_id, delay = self.settings.dag_id(period.sync_type), self.settings.schedule.delay(period.sync_type)
        due = period.next_first_day + delay
        known.refuse_unless_published(period, dag_id, self.now.date(), due, has_rows=has_rows)
        return self._against_weeks(period) if known.state == "derived" else self._against_source(period)

    def _against_source(self, period: Period) -> Found:
        """Compare with a snapshot that is taken now. No transaction is open while BigQuery works."""
        schema = self.settings.target.schema_name
        with fresh_snapshot(self.source, period, schema, datetime.now(UTC)) as fresh:
            reference = fresh.side
            ours = self._read_stored(period, reference, None)
            if not reference.equals(ours.stored):
                ours = self._read_stored(period, reference, fresh.buckets())
            if not reference.equals(ours.stored):
                ours.evidence.known.refuse_if_newer(fresh.snapshot.snapshot_at)
            difference = self._compare(fresh, ours) if ours.numbers else NOTHING
            statement = landings_statement(self.source, period, period, self.asked)
            return Found(
                reference,
                ours.stored,
                difference,
                ours.evidence,
                ours.further,
                statement,
                fresh.snapshot.bytes_processed,
            )

    def _read_stored(self, period: Period, reference: Side, theirs: Buckets | None) -> _Stored:
        """Read everything of Postgres in one short transaction, so that it is of one moment and blocks no sync.

        :param theirs: the source's buckets; the rows of those that differ are read.
        """
        with self.postgres.transaction(read_only=True) as database:
            stored = StoredPeriod(database, period)
            side, buckets = stored.buckets(stored.stored, "Postgres")
            evidence, asked = evidence_of(stored, self.asked)
            if theirs is None and not reference.equals(side):
                return _Stored(side, evidence)  # asked again with the source's buckets
            count, numbers = (0, []) if theirs is None else buckets_to_read(theirs, buckets, self._first(asked))
            rows = stored.bucket_rows(stored.stored, numbers)
            return _Stored(side, evidence, self._weeks_of_own(stored, reference, evidence), count, numbers, rows)

    @staticmethod
    def _compare(fresh: FreshSnapshot, ours: _Stored) -> Difference:
        rows, rows_read = compare(fresh.rows(ours.numbers), ours.rows)
        return Difference(ours.differing, len(ours.numbers), rows_read, len(rows), rows)

    def _against_weeks(self, period: Period) -> Found:
        """Compare a derived month or quarter with the sum of its weeks, in Postgres alone."""
        with self.postgres.transaction(read_only=True) as database:
            stored = StoredPeriod(database, period)
            evidence, asked = evidence_of(stored, self.asked)
            sum_of_weeks = stored.sum_of_weeks
            reference, theirs = stored.buckets(sum_of_weeks, "sum of the weeks")
            side, buckets = stored.buckets(stored.stored, "Postgres")
            difference = NOTHING
            if not reference.equals(side):
                count, numbers = buckets_to_read(theirs, buckets, self._first(asked))
                rows, rows_read = compare(
                    stored.bucket_rows(sum_of_weeks, numbers), stored.bucket_rows(stored.stored, numbers)
                )
                difference = Difference(count, len(numbers), rows_read, len(rows), rows)
            weeks = self._weeks(stored)
        further = [weeks.section(), *self._own_at_source(period, reference)]
        statement = self._statement_of(period.weeks)
        return Found(reference, side, difference, evidence, further, statement, weeks=weeks)

    def _weeks(self, stored: StoredPeriod) -> Weeks:
        newest_due = Period.latest_due(SyncType.WEEKLY, self.now, self.settings.schedule.delay(SyncType.WEEKLY))
        dag_id, feed = self.settings.dag_id(SyncType.WEEKLY), self.settings.feed
        return Weeks(stored.period, stored.weeks(), newest_due.first_day, dag_id, feed)

    def _statement_of(self, weeks: Sequence[Period]) -> str:
        """Return the statement of the weeks' rows; the proof of a sum does without it if BigQuery does not answer."""
        try:
            return landings_statement(self.source, weeks[0], weeks[-1], self.asked)
        except SyncError as error:
            return f"-- BigQuery could not be asked: {told(error)[0]}"

    def _own_at_source(self, period: Period, weeks: Side) -> list[Section]:
        """Return Amazon's own month beside the sum of its weeks, if the source has one."""
        if self.settings.source.is_summed_from_weeks(period.sync_type):
            return []
        try:
            self.source.refuse_if_unusable()
            found = self.source.window_totals(period.sync_type, [period]).get(period)
        except SyncError as error:
            return [Section("Across grains", [Line("not compared", told(error)[0])])]
        if found is None or not found.totals.row_count:
            return []
        own = Side("source", found.totals.row_count, found.totals.row_hash, _own_sums(weeks, found.totals.sums))
        return [across_grain(period, own, weeks)]

    def _weeks_of_own(self, stored: StoredPeriod, own: Side, evidence: Evidence) -> list[Section]:
        """Return a synced month of Amazon's own beside the sum of its weeks, if all of these are synced."""
        period = stored.period
        if period.sync_type is SyncType.WEEKLY or self.settings.source.is_summed_from_weeks(period.sync_type):
            return []
        weeks = self._weeks(stored)
        if evidence.known.state != "synced" or not weeks.are_all_synced:
            return []
        side, _ = stored.buckets(stored.sum_of_weeks, "sum of the weeks")
        own = replace(own, sums=_own_sums(side, own.sums))
        return [weeks.section(), across_grain(period, own, side)]

    @staticmethod
    def _first(asked: Asked) -> int | None:
        return bucket_of(*asked.key) if asked.key else None

    def _refuse_unless_there(self, period: Period, found: Found) -> None:
        """Stop if neither side has what is asked for, and say which periods have it.

        :raises NothingToProve: neither has.
        """
        asked = self.asked.as_stored()
        if not asked.is_figure or found.evidence.count or found.differing(asked_for=self.asked):
            return
        with self.postgres.transaction(read_only=True) as database:
            elsewhere = StoredPeriod(database, period).elsewhere(asked)
        has = ", ".join(map(str, elsewhere))
        where = f"{period.sync_type} periods that have it: {has}" if has else "none of the newest periods has it"
        is_known = found.difference.is_whole or asked.key
        not_read = "" if is_known else ", and not all rows that differ were read"
        raise NothingToProve(
            f"Postgres has no row with {self.asked}, nor is one missing from it{not_read}; {where}. The target is "
            "unchanged. Check the spelling: a query is kept in lower case, with single spaces. An ASIN that Amazon "
            "does not list for a query is absent, which is not zero."
        )


def _own_sums(like: Side, sums: Any) -> dict[str, int]:
    return {column: sums[column] for column in like.sums if column in sums}
