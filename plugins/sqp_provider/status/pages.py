"""The pages: all feeds, overview, history, a sync, the sync of a Dag run; the download of rejects; static files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse

from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings, TargetSettings
from sqp_provider.status import charts, rejects
from sqp_provider.status.access import Chosen, Visible
from sqp_provider.status.addresses import feed_path
from sqp_provider.status.config import page_feeds
from sqp_provider.status.feed_row import matching, verdict
from sqp_provider.status.filters import (
    HistoryFilter,
    NoQuery,
    OverviewFilter,
    PeriodFilter,
    RejectsFilter,
    RunPart,
    StartFilter,
    SyncLogId,
)
from sqp_provider.status.matrix import find_run, matrix
from sqp_provider.status.needs import needs
from sqp_provider.status.panels import headlines, newest_periods, overview_lines, sync_detail
from sqp_provider.status.queries import StatusReader, reading
from sqp_provider.status.templates import FOLDER, STATIC, render
from sqp_provider.status.timeline import incomplete, timeline

feed_router = APIRouter(default_response_class=Response)
"""The pages of one feed, at ``/`` or, where there are several, at ``/feeds/acme_us/``."""

router = APIRouter(default_response_class=Response)
"""The other pages."""

SHOWN_SYNCS = 25
"""How many syncs a page of the history has; as JSON it has more."""

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
"""The methods of ``nothing``, so that a wrong method is refused only after the login. HEAD arrives as GET."""


@router.get("/", response_model=None)
def start(request: Request, feeds: Visible, asked: Annotated[StartFilter, Query()]) -> Response:
    """Show all feeds, or the only one."""
    if feeds.is_single:
        return show_overview(request, feeds.of(None), asked)
    rows = matrix(feeds)
    shown = matching(rows, asked)
    return render(request, "feeds.html.j2", verdict=verdict(rows), rows=rows, shown=shown, asked=asked)


@router.get("/feeds/{feed}/", response_model=None)
def overview(request: Request, settings: Chosen, asked: Annotated[OverviewFilter, Query()]) -> Response:
    """Show one of several feeds."""
    return show_overview(request, settings, asked)


@router.get("/feeds/{feed}", response_model=None)
def without_slash(request: Request, feed: str) -> Response:
    """Lead to the feed's page, which ends with a slash."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}{feed_path(feed)}/")


def show_overview(request: Request, settings: Settings, asked: OverviewFilter) -> Response:
    """Answer whether last week can be trusted, whether it is complete, what changed, and what needs a person."""
    charted = asked.chart or SyncType.WEEKLY
    with reading(settings.target) as reader:
        periods, freshness = reader.periods(PeriodFilter()), reader.freshness()
        latest, failures = reader.latest(), reader.failures()
        lately, measures = reader.story.lately(), reader.story.measures(charted)
    lines = headlines(settings, periods)
    return render(
        request,
        "overview.html.j2",
        lines=overview_lines(lines, periods),
        newest=newest_periods(periods),
        needs=needs(settings, lines, periods, freshness),
        lately=lately,
        timeline=timeline(charted, measures, incomplete(periods, charted)),
        runs=any(row.status == "running" for row in periods),
        periods=periods,
        freshness=freshness,
        latest=latest,
        failures=failures,
    )


@feed_router.get("/history", response_model=None)
def history(request: Request, settings: Chosen, asked: Annotated[HistoryFilter, Query()]) -> Response:
    """Show the runs that match the filter."""
    with reading(settings.target) as reader:
        found, dags = reader.history(asked, SHOWN_SYNCS), reader.dags()
    drawn = [charts.durations(found.rows), charts.processed(found.rows)]
    runs = any(row.sync_status == "started" for row in found.rows)
    return render(request, "history.html.j2", found=found, asked=asked, dags=dags, charts=drawn, runs=runs)


@feed_router.get("/sync/{sync_log_id}", response_model=None)
def sync(request: Request, settings: Chosen, sync_log_id: SyncLogId, asked: Annotated[NoQuery, Query()]) -> Response:
    """Show one run."""
    with reading(settings.target) as reader:
        return show_sync(request, reader, sync_log_id)


@router.get("/run/{dag_id}/{run_id:path}", response_model=None)
def run(
    request: Request, feeds: Visible, dag_id: RunPart, run_id: RunPart, asked: Annotated[NoQuery, Query()]
) -> Response:
    """Show the sync of a Dag run. Airflow shows this page as a tab of the run."""
    found = find_run(feeds, dag_id, run_id)
    request.state.settings = found.settings
    if not (found.settings and found.sync_log_id):
        unread = found.unread
        return render(request, "no_sync.html.j2", status=404, dag_id=dag_id, run_id=run_id, unread=unread)
    with reading(found.settings.target) as reader:
        return show_sync(request, reader, found.sync_log_id)


def show_sync(request: Request, reader: StatusReader, sync_log_id: int) -> Response:
    """Answer with the page of a run."""
    detail = sync_detail(reader, sync_log_id)
    return render(request, "sync.html.j2", detail=detail, runs=detail.sync.sync_status == "started")


@feed_router.get("/sync/{sync_log_id}/rejects", response_model=None)
def download(settings: Chosen, sync_log_id: SyncLogId, asked: Annotated[RejectsFilter, Query()]) -> Response:
    """Answer with the rejects of a run as a file."""
    target, kind = settings.target, asked.format or "csv"
    with reading(target) as reader:
        if reader.sync(sync_log_id) is None:
            raise HTTPException(404, f"sync_log has no row {sync_log_id}.")
        columns = reader.reject_columns(sync_log_id)
    found = _found(target, sync_log_id)
    lines = rejects.as_csv(found, columns) if kind == "csv" else rejects.as_ndjson(found)
    name = "_".join(filter(None, ["sqp_rejects", settings.feed, f"{sync_log_id}.{kind}"]))
    return StreamingResponse(
        _begun(lines),
        media_type="text/csv; charset=utf-8" if kind == "csv" else "application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _found(target: TargetSettings, sync_log_id: int) -> Iterator[rejects.Batch]:
    def fetch(after: int) -> rejects.Batch:
        with reading(target) as reader:
            return reader.rejects_after(sync_log_id, after, rejects.BATCH)

    return rejects.batches(fetch)


def _begun(lines: Iterator[str]) -> Iterator[str]:
    """Read the first lines now, so that an early error still sets the HTTP status."""
    return chain([next(lines, "")], lines)


@router.get("/static/{name}", response_model=None)
def static(name: str) -> Response:
    """Answer with the style, the script or the icon, which need a login like everything else."""
    if name not in STATIC:
        raise HTTPException(404, "There is no such file.")
    return FileResponse(FOLDER / "static" / name, media_type=STATIC[name])


@router.api_route("/{path:path}", methods=METHODS, response_model=None)
def nothing(request: Request, path: str) -> Any:
    """Refuse every other address. Without a login not even a 404 is shown."""
    if request.method != "GET":
        raise HTTPException(405, f"{request.method} is not possible.", headers={"Allow": "GET, HEAD"})
    with suppress(InvalidSettings):
        request.state.has_feeds = not page_feeds().is_single
    raise HTTPException(404, "There is no such page.")
