"""One source table with the weeks of many clients, made by set-based statements, and what must be published of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import uuid4

from google.cloud import bigquery

from bench.statements import text
from dev import emulator
from dev.sample_data.market import Market
from dev.sample_data.source import SampleSource

UNITS = {"monthly": "month", "quarterly": "quarter"}
CHURN_PERCENT = 5


class Key(NamedTuple):
    """A period of a client: ``Key("client_007", "weekly", "2026-11-08")``."""

    client: str
    sync_type: str
    period_start: str


class Digest(NamedTuple):
    """What a period's rows add up to; two periods with the same digest have the same rows."""

    row_count: int
    impressions: int
    clicks: int
    cart_adds: int
    purchases: int
    row_hash: int

    @classmethod
    def of(cls, row: Any) -> Digest:
        """Take the columns of its name from a row of either database."""
        return cls(*(int(row[name]) for name in cls._fields))


@dataclass(frozen=True)
class ManyClients:
    """The table, in a dataset of its own that the snapshots share."""

    client: bigquery.Client
    dataset: str
    names: tuple[str, ...]

    @classmethod
    @contextmanager
    def landed(cls, feeds: int, rows: int, first_week: date, weeks: int) -> Iterator[ManyClients]:
        """Land about ``rows`` rows a week and client; delete everything at the end."""
        client, dataset = emulator.client(), f"sqp_bench_{uuid4().hex[:8]}"
        source = cls(client, dataset, tuple(f"client_{number:03}" for number in range(1, feeds + 1)))
        client.create_dataset(dataset)
        try:
            sample = SampleSource(client, f"{dataset}.sample")
            sample.create()
            sample.land_weeks(market(rows), first_week, weeks)
            source._run("multiply", sample=sample.table, clients=str(feeds))
            source._run("superseded")
            yield source
        finally:
            client.delete_dataset(dataset, delete_contents=True)

    @property
    def table(self) -> str:
        """The name that the configuration has."""
        return f"{self.dataset}.landed"

    def configuration(self) -> dict[str, Any]:
        """Return the content of a configuration file that has a feed for each client."""
        return {
            "source": {
                "table": self.table,
                "staging_dataset": self.dataset,
                "columns": {"ingested_at": "ingested_at"},
            },
            "feeds": {name: {"source": {"where": {"client": name}}} for name in self.names},
        }

    def rows(self) -> int:
        """Count what has landed."""
        (row,) = self.client.query(f"select count(*) as landed from `{self.table}`").result()
        return int(row["landed"])

    def expected(self, weeks: int) -> dict[Key, Digest]:
        """Compute from the landed rows what each period must have.

        :raises RuntimeError: the emulator left something out, so that nothing could be compared with it.
        """
        found = {
            Key(row["client"], "weekly", row["period_start"]): Digest.of(row) for row in self._run("expected_weeks")
        }
        if len(found) != weeks * len(self.names):
            raise RuntimeError(
                f"{self.table}: {len(found)} weeks computed, expected {weeks} of {len(self.names)} feeds"
            )
        for sync_type, unit in UNITS.items():
            for row in self._run("expected_sums", unit=unit):
                found[Key(row["client"], sync_type, row["period_start"])] = Digest.of(row)
        return found

    def _run(self, block: str, **texts: str) -> Any:
        return self.client.query(text("feeds_source", block, table=self.table, **texts)).result()


def market(rows: int) -> Market:
    """Return a market of about so many rows a week: 200 ASINs of 100 queries for 20,000."""
    asins = max(1, min(200, rows // 5))
    per_asin = max(1, round(rows / asins * 100 / (100 - CHURN_PERCENT)))
    return Market(asins, max(30 * per_asin, 100), per_asin * asins, CHURN_PERCENT)
