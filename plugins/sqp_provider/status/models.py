"""What the panels show and what their JSON holds; one model a panel's row."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from sqp_provider.core.period import SyncType

Moment = Annotated[datetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""Whatever zone the server thinks in, the page speaks UTC."""

Verdict = Literal["yes", "care", "wait", "no"]
StageState = Literal["done", "skipped", "failed", "running", "not reached"]


class Row(BaseModel):
    """Something read from the database, never changed."""

    model_config = ConfigDict(frozen=True)


class Freshness(Row):
    """One summary table, as ``table_freshness()`` tells; ``last_…`` are of the run of its type that started last."""

    table_name: str
    newest_day: date | None
    days_old: int | None
    days_allowed: int
    is_stale: bool
    last_sync_log_id: int | None
    last_status: str | None
    last_error: str | None
    asked_at: Moment


class Latest(Row):
    """The last run of a type, as ``get_latest_sync_status()`` tells; all but the type is None before the first."""

    sync_type: SyncType
    sync_log_id: int | None
    period_start: date | None
    period_end: date | None
    started_at: Moment | None
    dag_id: str | None
    run_id: str | None
    outcome: str | None
    last_sync_status: str | None
    last_sync_time: Moment | None
    records_processed: int | None
    next_sync_due: Moment | None


class PeriodStatus(Row):
    """A row of the view ``period_status``."""

    sync_type: SyncType
    period_start: date
    period_end: date
    status: str
    state: str | None
    row_count: int | None
    published_at: Moment | None
    sync_log_id: int | None
    last_sync_log_id: int | None
    last_status: str | None
    last_error: str | None
    last_finished_at: Moment | None
    source_row_count: int | None
    source_seen_at: Moment | None


class Failure(Row):
    """A run that failed."""

    sync_log_id: int
    sync_type: str
    period_start: date | None
    period_end: date | None
    started_at: Moment
    completed_at: Moment | None
    dag_id: str | None
    run_id: str | None
    stage: str | None
    error_type: str | None
    error_message: str | None


class HistoryRow(Row):
    """One run in the list of all."""

    sync_log_id: int
    sync_type: str
    sync_status: str
    period_start: date | None
    period_end: date | None
    started_at: Moment
    completed_at: Moment | None
    seconds: float | None
    attempt: int
    dag_id: str | None
    run_id: str | None
    outcome: str | None
    records_processed: int | None
    records_inserted: int | None
    records_updated: int | None
    records_deleted: int
    rejects: int | None
    stage: str | None
    error_message: str | None


class HistoryPage(Row):
    """Some runs, newest first; ``next_before`` is what ``before`` must be for those that follow."""

    rows: list[HistoryRow]
    next_before: int | None


class Check(Row):
    """A quality check with both its values."""

    attempt: int | None
    check_type: str
    check_status: str
    column_name: str | None
    source_value: Decimal | None
    target_value: Decimal | None
    difference: Decimal | None
    difference_pct: Decimal | None
    check_message: str | None
    check_query: str | None
    created_at: Moment | None


class RejectReason(Row):
    """The kept rejects of one reason; ``examples`` are the first raw rows."""

    attempt: int
    reason: str
    rows: int
    examples: list[Any]


class Sync(Row):
    """A row of ``sync_log``."""

    sync_log_id: int
    sync_type: str
    sync_status: str
    started_at: Moment
    completed_at: Moment | None
    seconds: float | None
    source_table: str
    target_table: str
    period_start: date | None
    period_end: date | None
    records_processed: int | None
    records_inserted: int | None
    records_updated: int | None
    rejects: int | None
    error_message: str | None
    error_details: dict[str, Any] | None
    sync_metadata: dict[str, Any] | None
    dag_id: str | None
    run_id: str | None
    attempt: int
    published_at: Moment | None


class Stage(Row):
    """A stage of the current attempt; ``at`` is the moment it left in the database, if it leaves one."""

    name: str
    state: StageState
    at: Moment | None
    found: str


class Attempt(Row):
    """One attempt of a run: what ``sync_metadata`` keeps of the earlier ones, and the current one."""

    attempt: int
    started_at: Moment | None
    completed_at: Moment | None
    status: str | None
    outcome: str | None
    inserted: int | None
    updated: int | None
    rejects: int | None
    error_message: str | None


class SyncDetail(Row):
    """All of one run."""

    sync: Sync
    stages: list[Stage]
    attempts: list[Attempt]
    checks: list[Check]
    rejects: list[RejectReason]


class Headline(Row):
    """The answer for one type: can its newest period be trusted?"""

    sync_type: SyncType
    verdict: Verdict
    period_start: date
    period_end: date
    answer: str
    reason: str
    todo: str | None
    sync_log_id: int | None


class Problem(BaseModel):
    """An error, as RFC 9457 wants it, with what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    remedy: str
