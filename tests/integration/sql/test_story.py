"""The statements of the page's story, on the tables of a migrated database and on adopted ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import TargetSettings
from sqp_provider.hooks.postgres import Database
from sqp_provider.status.story import StoryReader
from sqp_provider.status.story_filters import ChangesFilter, SearchFilter
from tests.integration.sql.conftest import connect
from tests.integration.sql.test_adoption import INSERT_WEEKS
from tests.integration.status.stories import WEEK, add_row, add_version, publish, restate, without_triggers

Connection = psycopg.Connection[Any]


@pytest.fixture
def reader(database: str) -> Iterator[StoryReader]:
    """The statements on the tables of a migrated database."""
    yield from reading(database)


@pytest.fixture
def adopted(seed: Connection, adopt: Callable[[], Connection], seed_database: str) -> Iterator[StoryReader]:
    """The statements on a database whose plain tables were there before, with three weeks."""
    seed.execute(INSERT_WEEKS)
    adopt()
    yield from reading(seed_database)


def reading(dsn: str) -> Iterator[StoryReader]:
    with connect(dsn) as connection:
        connection.row_factory = dict_row  # type: ignore[assignment]
        yield StoryReader(Database(connection, TargetSettings()))


def test_a_story_is_told_of_a_partitioned_table(committing: Connection, reader: StoryReader) -> None:
    without_triggers(committing)
    publish(committing)
    add_row(committing, WEEK, "case", "B00TEST001", total_impressions=5)
    add_version(committing, WEEK)
    version = restate(committing, WEEK)
    assert [row.is_first for row in reader.versions(WEEK)] == [False, True]
    assert [row.version for row in reader.lately()] == [version]
    movers = reader.movers(WEEK, version)
    assert (len([row for row in movers if row.asin is None]), movers[0].rows) == (10, 1)
    assert [row.changed_by for row in reader.strangers(WEEK)] == ["analyst"]
    assert len(reader.changes(WEEK, ChangesFilter(version=version), 100).rows) == 60
    assert [row.times_changed for row in reader.measures(SyncType.WEEKLY)] == [1]
    assert reader.find(SearchFilter(query="case"))[0].impressions == 5
    assert reader.find(SearchFilter(asin="B00TEST001"))[0].queries == 1


def test_an_adopted_table_is_searched_as_it_is(adopted: StoryReader) -> None:
    (found,) = adopted.find(SearchFilter(query="Wireless  Headphones", asin="B000000001"))
    assert (found.period_start, found.query, found.clicks) == (date(2026, 11, 8), "wireless headphones", 20)
    both = adopted.find(SearchFilter(query="Wireless Headphones"))
    assert [(row.period_start, row.query) for row in both] == [
        (date(2026, 11, 8), "wireless headphones"),
        (date(2026, 10, 25), "Wireless Headphones"),
    ]
    assert [row.period_start for row in adopted.find(SearchFilter(asin="B000000002"))] == [date(2026, 11, 15)]
    week = Period.starting(SyncType.WEEKLY, date(2026, 11, 15))
    figures = adopted.stored(week, "emoji 🎧 ￼", "B000000002")
    assert figures
    assert figures["asin"] == "B000000002"
    assert adopted.versions(week) == []
    assert [row.state for row in adopted.measures(SyncType.WEEKLY)] == ["adopted", "adopted", "adopted"]
