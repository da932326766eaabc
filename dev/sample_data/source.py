"""The sample source table. Each method lands one kind of rows and returns how many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from google.cloud import bigquery

from dev.sample_data.market import Market
from dev.sample_data.words import MODIFIERS, PRODUCTS, UNUSUAL_TEXTS, USES

SOURCE_TABLE = "amazon.search_query_performance"
TOP_VOLUME = 500_000

# Days from a week's Sunday to the landing of its report: three days after its Saturday, a week late, restated.
PUNCTUAL, LATE, RESTATED = 10, 17, 24

# This row is valid after normalisation; it proves that it is not rejected together with its neighbours.
SOUND_KINDS = ("asin_lower_case",)
MALFORMED_KINDS = (
    *("asin_null", "asin_bad_characters", "query_empty", "query_white_space", "query_nul", "query_too_long"),
    *("negative_count", "end_date_not_saturday", "start_date_on_monday", "start_date_null"),
    *("conflicting_copies", "count_too_large"),
)

Argument = int | date | Sequence[str]


@dataclass(frozen=True)
class Restatement:
    """The changes of a restatement: rows that landed, and rows that were deleted with all their copies."""

    landed: int
    deleted: int


class SampleSource:
    """One source table in the emulator.

    >>> source = SampleSource(emulator.client())
    >>> source.create()
    >>> source.land_weeks(Market(), date(2026, 11, 8))
    18988
    """

    def __init__(self, client: bigquery.Client, table: str = SOURCE_TABLE) -> None:
        self.client = client
        self.table = table

    def create(self) -> None:
        """Create the dataset, and an empty table in place of an existing one."""
        self.client.create_dataset(self.table.rpartition(".")[0], exists_ok=True)
        self._run("create")

    def land_weeks(self, market: Market, first_week: date, weeks: int = 1, *, late_asins: int = 0) -> int:
        """Land the reports of several weeks on time, without the last `late_asins` ASINs. Return how many rows."""
        return self._land(market, first_week, weeks, range(market.asins - late_asins), PUNCTUAL)

    def land_late(self, market: Market, week: date, *, late_asins: int) -> int:
        """Land the ASINs that `land_weeks` left out, a week late. Return how many rows."""
        return self._land(market, week, 1, range(market.asins - late_asins, market.asins), LATE)

    def restate(self, week: date, *, changed_percent: int = 20, vanished_percent: int = 2) -> Restatement:
        """Land newer rows with higher counts for some queries, and delete other queries."""
        deleted = self._run("vanish", week=week, percent=vanished_percent)
        landed = self._run("restate", week=week, percent=changed_percent, landed_after_days=RESTATED)
        return Restatement(landed, deleted)

    def reland(self, week: date, *, percent: int = 5, hours: int = 24) -> int:
        """Land identical copies some hours later; with 0 hours even `ingested_at` is identical."""
        return self._run("reland", week=week, percent=percent, hours=hours)

    def land_spellings(self, week: date, rows: int = 5) -> int:
        """Land three other spellings of the queries of some rows. Return how many rows: three times `rows`."""
        return self._run("spellings", week=week, rows=rows)

    def land_unusual(self, week: date, texts: Sequence[str] = UNUSUAL_TEXTS) -> int:
        """Land valid rows whose queries are hard to transport: quotes, emoji, right-to-left text."""
        return self._run("unusual", week=week, texts=texts, landed_after_days=PUNCTUAL)

    def land_malformed(
        self, week: date, copies: int = 1, kinds: Sequence[str] = MALFORMED_KINDS + SOUND_KINDS
    ) -> dict[str, int]:
        """Land `copies` rows of each kind. Return how many of each kind; a conflicting copy is two rows."""
        self._run("malformed", week=week, copies=copies, kinds=kinds, landed_after_days=PUNCTUAL)
        return {kind: 2 * copies if kind == "conflicting_copies" else copies for kind in kinds}

    def newest_week(self) -> date:
        """Return the Sunday of the newest week that has landed.

        :raises ValueError: the table is empty.
        """
        (row,) = self._query("newest_week").result()
        if row["week"] is None:
            raise ValueError(f"{self.table} has no week yet. Land some first: python -m dev.sample_data")
        week: date = row["week"]
        return week

    def _land(self, market: Market, first_week: date, weeks: int, asins: range, landed_after_days: int) -> int:
        return self._run(
            "weeks",
            first_week=first_week,
            weeks=weeks,
            first_asin=asins.start,
            last_asin=asins.stop - 1,
            asins=market.asins,
            queries=market.queries,
            queries_per_asin=market.queries_per_asin,
            churn_percent=market.churn_percent,
            top_volume=TOP_VOLUME,
            landed_after_days=landed_after_days,
            products=PRODUCTS,
            modifiers=MODIFIERS,
            uses=USES,
        )

    def _run(self, statement: str, **arguments: Argument) -> int:
        """Run the .sql file of that name and return the rows it inserted or deleted."""
        job = self._query(statement, **arguments)
        job.result()
        return job.num_dml_affected_rows or 0

    def _query(self, statement: str, **arguments: Argument) -> bigquery.QueryJob:
        sql = Path(__file__).with_name(f"{statement}.sql").read_text().replace("{table}", self.table)
        parameters = [_parameter(name, value) for name, value in arguments.items()]
        return self.client.query(sql, job_config=bigquery.QueryJobConfig(query_parameters=parameters))


def _parameter(name: str, value: Argument) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    if isinstance(value, int):
        return bigquery.ScalarQueryParameter(name, "INT64", value)
    if isinstance(value, date):
        return bigquery.ScalarQueryParameter(name, "DATE", value)
    return bigquery.ArrayQueryParameter(name, "STRING", list(value))
