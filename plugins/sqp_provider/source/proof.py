"""The source's side of a proof: a snapshot of one period that is taken now, and deleted afterwards."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from google.cloud.bigquery import QueryJob

from sqp_provider.core.contract import MILLIONTHS, PRICE_PLACES, PRICES, RATES
from sqp_provider.core.errors import SyncError
from sqp_provider.core.literals import with_literals
from sqp_provider.core.period import Period
from sqp_provider.core.proof import Asked, Bucket, Side
from sqp_provider.core.run import SyncRun
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.source.table import Source
from sqp_provider.sql_files import bigquery_statement

log = logging.getLogger(__name__)

_SCALES = {rate.column: MILLIONTHS for rate in RATES} | {price.column: 10**PRICE_PLACES for price in PRICES}


@dataclass(frozen=True)
class FreshSnapshot:
    """A snapshot of one period, as the source has it now."""

    source: Source
    period: Period
    snapshot: Snapshot

    @property
    def side(self) -> Side:
        """All its rows."""
        totals = self.snapshot.totals
        return Side("source", totals.row_count, totals.row_hash, totals.sums)

    def buckets(self) -> dict[int, Bucket]:
        """Return the buckets that have rows."""
        rows = self._rows("buckets")
        return {row["bucket"]: Bucket(row["row_count"], row["row_hash"]) for row in rows}

    def rows(self, buckets: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows of some buckets, with figures as Postgres has them."""
        if not buckets:
            return []
        found = self._rows("bucket_rows", {"buckets": ",".join(map(str, buckets))})
        return [{column: _figure(column, value) for column, value in row.items()} for row in found]

    def _rows(self, template: str, parameters: dict[str, str] | None = None) -> list[dict[str, Any]]:
        statement = bigquery_statement(
            template, self.period.sync_type, self.snapshot.extras, snapshot=self.snapshot.table
        )
        source = self.source
        labels = {"sync_type": self.period.sync_type.value, "period": self.period.compact, "purpose": "prove"}
        return source.hook.rows(
            statement,
            dict(parameters or {}),
            source.settings.maximum_bytes_billed,
            location=source.location,
            labels=labels | dict(source.labels),
        )


@contextmanager
def fresh_snapshot(source: Source, period: Period, schema: str, now: datetime) -> Iterator[FreshSnapshot]:
    """Take a snapshot for the time of a block. Its name is used once, so that it touches none of a sync.

    :raises SourceUnusable: the source does not fit the settings, or the snapshot would read too many bytes.
    """
    source.refuse_if_unusable()
    sync = SyncRun(
        sync_log_id=0,
        attempt=1,
        period=period,
        started_at=now,
        dag_id="sqp_prove",
        run_id=f"sqp_prove {uuid4().hex}",
        partition_name="",
    )
    job = source.start_extract(sync, f"{schema}_prove", try_number=1)
    try:
        snapshot = _finished(source, sync, job)
        source.refuse_if_mixed(sync, snapshot)
        yield FreshSnapshot(source, period, snapshot)
    finally:
        _drop(source, source.snapshot_table(str(job.job_id)))


def _finished(source: Source, sync: SyncRun, job: QueryJob) -> Snapshot:
    """Wait for the snapshot; if whoever waits is killed, nothing goes on writing it."""
    try:
        return source.read_totals(sync, job)
    except Exception:
        raise
    except BaseException:
        source.hook.cancel(str(job.job_id), job.location)
        raise


def landings_statement(source: Source, first: Period, last: Period, asked: Asked) -> str:
    """Return the statement that shows what has landed of some periods, to be run in BigQuery's console as it is.

    :param asked: the query, the ASIN or both that it is restricted to.
    """
    wanted = asked.as_stored()
    values = {name: found for name, found in (("query", wanted.query), ("asin", wanted.asin)) if found is not None}
    statement = source.landings_statement(first.sync_type, by_query="query" in values, by_asin="asin" in values)
    return with_literals(statement, source.parameters(first, last) | values).strip()


def _drop(source: Source, table: str) -> None:
    try:
        source.hook.drop(table)
    except SyncError as error:  # it expires by itself, and what was proved is not less true
        log.warning("Snapshot %s was not deleted and expires by itself: %s", table, error)


def _figure(column: str, value: Any) -> Any:
    scale = _SCALES.get(column)
    return value if scale is None or value is None else Decimal(value) / scale
