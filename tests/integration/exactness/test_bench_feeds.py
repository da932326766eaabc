"""The comparison of `make bench BENCH_ARGS=feeds`: it finds one wrong figure, and nothing where all are right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import psycopg
import pytest

from bench.feeds.source import Digest, Key, ManyClients
from bench.feeds.target import compared
from sqp_provider.core.feeds import Feeds
from sqp_provider.migrations import migrate
from tests.fixtures import connection_to
from tests.stages import Stages

FIRST_WEEK = date(2026, 11, 8)
WEEKS = 2


@pytest.fixture
def source() -> Iterator[ManyClients]:
    """Two weeks of two clients in one table."""
    with ManyClients.landed(feeds=2, rows=40, first_week=FIRST_WEEK, weeks=WEEKS) as source:
        yield source


@pytest.fixture
def expected(source: ManyClients) -> dict[Key, Digest]:
    """What must be published of them."""
    return source.expected(WEEKS)


@pytest.fixture
def synced(source: ManyClients, empty_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The dsn of a database in which both feeds have published both weeks."""
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(empty_database))
    feeds = Feeds.checked(source.configuration(), origin="bench")
    for settings in feeds.settings.values():
        migrate(empty_database, settings.target.schema_name, settings)
        stages = Stages(settings, empty_database)
        runs = [stages.sync(week) for week in ("2026-11-08", "2026-11-15")]
        assert [run.errors for run in runs] == [{}, {}]
    return empty_database


def test_synced_feeds_equal_what_the_benchmark_computes(
    source: ManyClients, expected: dict[Key, Digest], synced: str
) -> None:
    """Weeks, and the months and quarters that are summed from them, of feeds whose figures are not the same."""
    assert expected[Key("client_001", "weekly", "2026-11-08")] != expected[Key("client_002", "weekly", "2026-11-08")]
    found = compared(synced, expected, source.names)
    assert (found.differences, found.unsure, found.errors) == ([], [], [])
    assert found.periods == {"weekly": 4, "monthly": 2, "quarterly": 2}


def test_one_wrong_figure_is_a_difference(source: ManyClients, expected: dict[Key, Digest], synced: str) -> None:
    """Even a share's last place, where every sum of counts is right."""
    with psycopg.connect(synced) as connection:
        connection.execute("""
            update sqp_client_002.weekly_summary_20261108 set impression_share = impression_share + 0.000001
            where ctid = (select min(ctid) from sqp_client_002.weekly_summary_20261108)
        """)
    (difference,) = compared(synced, expected, source.names).differences
    assert difference.startswith("client_002 weekly 2026-11-08: expected Digest(")


def test_a_missing_week_is_a_difference(source: ManyClients, expected: dict[Key, Digest], synced: str) -> None:
    """A feed that has published nothing would otherwise be exact."""
    with psycopg.connect(synced) as connection:
        connection.execute("drop table sqp_client_001.weekly_summary_20261115")
    (difference,) = compared(synced, expected, source.names).differences
    assert difference.startswith("client_001 weekly 2026-11-15: expected Digest(")
    assert difference.endswith("published None")
