"""The result of extract: the totals of the snapshot. The staged rows must match them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from sqp_provider.core.contract import METRICS
from sqp_provider.core.fingerprint import fingerprint


class Totals(BaseModel):
    """Counts and sums over all rows of one side. The keys of ``sums`` and ``nulls`` are target columns."""

    model_config = ConfigDict(frozen=True)

    row_count: int
    key_count: int
    row_hash: int
    sums: dict[str, int]
    nulls: dict[str, int]


class Balance(BaseModel):
    """Where every landed row of a period went; the sum of the others is ``landed``.

    ``superseded`` are copies of a row that is there once, ``merged`` are rows that became one with another: spellings
    of a query, or the weeks of a month.
    """

    model_config = ConfigDict(frozen=True)

    landed: int
    published: int
    rejected: int
    superseded: int
    merged: int

    def __str__(self) -> str:
        return (
            f"{self.landed:,} rows landed = {self.published:,} published + {self.rejected:,} rejected "
            f"+ {self.superseded:,} superseded copies + {self.merged:,} merged"
        )


class PeriodTotals(BaseModel):
    """The totals of one period at the source; a snapshot taken at the same moment has the same.

    :param source_rows: how many rows landed, copies included.
    :param differing_rows: how many superseded copies have other figures than the row that superseded them.
    :param feeds: what columns have that may tell feeds apart, ``["country CA", "country US"]``: of several the first
        and the last in the alphabet.
    """

    model_config = ConfigDict(frozen=True)

    totals: Totals
    reject_count: int
    source_rows: int
    merged_rows: int = 0
    differing_rows: int = 0
    feeds: list[str] = []
    fingerprint: str

    @property
    def balance(self) -> Balance:
        """Where every landed row goes when the period is published."""
        rows = self.totals.row_count
        return Balance(
            landed=self.source_rows,
            published=rows,
            rejected=self.reject_count,
            superseded=self.source_rows - rows - self.reject_count - self.merged_rows,
            merged=self.merged_rows,
        )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> PeriodTotals:
        """Build the totals from a row of ``sql/totals.sql``."""
        columns = [metric.column for metric in METRICS if metric.column in row]  # an extra only if it is mapped
        totals = Totals(
            row_count=row["row_count"],
            key_count=row["key_count"],
            row_hash=row["row_hash"],
            sums={column: row[column] for column in columns},
            nulls={column: row[f"{column}_nulls"] for column in columns},
        )
        return cls(
            totals=totals,
            reject_count=row["reject_count"],
            source_rows=row["source_rows"],
            merged_rows=row["merged_rows"],
            differing_rows=row["differing_rows"],
            feeds=sorted({feed for feed in (row["first_feed"], row["last_feed"]) if feed}),
            fingerprint=fingerprint(totals.model_dump() | {"rejects": [row["reject_count"], row["reject_hash"]]}),
        )


class Snapshot(PeriodTotals):
    """The result of the extract stage. It travels by XCom, so it has only names and counts.

    ``snapshot_at`` is the time at which the job read the source, ``extras`` are those that the table has.
    """

    extras: tuple[str, ...] = ()
    table: str
    job_id: str
    snapshot_at: datetime
    bytes_processed: int
