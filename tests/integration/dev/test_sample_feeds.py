"""Sample figures of several feeds: two marketplaces that share a table, and a client with one of its own."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from google.cloud import bigquery

from dev.sample_data.market import Market
from dev.sample_data.scenario import Scenario
from dev.sample_data.shared import SharedTable
from dev.up.sample import land_each
from sqp_provider.core.feeds import Feeds

WEEK = date(2026, 11, 8)
MARKET = Market(asins=4, queries=60, rows_per_week=200)


def rows(client: bigquery.Client, table: str, marketplace: str) -> dict[tuple[str, str], Any]:
    """The newest copy of each row of a marketplace."""
    sql = f"select * from {table} where marketplace = '{marketplace}' order by ingested_at"
    return {(row["asin"], row["search_query"]): dict(row.items()) for row in client.query_and_wait(sql)}


def test_a_restated_marketplace_leaves_the_other_as_it_is(bigquery_client: bigquery.Client, dataset: str) -> None:
    table = f"{dataset}.shared"
    us, de = (SharedTable(bigquery_client, table, name.lower(), {"marketplace": name}) for name in ("US", "DE"))
    for each in (us, de):
        each.report.create()
        each.report.land_weeks(MARKET, WEEK)
        each.land()  # the first one makes the table
    before = rows(bigquery_client, table, "US"), rows(bigquery_client, table, "DE")
    assert len(before[0]) == len(before[1]) > 150
    restated = de.report.restate(WEEK, changed_percent=30)
    de.land()
    after = rows(bigquery_client, table, "US"), rows(bigquery_client, table, "DE")
    assert after[0] == before[0]
    assert len(after[1]) < len(before[1])
    assert sum(before[1][key] != row for key, row in after[1].items()) == restated.landed > 0


def test_each_feed_of_a_configuration_finds_its_sample(bigquery_client: bigquery.Client, dataset: str) -> None:
    source = {"table": f"{dataset}.agency", "staging_dataset": dataset}
    shops: dict[str, Any] = {"shop": {"source": {"where": {"country": "US", "account": 7}}}, "other": {}}
    shops["other"] = {"source": {"where": {"country": "DE", "account": 7}}}
    feeds = Feeds.checked(
        {"source": source, "feeds": shops | {"own": {"source": {"table": f"{dataset}.own"}}}}, origin="test"
    )
    now = datetime(2026, 7, 9, tzinfo=UTC)
    said = list(land_each(bigquery_client, feeds, now, MARKET))
    assert [line.partition(":")[0] for line in said] == ["shop", "other", "own"]
    assert all("weeks landed, the newest is 2026-06-28" in line for line in said), said
    asked = f"select country, account, count(*) as n from {dataset}.agency group by 1, 2 order by 1"
    found = [tuple(row.values()) for row in bigquery_client.query_and_wait(asked)]
    assert [row[:2] for row in found] == [("DE", 7), ("US", 7)]
    assert found[0][2] == found[1][2] > 150
    assert all("landed before" in line for line in land_each(bigquery_client, feeds, now, MARKET))


def test_the_first_of_several_feeds_is_as_large_as_a_single_one(bigquery_client: bigquery.Client, dataset: str) -> None:
    shared = SharedTable(bigquery_client, f"{dataset}.whole", "us", {"marketplace": "US"})
    for _ in Scenario(MARKET, WEEK, 2).land(shared.report):
        pass
    shared.land()
    count = "select count(*) as n from {}"
    (own,), (of_all,) = (
        bigquery_client.query_and_wait(count.format(table)) for table in (shared.report.table, shared.table)
    )
    assert own["n"] == of_all["n"]  # malformed rows, those without a date too
