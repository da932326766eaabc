"""The panels as JSON, at addresses that stay."""

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
    """Can the newest week, month, quarter be trusted?"""
    settings = page_settings()
    with reading(settings.target) as reader:
        return headlines(settings, reader.periods(PeriodFilter()))


@router.get("/freshness")
def get_freshness(asked: Annotated[NoQuery, Query()]) -> list[Freshness]:
    """How old is each table?"""
    with reading(page_settings().target) as reader:
        return reader.freshness()


@router.get("/latest")
def get_latest(asked: Annotated[NoQuery, Query()]) -> list[Latest]:
    """How did the last run of each type end?"""
    with reading(page_settings().target) as reader:
        return reader.latest()


@router.get("/periods")
def get_periods(asked: Annotated[PeriodFilter, Query()]) -> list[PeriodStatus]:
    """How does every period stand?"""
    with reading(page_settings().target) as reader:
        return reader.periods(asked)


@router.get("/failures")
def get_failures(asked: Annotated[NoQuery, Query()]) -> list[Failure]:
    """What failed last?"""
    with reading(page_settings().target) as reader:
        return reader.failures()


@router.get("/history")
def get_history(asked: Annotated[HistoryFilter, Query()]) -> HistoryPage:
    """Which runs were there?"""
    with reading(page_settings().target) as reader:
        return reader.history(asked)


@router.get("/sync/{sync_log_id}")
def get_sync(sync_log_id: SyncLogId, asked: Annotated[NoQuery, Query()]) -> SyncDetail:
    """What did a run do?"""
    with reading(page_settings().target) as reader:
        return sync_detail(reader, sync_log_id)


@router.get("/run/{dag_id}/{run_id:path}")
def get_run(dag_id: RunPart, run_id: RunPart, asked: Annotated[NoQuery, Query()]) -> SyncDetail:
    """What did the sync of a Dag run do?"""
    with reading(page_settings().target) as reader:
        found = reader.sync_of_run(dag_id, run_id)
        if found is None:
            raise HTTPException(404, f"sync_log has no row of run {run_id} of {dag_id}.")
        return sync_detail(reader, found)
