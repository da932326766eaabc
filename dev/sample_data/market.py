"""How large a sample market is."""

from dataclasses import dataclass

MOST_ASINS = 9_999  # an ASIN ends with its number in four digits


@dataclass(frozen=True)
class Market:
    """The number of ASINs, of search queries, and of rows in a weekly report.

    `Market(asins=40, queries=30_000, rows_per_week=1_000_000, churn_percent=0)` lands exactly 1,000,000 rows a
    week: 25,000 queries for each ASIN. With churn, that share of the rows is missing, and other rows in each week.

    :raises ValueError: the numbers contradict each other.
    """

    asins: int = 40
    queries: int = 3_000
    rows_per_week: int = 20_000
    churn_percent: int = 5

    def __post_init__(self) -> None:
        if not 1 <= self.asins <= MOST_ASINS:
            raise ValueError(f"asins must be 1 to {MOST_ASINS:,}, not {self.asins:,}.")
        if not 1 <= self.queries_per_asin <= self.queries:
            raise ValueError(
                f"{self.rows_per_week:,} rows a week for {self.asins:,} ASINs are {self.queries_per_asin:,} queries "
                f"an ASIN; that must be 1 to {self.queries:,}, the number of queries. Change one of the three."
            )
        if not 0 <= self.churn_percent <= 100:
            raise ValueError(f"churn_percent must be 0 to 100, not {self.churn_percent}.")

    @property
    def queries_per_asin(self) -> int:
        return self.rows_per_week // self.asins
