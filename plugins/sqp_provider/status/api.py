"""The panels as JSON. The addresses do not change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from sqp_provider.core.settings import Settings
from sqp_provider.status.access import Chosen, Visible
from sqp_provider.status.feed_row import FeedRow, matching
from sqp_provider.status.filters import HistoryFilter, MatrixFilter, NoQuery, PeriodFilter, RunPart, SyncLogId
from sqp_provider.status.matrix import find_run, matrix
from sqp_provider.status.models import Row
from sqp_provider.status.panels import headlines, sync_detail
from sqp_provider.status.queries import reading

feed_router = APIRouter()
"""The panels of one feed, at ``/api/headlines`` or, where there are several, at ``/api/feeds/acme_us/headlines``."""

router = APIRouter()
"""The other addresses."""


def told(settings: Settings, found: Row | Sequence[Row]) -> Any:
    """Return rows as JSON; where there are several feeds each says which it is of: ``{"feed": "acme_us", …}``."""
    if isinstance(found, Row):
        return settings.labels | found.model_dump(mode="json")
    return [told(settings, row) for row in found]


@router.get("/feeds")
def get_feeds(feeds: Visible, asked: Annotated[MatrixFilter, Query()]) -> list[FeedRow]:
    """Return how each of several feeds stands, the worst first."""
    if feeds.is_single:
        raise HTTPException(404, "There is no such page: the configuration has no feeds.")
    return matching(matrix(feeds), asked)


@feed_router.get("/headlines")
def get_headlines(settings: Chosen, asked: Annotated[NoQuery, Query()]) -> Any:
    """Return whether the newest week, month and quarter can be trusted."""
    with reading(settings.target) as reader:
        return told(settings, headlines(settings, reader.periods(PeriodFilter())))


@feed_router.get("/freshness")
def get_freshness(settings: Chosen, asked: Annotated[NoQuery, Query()]) -> Any:
    """Return how old each table is."""
    with reading(settings.target) as reader:
        return told(settings, reader.freshness())


@feed_router.get("/latest")
def get_latest(settings: Chosen, asked: Annotated[NoQuery, Query()]) -> Any:
    """Return the last run of each type."""
    with reading(settings.target) as reader:
        return told(settings, reader.latest())


@feed_router.get("/periods")
def get_periods(settings: Chosen, asked: Annotated[PeriodFilter, Query()]) -> Any:
    """Return the status of every period."""
    with reading(settings.target) as reader:
        return told(settings, reader.periods(asked))


@feed_router.get("/failures")
def get_failures(settings: Chosen, asked: Annotated[NoQuery, Query()]) -> Any:
    """Return the latest failures."""
    with reading(settings.target) as reader:
        return told(settings, reader.failures())


@feed_router.get("/history")
def get_history(settings: Chosen, asked: Annotated[HistoryFilter, Query()]) -> Any:
    """Return the runs that match the filter."""
    with reading(settings.target) as reader:
        return told(settings, reader.history(asked))


@feed_router.get("/sync/{sync_log_id}")
def get_sync(settings: Chosen, sync_log_id: SyncLogId, asked: Annotated[NoQuery, Query()]) -> Any:
    """Return one run with its stages, attempts, checks and rejects."""
    with reading(settings.target) as reader:
        return told(settings, sync_detail(reader, sync_log_id))


@router.get("/run/{dag_id}/{run_id:path}")
def get_run(feeds: Visible, dag_id: RunPart, run_id: RunPart, asked: Annotated[NoQuery, Query()]) -> Any:
    """Return the sync of a Dag run."""
    found = find_run(feeds, dag_id, run_id)
    if not (found.settings and found.sync_log_id):
        unread = f" These feeds could not be searched: {', '.join(found.unread)}." if found.unread else ""
        raise HTTPException(404, f"sync_log has no row for run {run_id} of {dag_id}.{unread}")
    with reading(found.settings.target) as reader:
        return told(found.settings, sync_detail(reader, found.sync_log_id))
