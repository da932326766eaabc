"""The doctor of one of several feeds: which part of its table it is, and what clustering saves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud import bigquery

from sqp_provider.core.doctor import Finding
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.ownership import Owner
from sqp_provider.doctor import Doctor
from tests.fixtures import settings_for
from tests.landing import COLUMNS, Landing, report_row

THURSDAY = datetime(2026, 11, 19, 8, tzinfo=UTC)
WHERE = {"where": {"client": "acme", "country": "US"}}


@pytest.fixture
def shared(landing: Landing) -> Landing:
    """Rows of three clients: three of acme in the US, six of others, and more of another week."""
    landing.create(COLUMNS | {"client": "STRING", "country": "STRING"})
    of_week = [("acme", "US")] * 3 + [("acme", "DE")] * 2 + [("beta", "US")] * 4
    landing.land(*(report_row(f"q{n}") | {"client": c, "country": k} for n, (c, k) in enumerate(of_week)))
    landing.land(report_row("older", week=datetime(2026, 11, 1).date()) | {"client": "acme", "country": "US"})
    return landing


def examined(table: str, dataset: str, source: dict[str, Any], *others: str, **sections: Any) -> dict[str, Finding]:
    """The findings by name."""
    settings, feeds = settings_for(table, dataset, source=source, **sections), None
    if others:
        content = settings.model_dump(mode="json", by_alias=True, exclude={"feed"}, exclude_unset=True)
        named: dict[str, Any] = {str(settings.feed): {}} | {
            name: {"source": {"where": {"client": name}}} for name in others
        }
        feeds = Feeds.checked(content | {"feeds": named}, origin="test")
    doctor = Doctor(settings, Owner("https://airflow.example.com", settings.feed), THURSDAY, feeds=feeds)
    return {finding.name: finding for finding in doctor.findings()}


def clustered(landing: Landing, *columns: str) -> str:
    """A copy of the table that is clustered."""
    copy = bigquery.Table(
        f"{landing.client.project}.{landing.table}_copy", landing.client.get_table(landing.table).schema
    )
    copy.clustering_fields = columns
    landing.client.create_table(copy)
    landing.client.query_and_wait(f"insert into {landing.table}_copy select * from {landing.table}")
    return f"{landing.table}_copy"


def test_it_counts_the_rows_of_the_feed_among_those_of_the_week(shared: Landing, dataset: str) -> None:
    findings = examined(shared.table, dataset, WHERE, "acme_de", "beta", feed="acme_us")
    share = findings["rows of this feed"]
    assert share.verdict == "good"
    assert share.found == (
        "3 of 9 rows, about 1/3 of 2026-11-08..2026-11-14. A week is less than 64.0 MiB, of which clustering saves "
        "little. 3 feeds read this table, each by itself: about 0 bytes a week together."
    )
    assert (
        findings["clustering"].found == "not clustered; each sync reads also the rows that client, country leaves out"
    )
    assert {finding.feed for finding in findings.values()} == {"acme_us"}
    assert list(findings).index("rows of this feed") == list(findings).index("bytes of a daily check") + 1


def test_a_feed_that_is_the_whole_table_and_a_week_without_rows_are_told(shared: Landing, dataset: str) -> None:
    all_rows = {"where": {"client": ["acme", "beta"], "country": ["US", "DE"]}, "same_feed": ["client", "country"]}
    assert (
        examined(shared.table, dataset, all_rows)["rows of this feed"].found == "9 of 9 rows of 2026-11-08..2026-11-14."
    )
    shared.client.query_and_wait(f"delete from {shared.table} where true")
    assert examined(shared.table, dataset, WHERE)["rows of this feed"].found == (
        "no row of 2026-11-08..2026-11-14 has landed, so none is counted."
    )


def test_without_a_condition_nothing_is_counted(landing: Landing, dataset: str) -> None:
    assert "rows of this feed" not in examined(landing.table, dataset, {})


@pytest.mark.parametrize(
    ("columns", "source", "says"),
    [
        (["country"], WHERE, "by country: BigQuery skips blocks without rows of this feed"),
        (["CLIENT", "asin"], WHERE, "by CLIENT, asin: BigQuery skips blocks without rows of this feed"),
        (["asin", "client"], WHERE, "by asin, client; each sync reads also the rows that client, country leaves out"),
        (
            ["country"],
            {
                "marketplace": "US",
                "columns": {"marketplace": "country"},
                "where": {"client": {"values": ["a"], "fold": True}},
            },
            "by country; each sync reads also the rows that client, country leaves out",
        ),
    ],
)
def test_a_clustering_helps_if_a_plain_condition_is_on_its_first_column(
    columns: list[str], source: dict[str, Any], says: str, shared: Landing, dataset: str
) -> None:
    assert examined(clustered(shared, *columns), dataset, source)["clustering"].found.startswith(says)
