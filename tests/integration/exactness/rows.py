"""The hard rows: what broke earlier systems, texts of every kind, and any others that hypothesis thinks of."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.landing import EXTRA_COLUMNS, MEDIAN_PRICES, SHIPPING_COUNTS, report_row

EVERY_CHARACTER = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
WHITE_SPACE = st.sampled_from([" ", "  ", "\t", "\n", "\u00a0", "\u2003", "\u3000", "\x85", "\v"])
SPELLINGS = st.builds(
    lambda before, first, between, second, after: f"{before}{first}{between}{second}{after}",
    st.sampled_from(["", " ", "\t"]),
    st.sampled_from(["wireless", "WIRELESS", "Wireless"]),
    WHITE_SPACE,
    st.sampled_from(["headphones", "Headphones", "écouteurs", "ÉCOUTEURS", "İI", "ΣΑΣ", "سماعات", "🎧", "\ufffc"]),
    st.sampled_from(["", " ", "\u2009"]),
)
QUERIES = (
    SPELLINGS | SPELLINGS | EVERY_CHARACTER | st.sampled_from([None, "", "  ", "a\0b", "'\"\\", "x" * 2000, "é" * 1400])
)
ASINS = st.sampled_from(
    ["B00TEST001", "B00TEST001", "b00test001", " B00TEST001 ", "B00TEST002", "B00", "B00-EST001", None]
)
COUNTS = st.sampled_from([0, 1, 2, 3, 5, 7, 64, 125, 128, 765, 10_000, 2**31 + 11, 2**36, 2**40]) | st.integers(0, 1000)
COUNTS_WITH_HOLES = COUNTS | COUNTS | COUNTS | st.sampled_from([None, -1])
LANDINGS = st.sampled_from(["2026-11-18T06:00:00Z", "2026-11-19T06:00:00Z", None])
FIRST_DAYS = st.sampled_from(["2026-11-08"] * 8 + ["2026-11-09", "2026-11-01", "2026-11-15", None])
LAST_DAYS = st.sampled_from(["2026-11-14"] * 8 + ["2026-11-15", "2026-11-07", None])
ROWS = st.fixed_dictionaries(
    {
        "start_date": FIRST_DAYS,
        "end_date": LAST_DAYS,
        "asin": ASINS,
        "search_query": QUERIES,
        "search_query_score": COUNTS_WITH_HOLES,
        "search_query_volume": COUNTS_WITH_HOLES,
        "total_query_impression_count": COUNTS_WITH_HOLES,
        "asin_impression_count": COUNTS_WITH_HOLES,
        "total_click_count": COUNTS_WITH_HOLES,
        "asin_click_count": COUNTS_WITH_HOLES,
        "total_cart_add_count": COUNTS_WITH_HOLES,
        "asin_cart_add_count": COUNTS_WITH_HOLES,
        "total_purchase_count": COUNTS_WITH_HOLES,
        "asin_purchase_count": COUNTS_WITH_HOLES,
        "ingested_at": LANDINGS,
    }
)

AMOUNTS = st.sampled_from(["0", "1", "12.34", "12.34", "19.99", "9.995", "0.0001", "1980", "9999.5", "0.1"])
AMOUNTS_AS_TEXT = (
    AMOUNTS
    | AMOUNTS
    | st.sampled_from(
        [
            "1,234.50",
            " 7.5 ",
            "12.3400",
            "9999999999.9999",
            "12,34",
            "1,234",
            "$5",
            "1e3",
            "-1.50",
            "1.23456",
            "10000000000",
        ]
    )
)
AMOUNTS_OF = {
    "STRING": AMOUNTS_AS_TEXT,
    "FLOAT64": AMOUNTS,
    "NUMERIC": AMOUNTS.filter(lambda amount: amount != "0.0001"),  # the emulator stores three places of a NUMERIC
}
EVERY_FIGURE = ROWS.flatmap(
    lambda row: st.fixed_dictionaries(
        {
            **{name: st.none() | COUNTS for name in SHIPPING_COUNTS},
            **{name: st.none() | AMOUNTS_OF[EXTRA_COLUMNS[name]] for name in MEDIAN_PRICES},
            "currency_code": st.sampled_from(["USD", "USD", "USD", "usd", "JPY", "", None, "US Dollar"]),
        }
    ).map(lambda extras: row | extras)
)


def sound(row: dict[str, Any]) -> dict[str, Any]:
    """The row without most of what makes it a reject; what it searched for and counted stays."""
    counts = {name: abs(value) % 10**11 for name, value in row.items() if isinstance(value, int)}
    asin = row["asin"] if row["asin"] and "TEST" in row["asin"].upper() else "B00TEST003"
    return row | counts | {"asin": asin, "start_date": "2026-11-08", "end_date": "2026-11-14"}


MOSTLY_SOUND = ROWS | ROWS.map(sound) | ROWS.map(sound)

TRAPS = [
    report_row("plain"),
    report_row("tie", asin_click_count=1, asin_impression_count=128),  # 0.0078125: a tie at six places
    report_row("tie of large numbers", asin_click_count=3, asin_impression_count=3_200_000),
    report_row("a third", asin_click_count=1, asin_impression_count=3),
    report_row("two thirds", asin_click_count=2, asin_impression_count=3),
    report_row("nothing at all", asin_impression_count=0, asin_click_count=0, total_query_impression_count=0),
    report_row("no figure", asin_click_count=None, asin_purchase_count=None, total_click_count=None),
    report_row("beyond an integer", asin_impression_count=2**31 + 5, total_query_impression_count=2**36),
    report_row("beyond reason", total_query_impression_count=2**40),
    report_row("Merged  Spelling", search_query_score=9, search_query_volume=10),
    report_row("merged spelling", search_query_score=3, search_query_volume=70),
    report_row("merged\tspelling ", search_query_score=7, search_query_volume=20),
    report_row("landed twice"),
    report_row("landed twice"),
    report_row("restated", asin_click_count=1),
    report_row("restated", asin_click_count=2, ingested_at="2026-11-20T06:00:00Z"),
    report_row("contradiction", asin_click_count=1),
    report_row("contradiction", asin_click_count=2),
    report_row("monday", start_date="2026-11-09"),
    report_row("other week", start_date="2026-11-01", end_date="2026-11-07"),
    report_row("no dates", start_date=None, end_date=None),
    report_row("no asin", asin=None),
    report_row("", asin="B00TEST002"),
    report_row("more than one", asin_click_count=50_000, asin_impression_count=1),
    report_row("negative", asin_purchase_count=-3),
]

UNTOUCHED = [
    'it\'s a "test"',
    "back\\slash \\n \\.",
    "emoji 🎧👩‍👩‍👧 flag 🇩🇪",
    "\ufffc",
    "سماعات لاسلكية",
    "אוזניות",
    "e\u0301 combining",
    "percent % dollar $1 {braces} ${x}",
    "'; drop table weekly_summary; --",
    "<script>alert(1)</script>",
    "control \x01\x1f\x7f",
    "zero\u200bwidth",
    "x" * 2000,
    "null",
    "|",
]
"""Queries that arrive as they are."""

MALFORMED: list[tuple[str, dict[str, Any]]] = [
    ("missing_period", {"start_date": None}),
    ("missing_period", {"end_date": None}),
    ("misaligned_period", {"start_date": "2026-11-09"}),
    ("misaligned_period", {"end_date": "2026-11-13"}),
    ("invalid_asin", {"asin": None}),
    ("invalid_asin", {"asin": "B00TEST01"}),
    ("invalid_asin", {"asin": "B00TEST00Ü"}),
    ("invalid_asin", {"asin": "B00 EST001"}),
    ("invalid_asin", {"asin": "b00t\u0131st001"}),  # upper() would make an I of it
    ("empty_query", {"search_query": None}),
    ("empty_query", {"search_query": " \u00a0\t"}),
    ("nul_character", {"search_query": "a\0b"}),
    ("query_too_long", {"search_query": "é" * 1301}),
    ("negative_count", {"asin_click_count": -1}),
    ("negative_count", {"search_query_score": -1}),
    ("count_too_large", {"asin_impression_count": 10**11 + 1}),
]
"""Why a row is a reject, and what makes it one."""


def with_copies(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same report landed again, in full, and in part with other figures."""
    again = [row | {"ingested_at": "2026-11-20T06:00:00Z", "asin_click_count": 4} for row in rows[::3]]
    return [*rows, *rows[::2], *again]
