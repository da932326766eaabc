"""The pages: overview, history, one sync and the sync of a Dag run; the download of rejects; the static files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import FileResponse, Response, StreamingResponse

from sqp_provider.core.settings import TargetSettings
from sqp_provider.status import charts, rejects
from sqp_provider.status.config import page_settings
from sqp_provider.status.filters import HistoryFilter, NoQuery, PeriodFilter, RejectsFilter, RunPart, SyncLogId
from sqp_provider.status.panels import headlines, sync_detail
from sqp_provider.status.queries import StatusReader, reading
from sqp_provider.status.templates import FOLDER, STATIC, render

router = APIRouter(default_response_class=Response)

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
"""The methods of ``nothing``, so that a wrong method is refused only after the login. HEAD arrives as GET."""


@router.get("/", response_model=None)
def overview(request: Request, asked: Annotated[NoQuery, Query()]) -> Response:
    """Show whether last week can be trusted, which table is stale, and what failed."""
    settings = page_settings()
    with reading(settings.target) as reader:
        periods, freshness = reader.periods(PeriodFilter()), reader.freshness()
        latest, failures = reader.latest(), reader.failures()
    return render(
        request,
        "overview.html.j2",
        headlines=headlines(settings, periods),
        periods=periods,
        freshness=freshness,
        latest=latest,
        failures=failures,
    )


@router.get("/history", response_model=None)
def history(request: Request, asked: Annotated[HistoryFilter, Query()]) -> Response:
    """Show the runs that match the filter."""
    with reading(page_settings().target) as reader:
        found, dags = reader.history(asked), reader.dags()
    drawn = [charts.durations(found.rows), charts.processed(found.rows)]
    return render(request, "history.html.j2", found=found, asked=asked, dags=dags, charts=drawn)


@router.get("/sync/{sync_log_id}", response_model=None)
def sync(request: Request, sync_log_id: SyncLogId, asked: Annotated[NoQuery, Query()]) -> Response:
    """Show one run."""
    with reading(page_settings().target) as reader:
        return show_sync(request, reader, sync_log_id)


@router.get("/run/{dag_id}/{run_id:path}", response_model=None)
def run(request: Request, dag_id: RunPart, run_id: RunPart, asked: Annotated[NoQuery, Query()]) -> Response:
    """Show the sync of a Dag run. Airflow shows this page as a tab of the run."""
    with reading(page_settings().target) as reader:
        found = reader.sync_of_run(dag_id, run_id)
        if found is None:
            return render(request, "no_sync.html.j2", status=404, dag_id=dag_id, run_id=run_id)
        return show_sync(request, reader, found)


def show_sync(request: Request, reader: StatusReader, sync_log_id: int) -> Response:
    """Answer with the page of a run."""
    return render(request, "sync.html.j2", detail=sync_detail(reader, sync_log_id))


@router.get("/sync/{sync_log_id}/rejects", response_model=None)
def download(sync_log_id: SyncLogId, asked: Annotated[RejectsFilter, Query()]) -> Response:
    """Answer with the rejects of a run as a file."""
    target, kind = page_settings().target, asked.format or "csv"
    with reading(target) as reader:
        if reader.sync(sync_log_id) is None:
            raise HTTPException(404, f"sync_log has no row {sync_log_id}.")
        columns = reader.reject_columns(sync_log_id)
    found = _found(target, sync_log_id)
    lines = rejects.as_csv(found, columns) if kind == "csv" else rejects.as_ndjson(found)
    name = f"sqp_rejects_{sync_log_id}.{kind}"
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
    raise HTTPException(404, "There is no such page.")
