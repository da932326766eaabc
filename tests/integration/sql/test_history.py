"""The story of a published period: its versions, what moved most, and the changes of one row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.restated import Restated
from sqp_provider.hooks.postgres import Database
from sqp_provider.status.story import StoryReader
from sqp_provider.status.story_filters import ChangesFilter
from sqp_provider.target.sent_alerts import SentAlerts
from tests.published import Publisher

Connection = psycopg.Connection[Any]

WEEK = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
ASINS = ("B000000001", "B000000002")


@pytest.fixture
def history(committing: Connection, publisher: Publisher) -> Iterator[StoryReader]:
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
        yield StoryReader(database)


def restated_by(database: Database, sync_log_id: int | None) -> Restated | None:
    """What an alert says that a run changed."""
    assert sync_log_id is not None
    alerts = SentAlerts(database)
    return alerts.restated(alerts.finished_run(sync_log_id))


def test_versions_come_newest_first_with_the_totals_of_the_one_before(history: StoryReader) -> None:
    newest, first = history.versions(WEEK)
    assert first.totals is not None
    assert newest.totals is not None
    assert (first.how, first.totals_before, first.totals["rows"], first.is_first) == ("attached", None, 24, True)
    assert newest.totals_before == first.totals
    assert (newest.inserted, newest.updated, newest.deleted, newest.is_first) == (1, 21, 2, False)
    assert (newest.is_kept, newest.is_healing, newest.totals["rows"]) == (True, True, 23)


def test_the_ten_queries_and_asins_that_moved_most_come_first(history: StoryReader) -> None:
    movers = history.movers(WEEK, history.versions(WEEK)[0].version)
    queries = [mover for mover in movers if mover.query is not None]
    assert len(queries) == 10
    moved = [(mover.name, mover.rows, mover.impressions_before, mover.impressions_after) for mover in queries[:3]]
    # both lose all impressions, q11 its purchases too
    assert moved == [("q11", 2, 1530, 0), ("q03", 2, 1530, 0), ("q10", 2, 1530, 1560)]
    assert [mover.name for mover in movers[10:]] == ["B000000001", "B000000002"]


def test_the_changed_rows_of_a_version_come_page_by_page(history: StoryReader) -> None:
    asked, found, after = ChangesFilter(version=history.versions(WEEK)[0].version), [], 0
    while True:
        page = history.changes(WEEK, asked.model_copy(update={"after": after}), rows=10)
        found += page.rows
        if page.next_after is None:
            break
        after = page.next_after
    assert len(found) == len({(change.query, change.asin) for change in found}) == 24
    assert {change.change for change in found} == {"inserted", "updated", "deleted"}


def test_all_changes_of_a_row_are_there_those_of_others_too(history: StoryReader) -> None:
    theirs, healed = history.changes(WEEK, ChangesFilter(query="q00", asin="B000000001")).rows
    assert theirs.after is not None
    assert healed.after is not None
    assert (theirs.version, theirs.change, theirs.after["total_clicks"]) == (None, "updated", 4711)
    assert theirs.changed_by
    assert (healed.is_healing, healed.after["total_clicks"], healed.changed_by) == (True, 50, None)
    assert history.changes(WEEK, ChangesFilter(query="q00", asin="B00UNKNOWN")).rows == []


def test_what_a_run_restated_is_told_once_an_earlier_sync_had_published_it(history: StoryReader) -> None:
    newest, first = history.versions(WEEK)
    restated = restated_by(history.database, newest.sync_log_id)
    assert restated is not None
    assert (restated.changed, restated.new, restated.rows_before) == (23, 1, 24)
    assert restated_by(history.database, first.sync_log_id) is None


def test_a_run_that_only_put_back_what_somebody_had_written_restated_nothing(
    committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK.first_day, [{"query": "a"}, {"query": "b"}])
    restatements = []
    for clicks in (50, 51):
        committing.execute("update weekly_summary set total_clicks = 4711 where query = 'a'")
        publisher.week(WEEK.first_day, [{"query": "a"}, {"query": "b", "total_clicks": clicks}])
        with publisher.postgres.transaction(read_only=True) as database:
            newest = StoryReader(database).versions(WEEK)[0]
            assert newest.is_healing
            restatements.append(restated_by(database, newest.sync_log_id))
    healed, restated = restatements
    assert healed is None
    assert restated is not None
