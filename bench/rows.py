"""The source: one table for each state of a week, and a table of clean rows for the other contenders."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from google.cloud import bigquery

from dev import emulator
from dev.sample_data.market import Market
from dev.sample_data.source import SampleSource
from sqp_provider.core.contract import MILLIONTHS, RATES, counts_of
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings

WEEK = date(2026, 10, 4)
"""The first week of its month and of its quarter, so that neither exists before the roll-up."""

EARLIER = WEEK - timedelta(weeks=1)
"""Published before anything is measured, because a table that dashboards read is not empty."""

LANDED = "landed"

LATER_STATES = ("one_percent", "restated", "late_asin")
"""What becomes of the landed week: 1 % restated, all restated, or one more ASIN. Nothing else differs from it."""

BACKFILL_WEEKS = 26

SNAPSHOTS = "sqp_weekly_"
"""The prefix of the snapshot tables."""


@dataclass
class SourceRows:
    """The tables of one benchmark, in their own dataset.

    >>> source = SourceRows.landed(rows=1_000_000, asins=200, backfill_rows=100_000, weeks=3)
    >>> source.settings("one_percent").source.table
    'sqp_bench_1f0c.one_percent'
    """

    client: bigquery.Client
    dataset: str
    market: Market
    backfill_market: Market

    @classmethod
    def landed(cls, rows: int, asins: int, backfill_rows: int, weeks: int) -> SourceRows:
        """Create the dataset and land ``weeks`` weeks; half of the sample's queries have no rows."""
        client, dataset = emulator.client(), f"sqp_bench_{uuid4().hex[:8]}"
        client.create_dataset(dataset)
        source = cls(client, dataset, _market(rows, asins), _market(backfill_rows, asins))
        source._land(LANDED, weeks)
        return source

    def settings(self, state: str) -> Settings:
        """Return the configuration whose source table has that state; the first call creates the table."""
        if state not in self._tables():
            if state == "backfill":
                self._sample(state).create()
                self._sample(state).land_weeks(self.backfill_market, WEEK, BACKFILL_WEEKS)
            else:
                self._follow(state)
        source = {
            "table": f"{self.dataset}.{state}",
            "staging_dataset": self.dataset,
            "columns": {"ingested_at": "ingested_at"},
        }
        return Settings.checked({"source": source}, origin="bench")

    def columns_for_peers(self, snapshot: str, rows: int) -> str:
        """Copy a snapshot's rows into a table with the target's columns and rates, and return its name."""
        table = f"{self.dataset}.clean_{rows}"
        rates = ", ".join(f"cast({rate.column} as numeric) / {MILLIONTHS} as {rate.column}" for rate in RATES)
        self._run(
            f"create or replace table {table} as "
            f"select period_start, date_add(period_start, interval 6 day) as period_end, query, asin, "
            f"{', '.join(counts_of(SyncType.WEEKLY))}, {rates} "
            f"from `{snapshot}` where reject_reason is null order by query, asin limit {rows}"
        )
        return table

    @property
    def backfill_rows(self) -> int:
        """The approximate number of rows in each week of a backfill."""
        market = self.backfill_market
        return market.rows_per_week * (100 - market.churn_percent) // 100

    def drop_snapshots(self, keep: Collection[str]) -> None:
        """Delete the snapshots but those to ``keep``, because the emulator has them in memory."""
        for table in self._tables():
            if table.startswith(SNAPSHOTS) and table not in keep:
                self.client.delete_table(f"{self.dataset}.{table}")

    def drop(self) -> None:
        """Delete everything."""
        self.client.delete_dataset(self.dataset, delete_contents=True)

    def _follow(self, state: str) -> None:
        # landed an hour earlier, so that the rows of the later state are newer
        self._run(
            f"create table {self.dataset}.{state} as "
            "select * replace (timestamp_sub(ingested_at, interval 1 hour) as ingested_at) "
            f"from {self.dataset}.{LANDED} where start_date = date '{WEEK}'"
        )
        sample = self._sample(state)
        if state == "late_asin":
            sample.land_late(self.market, WEEK, late_asins=1)
        else:
            sample.restate(WEEK, changed_percent=1 if state == "one_percent" else 100, vanished_percent=0)

    def _land(self, state: str, weeks: int) -> None:
        sample = self._sample(state)
        sample.create()
        sample.land_weeks(self.market, EARLIER, weeks, late_asins=1)

    def _sample(self, state: str) -> SampleSource:
        return SampleSource(self.client, f"{self.dataset}.{state}")

    def _tables(self) -> set[str]:
        return {table.table_id for table in self.client.list_tables(self.dataset)}

    def _run(self, statement: str) -> Any:
        return self.client.query_and_wait(statement)


def _market(rows: int, asins: int) -> Market:
    """Return a market whose weeks have ``rows`` rows without the last ASIN; a fifth of them differs each week."""
    churn = 20
    per_asin = round(rows / (asins - 1) * 100 / (100 - churn))
    return Market(asins=asins, queries=2 * per_asin, rows_per_week=per_asin * asins, churn_percent=churn)
