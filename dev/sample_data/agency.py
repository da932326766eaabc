"""The sample of several feeds: two marketplaces in one table, and a client with a table of its own."""

from collections.abc import Iterator
from datetime import date

from google.cloud import bigquery

from dev.sample_data.market import Market
from dev.sample_data.shared import SharedTable
from dev.sample_data.source import Restatement, SampleSource

SHARED = "agency.search_query_performance"
OWN = "beta.search_query_performance"
MARKETS = {
    "US": Market(asins=20, queries=1_500, rows_per_week=8_000),
    "DE": Market(asins=12, queries=900, rows_per_week=4_000),
}
BETA = Market(asins=8, queries=600, rows_per_week=2_000)


class Agency:
    """The tables of an agency.

    Both marketplaces have the same products and queries with other figures, so that a feed that read the other's rows
    would show.
    """

    def __init__(self, client: bigquery.Client) -> None:
        self.client = client

    def land(self, week: date) -> Iterator[str]:
        """Land a week into empty tables, and yield a line about each."""
        for number, (marketplace, market) in enumerate(MARKETS.items()):
            shared = self.of(marketplace)
            shared.report.create()
            rows = shared.report.land_weeks(market, week)
            if number == 0:
                shared.create()
            shared.land()
            yield f"{SHARED} gets {rows:,} rows of marketplace {marketplace}, week {week}"
        own = SampleSource(self.client, OWN)
        own.create()
        yield f"{OWN} gets {own.land_weeks(BETA, week):,} rows, week {week}"

    def of(self, marketplace: str) -> SharedTable:
        """Return one marketplace's part of the shared table."""
        return SharedTable(self.client, SHARED, marketplace.lower(), {"marketplace": marketplace})

    def restate(self, marketplace: str, week: date) -> Restatement:
        """Restate a marketplace's week: its rows land anew in the shared table, those of the others stay."""
        shared = self.of(marketplace)
        restated = shared.report.restate(week, changed_percent=3)
        shared.land()
        return restated
