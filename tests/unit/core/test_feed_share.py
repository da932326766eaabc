"""What a feed's part of a table says of its costs."""

from __future__ import annotations

import pytest

from sqp_provider.core.feed_share import FeedShare, Reading, beside, common, savings, together
from sqp_provider.core.feeds import Feeds

GIB = 2**30
READING = Reading({"a week": (9 * GIB, 1), "a year": (468 * GIB, 52)})


@pytest.mark.parametrize(
    ("own", "of_all", "says"),
    [
        (1_234, 11_106, "1,234 of 11,106 rows, about 1/9"),
        (1, 2, "1 of 2 rows, about 1/2"),
        (2, 3, "2 of 3 rows, about 66 %"),
        (999, 1_000, "999 of 1,000 rows, about 99 %"),
        (1, 1_000_000, "1 of 1,000,000 rows, about 1/1,000,000"),
        (7, 7, "7 of 7 rows"),
        (0, 7, "0 of 7 rows"),
        (0, 0, "0 of 0 rows"),
    ],
)
def test_a_share_is_said_in_a_fraction_that_one_can_remember(own: int, of_all: int, says: str) -> None:
    assert str(FeedShare(own, of_all)) == says


def test_what_clustering_would_save_is_the_feeds_part_of_each_figure() -> None:
    said = savings(FeedShare(1, 9), READING, ["client", "country"], None)
    assert said == (
        "Clustered by client, BigQuery might read only about: a week 1.0 GiB; a year 52.0 GiB. "
        "This is an estimate; no dry run knows it."
    )
    already = savings(FeedShare(1, 9), READING, ["client", "country"], "country")
    assert already.startswith("The table is clustered by country, so BigQuery may read only about: a week 1.0 GiB; ")


def test_with_a_price_the_savings_are_money() -> None:
    priced = Reading({"a week": (9 * 2**40, 1)}, 6.25)
    assert "a week 1.0 TiB, costs 6.25." in savings(FeedShare(1, 9), priced, ["client"], None)


def test_nothing_is_promised_where_clustering_cannot_help() -> None:
    assert savings(FeedShare(1, 9), READING, [], None) == "Each sync reads all of them."
    little = Reading({"a week": (2**20, 1), "a year": (52 * 2**20, 52)})
    said = savings(FeedShare(1, 9), little, ["client"], None)
    assert said == "A week is less than 64.0 MiB, of which clustering saves little."


def test_feeds_over_one_table_scan_it_once_each() -> None:
    assert together(3, GIB, None) == ("3 feeds read this table, each by itself: about 3.0 GiB a week together.")
    assert "about 3.0 TiB, costs 18.75 a week together" in together(3, 2**40, 6.25)


def test_feeds_are_beside_each_other_if_they_read_one_table_over_one_connection() -> None:
    feeds = Feeds.checked(
        {
            "source": {"table": "amazon.report"},
            "feeds": {
                "us": {},
                "de": {},
                "both": {"source": {"table": ["amazon.report", "amazon.other"]}},
                "elsewhere": {"source": {"conn_id": "other"}},
                "own": {"source": {"table": "gamma.report"}},
            },
        },
        origin="test",
    )
    every = feeds.settings.values()
    assert [other.feed for other in beside(feeds.of("us"), every)] == ["de", "both"]
    assert [other.feed for other in beside(feeds.of("both"), every)] == ["us", "de"]
    assert beside(feeds.of("own"), every) == []


def test_what_all_feeds_of_a_table_ask_tells_none_of_them_apart() -> None:
    feeds = Feeds.checked(
        {
            "source": {"table": "amazon.report", "where": {"Scope": ["asin"]}},
            "feeds": {"us": {"source": {"where": {"country": "US"}}}, "de": {"source": {"where": {"country": "DE"}}}},
        },
        origin="test",
    )
    us, de = feeds.of("us"), feeds.of("de")
    assert common(us, [de]) == {"scope"}
    assert common(us, []) == set()
    assert common(us, [de, us.model_copy(update={"source": us.source.model_copy(update={"where": {}})})]) == set()
