"""The columns: what the source calls them, what the target calls them, and what they are.

Source of the facts: Amazon's report schema ``sellingPartnerSearchQueryPerformanceReport.json``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from sqp_provider.core.period import SyncType


@dataclass(frozen=True)
class Column:
    """A logical source column: its key in the configuration, default name, accepted BigQuery types.

    :param is_extra: it is read only where the file maps it, because few landings have it.
    """

    key: str
    source_name: str
    bigquery_types: tuple[str, ...]
    required: bool = True
    is_extra: bool = False


@dataclass(frozen=True)
class Figure:
    """A whole number that a row carries.

    :param column: its name in the target.
    :param merged: how the rows of queries that differ only in spelling become one: ``sum``, ``min`` or ``max``.
    :param over_weeks: how weeks become a month or quarter: ``sum``, ``min``, ``max``, or ``known_sum``, which is
        unknown where one of the weeks is.
    """

    column: str
    source: Column
    merged: Literal["sum", "min", "max"]
    over_weeks: Literal["sum", "known_sum", "min", "max"]

    @property
    def stays_unknown(self) -> bool:
        """Whether a count that the source lacks is unknown, as a market total is, and not 0."""
        return self.over_weeks == "known_sum"


@dataclass(frozen=True)
class Price:
    """A median price. Medians do not add: rows that become one keep it where all agree, and a sum of weeks has none."""

    column: str
    source: Column


@dataclass(frozen=True)
class Text:
    """A text that belongs to the prices, and is kept as they are."""

    column: str
    source: Column


@dataclass(frozen=True)
class Rate:
    """A rate of two counts, never taken from the source: ``numerator / denominator``, six places."""

    column: str
    numerator: str
    denominator: str


_DATE = ("DATE", "DATETIME", "TIMESTAMP", "STRING", "INTEGER")
_TEXT = ("STRING",)
_COUNT = ("INTEGER", "FLOAT", "NUMERIC", "BIGNUMERIC", "STRING")
_AMOUNT = _COUNT
# a CSV lands missing numbers as empty texts, pandas whole numbers as floats: what is no whole number is a reject

PERIOD_START = Column("period_start", "start_date", _DATE, required=False)
PERIOD_END = Column("period_end", "end_date", _DATE, required=False)
ASIN = Column("asin", "asin", _TEXT)
SEARCH_QUERY = Column("search_query", "search_query", _TEXT)
REPORT_PERIOD = Column("report_period", "report_period", _TEXT, required=False, is_extra=True)
MARKETPLACE = Column("marketplace", "marketplace_id", _TEXT, required=False, is_extra=True)
_MOMENT = ("TIMESTAMP", "DATETIME", "DATE", "INTEGER", "STRING")
INGESTED_AT = Column("ingested_at", "ingested_at", _MOMENT, required=False, is_extra=True)
CURRENCY = Column("currency", "currency_code", _TEXT, required=False, is_extra=True)


def _extra(key: str, source_name: str, types: tuple[str, ...]) -> Column:
    return Column(key, source_name, types, required=False, is_extra=True)


FIGURES = (
    Figure("total_impressions", Column("impressions", "asin_impression_count", _COUNT), "sum", "sum"),
    Figure("total_clicks", Column("clicks", "asin_click_count", _COUNT), "sum", "sum"),
    Figure("total_cart_adds", Column("cart_adds", "asin_cart_add_count", _COUNT), "sum", "sum"),
    Figure("total_purchases", Column("purchases", "asin_purchase_count", _COUNT), "sum", "sum"),
    Figure(
        "market_impressions",
        Column("market_impressions", "total_query_impression_count", _COUNT, required=False),
        "sum",
        "known_sum",
    ),
    Figure("market_clicks", Column("market_clicks", "total_click_count", _COUNT, required=False), "sum", "known_sum"),
    Figure(
        "market_cart_adds",
        Column("market_cart_adds", "total_cart_add_count", _COUNT, required=False),
        "sum",
        "known_sum",
    ),
    Figure(
        "market_purchases",
        Column("market_purchases", "total_purchase_count", _COUNT, required=False),
        "sum",
        "known_sum",
    ),
    Figure("query_score", Column("query_score", "search_query_score", _COUNT, required=False), "min", "min"),
    Figure("query_volume", Column("query_volume", "search_query_volume", _COUNT, required=False), "max", "known_sum"),
    *(
        Figure(key, _extra(key, f"total_{speed}_shipping_{event}_count", _COUNT), "sum", "known_sum")
        for event in ("click", "cart_add", "purchase")
        for speed in ("same_day", "one_day", "two_day")
        for key in (f"market_{speed}_{event}s",)
    ),
)
"""The whole numbers of a row in the order they travel. Everything that reads, loads, compares or sums them derives from
this list; the database has it as ``summary_figures()``, and a test compares both."""

PRICES = tuple(
    Price(key, _extra(key, f"{whose}_median_{event}_price", _AMOUNT))
    for event in ("click", "cart_add", "purchase")
    for whose, key in (("total", f"market_{event}_price"), ("asin", f"{event}_price"))
)
"""The median prices: of all that were clicked, added or bought for the query, and of the ASIN."""

TEXTS = (Text("currency", CURRENCY),)
"""The texts that a row carries besides its key: the currency of its prices, three letters."""

PRICED: tuple[Price | Text, ...] = (*PRICES, *TEXTS)
"""What a month or quarter has only where it is Amazon's own."""

EXTRAS = (
    *(figure.column for figure in FIGURES if figure.source.is_extra),
    *(each.column for each in PRICED),
)
"""What a row carries only where the file maps it. A row without any has the hash that it had before there were any."""

METRICS = tuple(figure for figure in FIGURES if figure.merged == "sum")
"""The counts: they add over rows, and both sides compare their sums. An own count that the source lacks loads as 0."""

RATES = (
    Rate("avg_ctr", "total_clicks", "total_impressions"),
    Rate("avg_cvr", "total_purchases", "total_clicks"),
    Rate("impression_share", "total_impressions", "market_impressions"),
    Rate("click_share", "total_clicks", "market_clicks"),
    Rate("cart_add_share", "total_cart_adds", "market_cart_adds"),
    Rate("purchase_share", "total_purchases", "market_purchases"),
)

SHARES = tuple(rate.column for rate in RATES if rate.column.endswith("_share"))

SOURCE_COLUMNS = (
    PERIOD_START,
    PERIOD_END,
    ASIN,
    SEARCH_QUERY,
    *(figure.source for figure in FIGURES),
    *(each.source for each in PRICED),
    REPORT_PERIOD,
    MARKETPLACE,
    INGESTED_AT,
)

KEYS = ("period_start", "query", "asin")
"""The key of every summary table."""

MILLIONTHS = 1_000_000
"""Rates travel as whole millionths, so that no binary float ever rounds a tie the wrong way."""

PRICE_PLACES = 4
"""Prices travel as whole ten-thousandths. Yen have no decimal place, other currencies of Amazon two; the median of an
even number of prices may lie between two and have one more, and one is to spare for a currency of three."""

LARGEST_RATE = 9_999_999_999
"""9,999.999999 in millionths, the largest that ``numeric(10,6)`` holds; a larger rate is stored as NULL."""

MAX_QUERY_BYTES = 2_600
"""A btree entry of Postgres takes 2,704 bytes; the key also holds the date, the ASIN and the headers."""

MAX_SUM = 4 * 10**12
"""A larger sum of rows would overflow the arithmetic of rates, which takes two million times as much."""

MAX_COUNT = 10**11
"""A larger count in one row is a mistake of the landing."""

MAX_PRICE = 10**10 - 1
"""The largest whole price that ``numeric(14,4)`` holds."""

ACTIVE_WEEKS = "active_weeks"
"""How many weeks a month or quarter row was summed from; NULL where the row is Amazon's own. Weeks lack the column."""


def counts_of(sync_type: SyncType) -> tuple[str, ...]:
    """Return the whole numbers of every row; the hash of a row covers them, the rates, the extras and the key."""
    counts = tuple(figure.column for figure in FIGURES if not figure.source.is_extra)
    return counts if sync_type is SyncType.WEEKLY else (*counts, ACTIVE_WEEKS)


def measures_of(sync_type: SyncType) -> tuple[str, ...]:
    """Return the numbers of every row, in the order they travel."""
    return (*counts_of(sync_type), *(rate.column for rate in RATES))


def values_of(sync_type: SyncType) -> tuple[str, ...]:
    """Return what a row carries besides its key, in the order it travels; what a difference compares."""
    return (*measures_of(sync_type), *EXTRAS)


def copied_of(sync_type: SyncType, extras: Collection[str] = ()) -> tuple[str, ...]:
    """Return the columns that differ from row to row and are copied; the others have one value for the whole load.

    :param extras: those of :data:`EXTRAS` that the source has.
    """
    return ("query", "asin", *measures_of(sync_type), *(column for column in EXTRAS if column in extras))


REJECT_REASONS = {
    "unknown_report_period": "The report period is not WEEK, MONTH or QUARTER.",
    "unknown_feed": "A column that source.where compares, or the marketplace, is empty.",
    "unreadable_date": "A date is not written as the configuration says.",
    "missing_period": "The start or end date is missing.",
    "misaligned_period": "The dates are not the first and last day of a period.",
    "invalid_asin": "The ASIN is not ten letters or digits.",
    "empty_query": "The search query is empty.",
    "nul_character": "The search query has a NUL character, which Postgres cannot store.",
    "query_too_long": f"The search query is longer than {MAX_QUERY_BYTES:,} bytes, too long for the key.",
    "not_a_number": "A figure is not a whole number, a price is no amount, or a currency is not three letters.",
    "negative_count": "A figure is negative.",
    "count_too_large": f"A figure is above {MAX_COUNT:,}, a price above {MAX_PRICE:,}, or the sum of rows that belong "
    f"together above {MAX_SUM:,}.",
    "conflicting_copies": "The same key landed with different figures, and nothing says which row is newer.",
}
"""Why a source row is kept in ``sync_rejects`` instead of the target; in the order they are tested."""
