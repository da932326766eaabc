"""What the doctor advises about the clustering of a large table."""

from __future__ import annotations

from typing import Any

import pytest

from sqp_provider.core.source_settings import SourceSettings
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.source.clustering import LARGE_TABLE, clustering
from sqp_provider.source.landing import Landing

COLUMNS = {
    **dict.fromkeys(("start_date", "end_date"), "DATE NULLABLE"),
    **dict.fromkeys(("asin", "search_query", "client", "country"), "STRING NULLABLE"),
    "scope": "RECORD NULLABLE",
    "scope.shop": "STRING NULLABLE",
}
PLAIN = {"where": {"client": "acme", "country": "US"}}
FOLDED = {"columns": {"marketplace": "country"}, "marketplace": "us"}


def landing(source: dict[str, Any], *clustered_by: str, size: int = LARGE_TABLE) -> Landing:
    facts = TableFacts("p.amazon.report", columns=COLUMNS, clustered_by=clustered_by, byte_count=size)
    return Landing(SourceSettings.model_validate({"table": "amazon.report", **source}), [facts])


@pytest.mark.parametrize(
    ("source", "clustered_by", "advice"),
    [
        (PLAIN, (), "Cluster the table by client."),
        (PLAIN, ("asin", "client"), "Cluster the table by client first."),
        (PLAIN, ("country",), ""),
        ({}, (), ""),
        ({"where": {"scope.shop": "one"}}, (), ""),
        (
            {"where": {"client": {"values": ["acme"], "fold": True}}},
            (),
            "Cluster the table by client, and say source.where",
        ),
        (
            FOLDED,
            ("country",),
            "say source.where: {country: …} in place of source.marketplace, spelled as in the table",
        ),
    ],
)
def test_a_large_table_is_to_be_clustered_by_what_tells_the_feed_apart(
    source: dict[str, Any], clustered_by: tuple[str, ...], advice: str
) -> None:
    answer = clustering(landing(source, *clustered_by))
    assert (answer.verdict, advice in answer.advice) == ("warning" if advice else "good", True)
    assert bool(answer.advice) == bool(advice)
    assert clustering(landing(source, *clustered_by, size=LARGE_TABLE - 1)).verdict == "good"


def test_what_all_feeds_of_a_table_ask_is_no_column_to_cluster_by() -> None:
    """As docs/how-to.md has it: every feed reads the rows of ASINs, and each those of a marketplace."""
    source = {**FOLDED, "where": {"client": "acme"}}
    every = clustering(landing(source), {"client"})
    assert every.advice.startswith("Cluster the table by country, and say source.where: {country: …} in place of")
    assert clustering(landing(source, "client"), {"client"}).verdict == "warning"
    assert clustering(landing(PLAIN), {"client"}).advice == "Cluster the table by country."
    assert clustering(landing({"where": {"client": "acme"}}), {"client"}).advice == ""
