"""Read all feeds at the same time, each apart from the others: a database that is down hides no other feed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from airflow.sdk.exceptions import AirflowNotFoundException

from sqp_provider.core.errors import SyncError
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.status.errors import explained, problem
from sqp_provider.status.feed_row import FeedRow, feed_row, unreadable, worst_first
from sqp_provider.status.filters import PeriodFilter
from sqp_provider.status.panels import headlines
from sqp_provider.status.queries import StatusReader, reading

log = logging.getLogger(__name__)

AT_ONCE = 16
"""How many feeds are read at the same time: forty silent databases take three time-outs."""

CONNECT_SECONDS = 2
STATEMENT_MILLISECONDS = 4_000
"""Shorter than those of a feed's own page, which waits for one database only."""

Item = TypeVar("Item")
Found = TypeVar("Found")


def matrix(feeds: Feeds) -> list[FeedRow]:
    """Return one row for each feed, those with mistakes too, the worst first."""
    mistaken = [
        unreadable(name, problem(503, text, "Correct the configuration, then load this page again."), "misconfigured")
        for name, text in feeds.mistakes.items()
    ]
    return worst_first([*mistaken, *at_once(row_of, feeds.settings.values())])


def at_once(read: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    """Call a function for each item in threads, and return the results in the order of the items."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(read, items))


def row_of(settings: Settings) -> FeedRow:
    """Read a feed. Whatever keeps it from being read is said in its row."""
    feed = str(settings.feed)
    try:
        with reading_quickly(settings) as reader:
            periods, freshness, activity = reader.periods(PeriodFilter()), reader.freshness(), reader.activity()
        return feed_row(feed, headlines(settings, periods), periods, freshness, activity)
    except (SyncError, AirflowNotFoundException) as error:
        return unreadable(feed, explained(error))
    except Exception:
        log.exception("The row of feed %s has an error.", feed)
        return unreadable(feed, problem(500, "This row has an error.", "Report it with the API server's log."))


@contextmanager
def reading_quickly(settings: Settings) -> Iterator[StatusReader]:
    """Open a transaction of one of many feeds, whose time-outs are short."""
    connection = SqpPostgresHook.get_connection(settings.target.conn_id)
    extra = connection.extra_dejson
    connection.extra = json.dumps(extra | {"connect_timeout": min(int(extra["connect_timeout"]), CONNECT_SECONDS)})
    with reading(settings.target, connection=connection, milliseconds=STATEMENT_MILLISECONDS) as reader:
        yield reader


@dataclass(frozen=True)
class RunFound:
    """Where the sync of a Dag run is: in which feed and which row, if in any; ``unread`` are feeds not searched."""

    settings: Settings | None
    sync_log_id: int | None
    unread: tuple[str, ...] = ()


def find_run(feeds: Feeds, dag_id: str, run_id: str) -> RunFound:
    """Find the feed and the sync of a Dag run.

    The id of a feed's own Dag says which feed. Other runs are searched for in all feeds: the runs from before the file
    had ``feeds`` have the ids of the single feed's Dags.
    """
    if owner := next((each for each in feeds.settings.values() if dag_id in own_dags(each)), None):
        with reading(owner.target) as reader:
            return RunFound(owner, reader.sync_of_run(dag_id, run_id))

    def search(settings: Settings) -> RunFound:
        try:
            with reading_quickly(settings) as reader:
                return RunFound(settings, reader.sync_of_run(dag_id, run_id))
        except (SyncError, AirflowNotFoundException):
            return RunFound(settings, None, (str(settings.feed),))

    searched = at_once(search, feeds.settings.values())
    unread = tuple(name for each in searched for name in each.unread)
    return next((each for each in searched if each.sync_log_id), RunFound(None, None, unread))


def own_dags(settings: Settings) -> set[str]:
    """``{"sqp_weekly_sync__acme_us", …, "sqp_restatements__acme_us"}``: the Dags that a feed has for itself."""
    return {*(settings.dag_id(sync_type) for sync_type in SyncType), settings.named("sqp_restatements")}
