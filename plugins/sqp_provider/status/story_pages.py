"""The pages of a period, of a row, and of the search; the download of changed rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from sqp_provider.core.period import Period
from sqp_provider.core.settings import Settings
from sqp_provider.status import changes_file
from sqp_provider.status.access import Chosen
from sqp_provider.status.queries import reading
from sqp_provider.status.story_filters import (
    ChangesFilter,
    DownloadFilter,
    KeyFilter,
    Named,
    SearchFilter,
    VersionFilter,
)
from sqp_provider.status.story_models import Change, Found
from sqp_provider.status.story_panels import period_detail, prove_command, row_detail
from sqp_provider.status.templates import render
from sqp_provider.status.view import answer_about

feed_router = APIRouter(default_response_class=Response)
"""The pages of one feed, at ``/search`` or, where there are several, at ``/feeds/acme_us/search``."""

BATCH = 1000

SHOWN_CHANGES = 10
"""How many changed rows a page shows; as JSON it has more."""


@feed_router.get("/period/{sync_type}/{period_start}", response_model=None)
def period(request: Request, settings: Chosen, period: Named, asked: Annotated[VersionFilter, Query()]) -> Response:
    """Show how a period stands, how it was published, and what the last publish changed."""
    with reading(settings.target) as reader:
        detail = period_detail(reader, period, asked)
        version = asked.model_copy(update={"version": detail.version})
        shown = ChangesFilter(**version.model_dump())
        changes = reader.story.changes(period, shown, SHOWN_CHANGES) if detail.version or asked.by else None
    line = answer_about(period, detail.period)
    return render(
        request,
        "period.html.j2",
        period=period,
        line=line.model_copy(update={"todo": line.todo and settings.worded(line.todo)}),
        detail=detail,
        changes=changes,
        asked=asked,
        command=prove_command(settings, period),
        prove=partial(prove_command, settings, period),
        runs=detail.period.status == "running",
    )


@feed_router.get("/period/{sync_type}/{period_start}/row", response_model=None)
def row(request: Request, settings: Chosen, period: Named, asked: Annotated[KeyFilter, Query()]) -> Response:
    """Show a row of a period, and each change of it."""
    with reading(settings.target) as reader:
        detail = row_detail(reader, settings, period, asked)
        found = reader.story.period(period)
    line = answer_about(period, found)
    return render(request, "row.html.j2", period=period, detail=detail, asked=asked, line=line, found=found)


@feed_router.get("/period/{sync_type}/{period_start}/changes", response_model=None)
def download(settings: Chosen, period: Named, asked: Annotated[DownloadFilter, Query()]) -> Response:
    """Answer with the changed rows of a period as a file."""
    kind = asked.format or "csv"
    found = _pages(settings, period, asked)
    lines = changes_file.as_csv(period.sync_type, found) if kind == "csv" else changes_file.as_ndjson(found)
    parts = ["sqp_changes", settings.feed, period.sync_type.value, str(period.first_day), str(asked.version or "")]
    name = "_".join(filter(None, parts))
    return StreamingResponse(
        # The first lines are read now, so that an early error still sets the HTTP status.
        chain([next(lines, "")], chain([next(lines, "")], lines)),
        media_type="text/csv; charset=utf-8" if kind == "csv" else "application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'},
    )


def _pages(settings: Settings, period: Period, asked: DownloadFilter) -> Iterator[list[Change]]:
    """Read page by page, each in a transaction of its own: a slow reader holds none open."""
    after: int | None = asked.after or 0
    while after is not None:
        with reading(settings.target) as reader:
            page = reader.story.changes(period, asked.model_copy(update={"after": after}), BATCH)
        yield page.rows
        after = page.next_after


@feed_router.get("/search", response_model=None)
def search(request: Request, settings: Chosen, asked: Annotated[SearchFilter, Query()]) -> Response:
    """Show the periods that have a query, an ASIN, or the row of both."""
    found: list[Found] = []
    if not asked.is_empty:
        with reading(settings.target) as reader:
            found = reader.story.find(asked)
    return render(request, "search.html.j2", found=found, asked=asked)
