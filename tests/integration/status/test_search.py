"""A search finds the periods that have a query or an ASIN, and reads no more rows than it may."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from sqp_provider.status import story
from tests.integration.status.conftest import PAGE, said
from tests.integration.status.stories import WEEK, add_row, publish, without_triggers

Connection = psycopg.Connection[Any]


def test_a_search_for_a_query_finds_the_periods_that_have_it(viewer: TestClient, connection: Connection) -> None:
    without_triggers(connection)
    for week in WEEK.with_previous(3):
        publish(connection, week)
    for week in (WEEK, WEEK.with_previous(3)[2]):
        for number in (1, 2):
            add_row(connection, week, "wireless mouse", f"B00TEST00{number}", total_impressions=10 * number)
    found = viewer.get(f"{PAGE}/api/search?query=  Wireless   Mouse").json()
    assert [(row["period_start"], row["asins"], row["impressions"]) for row in found] == [
        ("2026-11-08", 2, 30),
        ("2026-10-25", 2, 30),
    ]
    both = viewer.get(f"{PAGE}/search?query=wireless mouse&asin=b00test002").text
    assert "/sqp-sync/period/weekly/2026-11-08/row?query=wireless+mouse&amp;asin=B00TEST002" in both
    assert "None of the newest 53 weeks has this query." in viewer.get(f"{PAGE}/search?query=wireless").text
    assert viewer.get(f"{PAGE}/api/search?type=monthly&query=wireless mouse").json() == []


def test_a_search_for_an_asin_counts_as_many_periods_as_it_may_read(
    viewer: TestClient, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "COUNTED_ROWS", 5)
    without_triggers(connection)
    for ago, week in enumerate(WEEK.with_previous(4)):
        publish(connection, week, row_count=2, asins=["B00TEST002"] if ago == 3 else ["B00TEST001"])
        for query in ("anker", "case"):
            add_row(connection, week, query, "B00TEST001", total_purchases=3)
    found = viewer.get(f"{PAGE}/api/search?asin=B00TEST001").json()
    assert [(row["period_start"], row["is_counted"], row["queries"], row["purchases"]) for row in found] == [
        ("2026-11-08", True, 2, 6),
        ("2026-11-01", True, 2, 6),
        ("2026-10-25", False, 0, None),
    ]
    assert "its rows were too many to count here" in viewer.get(f"{PAGE}/search?asin=B00TEST001").text


def test_a_week_that_somebody_wrote_to_is_read_whatever_the_ledger_says_of_its_asins(
    viewer: TestClient, connection: Connection
) -> None:
    without_triggers(connection)
    overwritten, gone = WEEK.with_previous(2)
    publish(connection, overwritten, fingerprint=None, asins=["B00TEST001"])
    publish(connection, gone, fingerprint=None, asins=["B00TEST002"])
    add_row(connection, overwritten, "anker", "B00TEST002", total_purchases=3)
    found = viewer.get(f"{PAGE}/api/search?asin=B00TEST002").json()
    assert [(row["period_start"], row["is_counted"], row["purchases"]) for row in found] == [("2026-11-08", True, 3)]


def test_a_period_whose_asins_nobody_knows_may_have_one_if_its_rows_are_too_many(
    viewer: TestClient, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "COUNTED_ROWS", 1)
    without_triggers(connection)
    known, overwritten, adopted, other = WEEK.with_previous(4)
    publish(connection, known, asins=["B00TEST001"])
    publish(connection, overwritten, fingerprint=None, asins=["B00TEST002"])
    publish(connection, adopted, state="adopted", fingerprint=None)
    publish(connection, other, asins=["B00TEST002"])
    found = viewer.get(f"{PAGE}/api/search?asin=B00TEST001").json()
    assert [(row["period_start"], row["is_counted"], row["is_known"]) for row in found] == [
        ("2026-11-08", False, True),
        ("2026-11-01", False, False),
        ("2026-10-25", False, False),
    ]
    page = said(viewer.get(f"{PAGE}/search?asin=B00TEST001").text)
    for why in ("somebody else wrote to it after it was published", "no list of its ASINs is kept"):
        assert f"may have it; its rows were too many to look at here, and {why}" in page
