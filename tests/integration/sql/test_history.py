"""The story of a published period: its versions, what moved most, and the changes of one row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest

from sqp_provider.core.period import Period, SyncType
from sqp_provider.target.history import History
from tests.published import Publisher

Connection = psycopg.Connection[Any]

WEEK = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
ASINS = ("B000000001", "B000000002")


@pytest.fixture
def history(committing: Connection, publisher: Publisher) -> Iterator[History]:
    """A week of twelve queries and two ASINs, restated once: query 3 most, in both directions."""
    rows = [{"query": f"q{n:02}", "asin": asin} for n in range(12) for asin in ASINS]
    publisher.week(WEEK.first_day, rows)
    committing.execute("update weekly_summary set total_clicks = 4711 where query = 'q00' and asin = 'B000000001'")
    moved = [
        row | {"total_impressions": 765 + int(row["query"][1:]) * (1 if row["asin"] == ASINS[0] else 2)} for row in rows
    ]
    moved = [row | {"total_impressions": 0} if row["query"] == "q03" else row for row in moved if row["query"] != "q11"]
    publisher.week(WEEK.first_day, [*moved, {"query": "new", "asin": ASINS[1], "total_impressions": 5}])
    with publisher.postgres.transaction(read_only=True) as database:
        yield History(database, WEEK)


def test_versions_come_newest_first_with_the_totals_of_the_one_before(history: History) -> None:
    newest, first = history.versions()
    assert (first["how"], first["totals_before"], first["totals"]["rows"]) == ("attached", None, 24)
    assert newest["totals_before"] == first["totals"]
    assert (newest["inserted"], newest["updated"], newest["deleted"]) == (1, 21, 2)
    assert (newest["is_kept"], newest["is_healing"], newest["totals"]["rows"]) == (True, True, 23)


def test_the_queries_and_asins_that_moved_most_come_first(history: History) -> None:
    version = history.versions()[0]["version"]
    queries = history.moved_queries(version)
    assert len(queries) == 10
    moved = {"rows": 2, "impressions_before": 1530, "impressions_after": 0}
    assert queries[:2] == [{"name": "q03"} | moved, {"name": "q11"} | moved]
    assert queries[2] == {"name": "q10", "rows": 2, "impressions_before": 1530, "impressions_after": 1560}
    assert [row["name"] for row in history.moved_asins(version)] == ["B000000001", "B000000002"]
    assert len(history.moved_queries(version, limit=3)) == 3


def test_the_changed_rows_of_a_version_come_page_by_page(history: History) -> None:
    version, page, found = history.versions()[0]["version"], history.changes, []
    while rows := page(version, after_id=found[-1]["id"] if found else 0, limit=10):
        found += rows
    assert len(found) == len({(row["query"], row["asin"]) for row in found}) == 24
    assert {row["change"] for row in found} == {"inserted", "updated", "deleted"}


def test_all_changes_of_a_row_are_there_those_of_others_too(history: History) -> None:
    healed, theirs = history.changes_of_row("q00", "B000000001")
    assert (theirs["version"], theirs["change"], theirs["after"]["total_clicks"]) == (None, "updated", 4711)
    assert theirs["changed_by"]
    assert (healed["is_healing"], healed["after"]["total_clicks"], healed["changed_by"]) == (True, 50, None)
    assert history.changes_of_row("q00", "B00UNKNOWN") == []


def test_what_a_run_restated_is_told_once_an_earlier_sync_had_published_it(history: History) -> None:
    newest, first = history.versions()
    restated = history.restated(newest["sync_log_id"], newest["attempt"])
    assert restated is not None
    assert (restated.changed, restated.new, restated.rows_before) == (23, 1, 24)
    assert history.restated(first["sync_log_id"], first["attempt"]) is None


def test_a_run_that_only_put_back_what_somebody_had_written_restated_nothing(
    committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK.first_day, [{"query": "a"}, {"query": "b"}])
    restatements = []
    for clicks in (50, 51):
        committing.execute("update weekly_summary set total_clicks = 4711 where query = 'a'")
        publisher.week(WEEK.first_day, [{"query": "a"}, {"query": "b", "total_clicks": clicks}])
        with publisher.postgres.transaction(read_only=True) as database:
            history = History(database, WEEK)
            newest = history.versions()[0]
            assert newest["is_healing"]
            restatements.append(history.restated(newest["sync_log_id"], newest["attempt"]))
    healed, restated = restatements
    assert healed is None
    assert restated is not None
