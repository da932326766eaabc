"""What a row of Amazon's CSV export lands as: the table's columns, and the headers that fill them.

The names are Amazon's own of ``sellingPartnerSearchQueryPerformanceReport.json`` in snake_case, so that the default
mapping reads them. The headers were seen in these public places, all of them files with English headers:

- American: https://github.com/happylollibox-coder/OI (``scripts/bigquery/tables/SRC/SRC_SQP_WEEKLY.sql``),
  https://github.com/market-math/keyword-amazon and https://github.com/zondata/amazon-performance-hub.
- British (``Basket Adds``, ``Same-Day Shipping Speed``): the sample in
  https://github.com/sellersessions/sqpr-analyser (``src/SQPRAnalyser (1).tsx``).

No public source shows headers in another language. Such a file is refused with the option that maps them.
"""

from __future__ import annotations

from sqp_provider.core.contract import SOURCE_COLUMNS

COUNT, AMOUNT, PERCENT, TEXT, DAY = "count", "amount", "percent", "text", "day"
"""How a cell is read: a whole number, a decimal, a percentage that lands as a fraction, as it is, or a date."""

REPORTING_DATE = "reporting_date"
"""The last day of the period; it becomes ``start_date`` and ``end_date``."""

HEADERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "search_query": (TEXT, ("Search Query",)),
    "search_query_score": (COUNT, ("Search Query Score",)),
    "search_query_volume": (COUNT, ("Search Query Volume",)),
    "total_query_impression_count": (COUNT, ("Impressions: Total Count",)),
    "asin_impression_count": (COUNT, ("Impressions: ASIN Count",)),
    "asin_impression_share": (PERCENT, ("Impressions: ASIN Share %",)),
    "total_click_count": (COUNT, ("Clicks: Total Count",)),
    "total_click_rate": (PERCENT, ("Clicks: Click Rate %",)),
    "asin_click_count": (COUNT, ("Clicks: ASIN Count",)),
    "asin_click_share": (PERCENT, ("Clicks: ASIN Share %",)),
    "total_median_click_price": (AMOUNT, ("Clicks: Price (Median)",)),
    "asin_median_click_price": (AMOUNT, ("Clicks: ASIN Price (Median)",)),
    "total_same_day_shipping_click_count": (COUNT, ("Clicks: Same Day Shipping Speed",)),
    "total_one_day_shipping_click_count": (COUNT, ("Clicks: 1D Shipping Speed",)),
    "total_two_day_shipping_click_count": (COUNT, ("Clicks: 2D Shipping Speed",)),
    "total_cart_add_count": (COUNT, ("Cart Adds: Total Count", "Basket Adds: Total Count")),
    "total_cart_add_rate": (PERCENT, ("Cart Adds: Cart Add Rate %", "Basket Adds: Basket Add Rate %")),
    "asin_cart_add_count": (COUNT, ("Cart Adds: ASIN Count", "Basket Adds: ASIN Count")),
    "asin_cart_add_share": (PERCENT, ("Cart Adds: ASIN Share %", "Basket Adds: ASIN Share %")),
    "total_median_cart_add_price": (AMOUNT, ("Cart Adds: Price (Median)", "Basket Adds: Price (Median)")),
    "asin_median_cart_add_price": (AMOUNT, ("Cart Adds: ASIN Price (Median)", "Basket Adds: ASIN Price (Median)")),
    "total_same_day_shipping_cart_add_count": (
        COUNT,
        ("Cart Adds: Same Day Shipping Speed", "Basket Adds: Same Day Shipping Speed"),
    ),
    "total_one_day_shipping_cart_add_count": (
        COUNT,
        ("Cart Adds: 1D Shipping Speed", "Basket Adds: 1D Shipping Speed"),
    ),
    "total_two_day_shipping_cart_add_count": (
        COUNT,
        ("Cart Adds: 2D Shipping Speed", "Basket Adds: 2D Shipping Speed"),
    ),
    "total_purchase_count": (COUNT, ("Purchases: Total Count",)),
    "total_purchase_rate": (PERCENT, ("Purchases: Purchase Rate %",)),
    "asin_purchase_count": (COUNT, ("Purchases: ASIN Count",)),
    "asin_purchase_share": (PERCENT, ("Purchases: ASIN Share %",)),
    "total_median_purchase_price": (AMOUNT, ("Purchases: Price (Median)",)),
    "asin_median_purchase_price": (AMOUNT, ("Purchases: ASIN Price (Median)",)),
    "total_same_day_shipping_purchase_count": (COUNT, ("Purchases: Same Day Shipping Speed",)),
    "total_one_day_shipping_purchase_count": (COUNT, ("Purchases: 1D Shipping Speed",)),
    "total_two_day_shipping_purchase_count": (COUNT, ("Purchases: 2D Shipping Speed",)),
    "asin": (TEXT, ("ASIN",)),  # Amazon writes none; people add one when they join files
    REPORTING_DATE: (DAY, ("Reporting Date",)),
}
"""Column: how its cells are read, and the headers it has. Case, hyphens, white space and % make no difference."""

NEEDED = (
    "search_query",
    "asin_impression_count",
    "asin_click_count",
    "asin_cart_add_count",
    "asin_purchase_count",
)
"""Without these a file is no Search Query Performance export of an ASIN."""

_TYPES = {COUNT: "INTEGER", AMOUNT: "NUMERIC", PERCENT: "NUMERIC", TEXT: "STRING"}

TABLE: dict[str, str] = {
    "start_date": "DATE",
    "end_date": "DATE",
    "report_period": "STRING",
    "marketplace_id": "STRING",
    "asin": "STRING",
    **{column: _TYPES[kind] for column, (kind, _) in HEADERS.items() if column not in ("asin", REPORTING_DATE)},
    "ingested_at": "TIMESTAMP",
    "source_file": "STRING",
    "source_sha256": "STRING",
}
"""The columns of the table that is loaded, with their BigQuery types."""


def folded(header: str) -> str:
    """Return a header as it is compared: ``clicks: 1d shipping speed`` for ``Clicks: 1D-Shipping Speed``."""
    return " ".join(header.replace("-", " ").replace("%", " ").casefold().split())


COLUMN_OF = {folded(header): column for column, (_, headers) in HEADERS.items() for header in headers}
"""Folded header: column."""

NAMES = {column: column for column in HEADERS} | {
    column.key: column.source_name for column in SOURCE_COLUMNS if column.source_name in HEADERS
}
"""What ``--header`` may name: a column of the table, or a logical column of the configuration."""
