"""Tables of the shapes in which this report lands in public, each with the same week of Amazon's example values.

A shape says how the table is made and what the configuration has to say of it; ``EXPECTED`` is what a sync of the week
publishes from each. Some have rows of another feed beside, which must not be published.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from google.cloud import bigquery

from sqp_provider.core.presets import PRESETS

WEEK = date(2026, 11, 8)
LAST_DAY = date(2026, 11, 14)
US, CA = "ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"
AT = datetime(2026, 11, 18, 6)

Row = dict[str, Any]


def price(amount: float) -> Row:
    """Amazon's CurrencyAmount."""
    return {"amount": amount, "currencyCode": "USD"}


def entry(query: str, asin: str, times: int = 1) -> Row:
    """An entry of dataByAsin with the values of Amazon's example, the counts so many times as large."""
    return {
        "startDate": WEEK,
        "endDate": LAST_DAY,
        "asin": asin,
        "searchQueryData": {"searchQuery": query, "searchQueryScore": 5, "searchQueryVolume": 15000 * times},
        "impressionData": {
            "totalQueryImpressionCount": 10000 * times,
            "asinImpressionCount": 765 * times,
            "asinImpressionShare": 0.0765,
        },
        "clickData": _step("Click", 1000 * times, 50 * times, 200),
        "cartAddData": _step("CartAdd", 200 * times, 10 * times, 40),
        "purchaseData": _step("Purchase", 100 * times, 5 * times, 20),
    }


def _step(name: str, total: int, own: int, shipped: int) -> Row:
    return {
        f"total{name}Count": total,
        f"total{name}Rate": 0.1,
        f"asin{name}Count": own,
        f"asin{name}Share": 0.05,
        f"totalMedian{name}Price": price(19.99),
        f"asinMedian{name}Price": price(18.99),
        f"totalSameDayShipping{name}Count": shipped,
        f"totalOneDayShipping{name}Count": shipped + 1,
        f"totalTwoDayShipping{name}Count": shipped + 2,
    }


ENTRIES = (
    entry("wireless headphones", "B00TEST001"),
    entry("headphones 😀", "B00TEST001", times=3),
    entry("wireless headphones", "B00TEST002", times=2),
)
ELSEWHERE = entry("wireless headphones", "B00TEST001", times=9)
"""A row of another feed, with the key of the first."""

EXPECTED = [
    # query, asin, impressions, clicks, cart adds, purchases, those of the market, volume, impression share
    ("headphones 😀", "B00TEST001", 2295, 150, 30, 15, 30000, 3000, 600, 300, 45000, "0.076500"),
    ("wireless headphones", "B00TEST001", 765, 50, 10, 5, 10000, 1000, 200, 100, 15000, "0.076500"),
    ("wireless headphones", "B00TEST002", 1530, 100, 20, 10, 20000, 2000, 400, 200, 30000, "0.076500"),
]
PUBLISHED = (
    *("query", "asin", "total_impressions", "total_clicks", "total_cart_adds", "total_purchases"),
    *("market_impressions", "market_clicks", "market_cart_adds", "market_purchases", "query_volume"),
    "impression_share",
)
"""The target's columns of ``EXPECTED``."""


@dataclass(frozen=True)
class Json:
    """A value of BigQuery's type JSON."""

    value: Any


@dataclass(frozen=True)
class Shape:
    """A table's shape.

    :param preset: the landing whose name the configuration says.
    :param rows: as BigQuery holds them: dictionaries are records, lists are lists.
    :param source: what the configuration says besides.
    """

    preset: str
    rows: Sequence[Row]
    source: Mapping[str, Any] = field(default_factory=dict)

    def create(self, client: bigquery.Client, table: str) -> None:
        """Make a table of this shape."""
        rows = " union all ".join(f"select {_fields(row)}" for row in self.rows)
        client.query_and_wait(f"create or replace table {table} as {rows}")

    @property
    def settings(self) -> dict[str, Any]:
        """The section source, without the table."""
        return {"landing": self.preset, **self.source}


def _fields(row: Row) -> str:
    return ", ".join(f"{_literal(value)} as `{name}`" for name, value in row.items())


def _literal(value: Any) -> str:
    match value:
        case dict():
            return f"struct({_fields(value)})"
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case datetime():
            return f"timestamp '{value:%Y-%m-%d %H:%M:%S}+00'"
        case date():
            return f"date '{value}'"
        case Json():
            return f"parse_json({_literal(_dumped(value.value))})"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _dumped(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def flat(row: Row, rename: Callable[[str], str], **other: Any) -> Row:
    """An entry in one level: each figure by its name, prices by ``…_amount`` and ``…_currencyCode``."""
    found: Row = {}
    for name, value in row.items():
        if name.endswith("Data"):
            for inner, figure in value.items():
                parts = {f"{inner}_{part}": each for part, each in figure.items()} if isinstance(figure, dict) else None
                found |= parts or {inner: figure}
        else:
            found[name] = value
    return {rename(name): value for name, value in found.items()} | other


def snake(name: str) -> str:
    """``asin_click_count`` for ``asinClickCount``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def title(name: str) -> str:
    """``ASIN Click Count`` for ``asinClickCount``."""
    return snake(name).replace("_", " ").title().replace("Asin", "ASIN")


def report(*entries: Row, marketplace: str = US) -> Row:
    """Amazon's report file."""
    return {
        "reportSpecification": {
            "reportType": "GET_BRAND_ANALYTICS_SEARCH_QUERY_PERFORMANCE_REPORT",
            "reportOptions": {"reportPeriod": "WEEK", "asin": "B00TEST001 B00TEST002"},
            "dataStartTime": WEEK,
            "dataEndTime": LAST_DAY,
            "marketplaceIds": [marketplace],
        },
        "dataByAsin": list(entries),
    }


REPORTS = (report(*ENTRIES[:2]), report(ENTRIES[2]), report(ELSEWHERE, marketplace=CA))


def csv_row(row: Row, rename: Callable[[str], str], **other: Any) -> Row:
    """A row of Amazon's CSV export, with an ASIN that somebody added."""
    volume, seen, clicks = row["searchQueryData"], row["impressionData"], row["clickData"]
    carts, bought = row["cartAddData"], row["purchaseData"]
    found = {
        "Search Query": volume["searchQuery"],
        "Search Query Score": volume["searchQueryScore"],
        "Search Query Volume": volume["searchQueryVolume"],
        "Impressions: Total Count": seen["totalQueryImpressionCount"],
        "Impressions: ASIN Count": seen["asinImpressionCount"],
        "Impressions: ASIN Share %": 7.65,
        "Clicks: Total Count": clicks["totalClickCount"],
        "Clicks: Click Rate %": 6.67,
        "Clicks: ASIN Count": clicks["asinClickCount"],
        "Clicks: Same Day Shipping Speed": 200,
        "Cart Adds: Total Count": carts["totalCartAddCount"],
        "Cart Adds: ASIN Count": carts["asinCartAddCount"],
        "Purchases: Total Count": bought["totalPurchaseCount"],
        "Purchases: ASIN Count": bought["asinPurchaseCount"],
        "Reporting Date": LAST_DAY,
        "ASIN": row["asin"],
    }
    return {rename(name): value for name, value in found.items()} | other


def detected(name: str) -> str:
    """What a load that detects the names makes of a header: one underscore for each sign."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def tidied(name: str) -> str:
    """One underscore for several signs."""
    return "_".join("".join(letter if letter.isalnum() else " " for letter in name).split())


def openbridge(row: Row, **other: Any) -> Row:
    """An entry whose records became prefixes."""
    found: Row = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= {
                f"{snake(name)}_{snake(inner)}": each for inner, each in value.items() if not isinstance(each, dict)
            }
        else:
            found[snake(name)] = value
    found.pop("search_query_data_search_query_score")  # no public source shows it
    return found | other


def scoped(row: Row, kind: str = "asin") -> Row:
    """A row that says whether it is a brand's or an ASIN's."""
    steps = {"impressions": "impressionData", "clicks": "clickData", "cart_adds": "cartAddData"}
    steps["purchases"] = "purchaseData"
    counts: Row = {}
    for name, record in steps.items():
        total, own = (value for key, value in row[record].items() if key.endswith("Count") and "Shipping" not in key)
        counts |= {f"{name}_total": total, f"{name}_self": own}
    return {
        "account_id": "acme",
        "marketplace": "US",
        "scope_type": kind,
        "scope_value": row["asin"] if kind == "asin" else "Acme",
        "week_start": WEEK,
        "week_end": LAST_DAY,
        "reporting_date": LAST_DAY,
        "search_query_raw": row["searchQueryData"]["searchQuery"],
        "search_query_score": 5,
        "search_query_volume": row["searchQueryData"]["searchQueryVolume"],
        **counts,
        "exported_at": AT,
    }


def inside(column: str) -> dict[str, Any]:
    """The preset sp-api-json for a report that is in one column of JSON or text."""

    def moved(place: Any) -> Any:
        return {**place, "column": f"{column}.{place['column']}"} if isinstance(place, dict) else f"{column}.{place}"

    columns = {key: moved(place) for key, place in PRESETS["sp-api-json"]["columns"].items()}
    return {"unnest": f"{column}.dataByAsin", "columns": columns}


_LANDED = {"report_period": "WEEK", "ingested_at": AT}
_MAPPED = {"marketplace": "marketplace_id", "report_period": "report_period", "ingested_at": "ingested_at"}

SHAPES: dict[str, Shape] = {
    "sp-api": Shape(
        "sp-api",
        [
            *(flat(row, snake, marketplace_id=US, **_LANDED) for row in ENTRIES),
            flat(ELSEWHERE, snake, marketplace_id=CA, **_LANDED),
        ],
        {"marketplace": US, "columns": _MAPPED},
    ),
    "sp-api-json, records": Shape("sp-api-json", REPORTS, {"marketplace": US}),
    "sp-api-json, JSON": Shape(
        "sp-api-json", [{name: Json(value) for name, value in each.items()} for each in REPORTS], {"marketplace": US}
    ),
    "sp-api-json, text": Shape(
        "sp-api-json", [{name: _dumped(value) for name, value in each.items()} for each in REPORTS], {"marketplace": US}
    ),
    "sp-api-json, one column of JSON": Shape(
        "sp-api-json",
        [{"report": Json(each), "loaded_at": AT} for each in REPORTS],
        {"marketplace": US, **inside("report")},
    ),
    "sp-api-json, one column of text": Shape(
        "sp-api-json", [{"report": _dumped(each)} for each in REPORTS], {"marketplace": US, **inside("report")}
    ),
    "sp-api-records": Shape("sp-api-records", ENTRIES),
    "titles": Shape(
        "titles",
        [
            {
                "Date": datetime(2026, 11, 8),
                "Parent ASIN": "B00PARENT0",
                "Child ASIN": row["asin"],
                "Client Name": client,
                "Marketplace": "US",
                **{
                    name: value
                    for name, value in flat(row, title).items()
                    if name not in ("Start Date", "End Date", "ASIN")
                },
            }
            for row, client in [*((row, "Acme") for row in ENTRIES), (ELSEWHERE, "Beta")]
        ],
        {"where": {"Client Name": "Acme"}},
    ),
    "amazon-csv": Shape("amazon-csv", [csv_row(row, detected) for row in ENTRIES]),
    "amazon-csv-flexible": Shape("amazon-csv-flexible", [csv_row(row, str) for row in ENTRIES]),
    "amazon-csv-tidied": Shape(
        "amazon-csv-tidied", [csv_row(row, tidied, source_file="a.csv", processed_at=AT) for row in ENTRIES]
    ),
    "daton": Shape(
        "daton",
        [
            flat(row, str, marketplaceId=US, _daton_batch_runtime=runtime)
            for row, runtime in [*((row, 1795000000000) for row in ENTRIES), (ELSEWHERE, 1794000000000)]
        ],
    ),
    "openbridge": Shape(
        "openbridge",
        [
            openbridge(row, ob_marketplace_id=marketplace, ob_seller_id="A1", ob_modified_date=AT)
            for row, marketplace in [*((row, US) for row in ENTRIES), (ELSEWHERE, CA)]
        ],
        {"marketplace": US},
    ),
    "scoped-weeks": Shape("scoped-weeks", [*map(scoped, ENTRIES), scoped(ELSEWHERE, "brand")], {"marketplace": "us"}),
}
"""Name: shape. Of two copies of a row, the newer ``ingested_at`` counts: the older one of daton has other figures."""
