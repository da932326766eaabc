"""The panels as JSON. The addresses do not change."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from sqp_provider.status.config import page_settings
from sqp_provider.status.filters import HistoryFilter, NoQuery, PeriodFilter, RunPart, SyncLogId
from sqp_provider.status.models import Failure, Freshness, Headline, HistoryPage, Latest, PeriodStatus, SyncDetail
from sqp_provider.status.panels import headlines, sync_detail
from sqp_provider.status.queries import reading

router = APIRouter()


@router.get("/headlines")
def get_headlines(asked: Annotated[NoQuery, Query()]) -> list[Headline]:
    """Return whether the newest week, month and quarter can be trusted."""
    settings = page_settings()
    with reading(settings.target) as reader:
        return headlines(settings, reader.periods(PeriodFilter()))


@router.get("/freshness")
def get_freshness(asked: Annotated[NoQuery, Query()]) -> list[Freshness]:
    """Return how old each table is."""
    with reading(page_settings().target) as reader:
        return reader.freshness()


@router.get("/latest")
def get_latest(asked: Annotated[NoQuery, Query()]) -> list[Latest]:
    """Return the last run of each type."""
    with reading(page_settings().target) as reader:
        return reader.latest()


@router.get("/periods")
def get_periods(asked: Annotated[PeriodFilter, Query()]) -> list[PeriodStatus]:
    """Return the status of every period."""
    with reading(page_settings().target) as reader:
        return reader.periods(asked)


@router.get("/failures")
def get_failures(asked: Annotated[NoQuery, Query()]) -> list[Failure]:
    """Return the latest failures."""
    with reading(page_settings().target) as reader:
        return reader.failures()


@router.get("/history")
def get_history(asked: Annotated[HistoryFilter, Query()]) -> HistoryPage:
    """Return the runs that match the filter."""
    with reading(page_settings().target) as reader:
        return reader.history(asked)


@router.get("/sync/{sync_log_id}")
def get_sync(sync_log_id: SyncLogId, asked: Annotated[NoQuery, Query()]) -> SyncDetail:
    """Return one run with its stages, attempts, checks and rejects."""
    with reading(page_settings().target) as reader:
        return sync_detail(reader, sync_log_id)


@router.get("/run/{dag_id}/{run_id:path}")
def get_run(dag_id: RunPart, run_id: RunPart, asked: Annotated[NoQuery, Query()]) -> SyncDetail:
    """Return the sync of a Dag run."""
    with reading(page_settings().target) as reader:
        found = reader.sync_of_run(dag_id, run_id)
        if found is None:
            raise HTTPException(404, f"sync_log has no row for run {run_id} of {dag_id}.")
        return sync_detail(reader, found)
