"""The story of a period as JSON: its publishes, its changed rows, and what a search finds."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from sqp_provider.core.period import SyncType
from sqp_provider.status.access import Chosen
from sqp_provider.status.api import told
from sqp_provider.status.filters import NoQuery, PeriodFilter
from sqp_provider.status.queries import reading
from sqp_provider.status.story_filters import (
    AskedChanges,
    KeyFilter,
    Named,
    SearchFilter,
    VersionFilter,
    named_period,
)
from sqp_provider.status.story_panels import period_detail, row_detail

feed_router = APIRouter()
"""The story of one feed, at ``/api/search`` or, where there are several, at ``/api/feeds/acme_us/search``."""


@feed_router.get("/period/{sync_type}/{period_start}")
def get_period(settings: Chosen, period: Named, asked: Annotated[VersionFilter, Query()]) -> Any:
    """Return a period with its publishes and what moved most."""
    with reading(settings.target) as reader:
        return told(settings, period_detail(reader, period, asked))


@feed_router.get("/period/{sync_type}/{period_start}/row")
def get_row(settings: Chosen, period: Named, asked: Annotated[KeyFilter, Query()]) -> Any:
    """Return a row with its changes."""
    with reading(settings.target) as reader:
        return told(settings, row_detail(reader, settings, period, asked))


@feed_router.get("/changes")
def get_changes(settings: Chosen, asked: Annotated[AskedChanges, Query()]) -> Any:
    """Return changed rows of a period."""
    period = named_period(asked.type, asked.period_start)
    with reading(settings.target) as reader:
        return told(settings, reader.story.changes(period, asked))


@feed_router.get("/search")
def get_search(settings: Chosen, asked: Annotated[SearchFilter, Query()]) -> Any:
    """Return the periods that have a query, an ASIN, or the row of both."""
    with reading(settings.target) as reader:
        return told(settings, [] if asked.is_empty else reader.story.find(asked))


@feed_router.get("/measures")
def get_measures(settings: Chosen, asked: Annotated[PeriodFilter, Query()]) -> Any:
    """Return what the chart shows of the periods of one type; of the weeks, unless another type is asked for."""
    sync_type = asked.type or next(iter(SyncType))
    with reading(settings.target) as reader:
        return told(settings, reader.story.measures(sync_type)[-(asked.periods or 0) :])


@feed_router.get("/lately")
def get_lately(settings: Chosen, asked: Annotated[NoQuery, Query()]) -> Any:
    """Return the newest publishes that changed rows which were there before."""
    with reading(settings.target) as reader:
        return told(settings, reader.story.lately())
