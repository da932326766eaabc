"""The rows of the panels, on the page and in JSON."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, computed_field

from sqp_provider.core.contract import REJECT_REASONS
from sqp_provider.core.period import SyncType

Moment = Annotated[datetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""A time in UTC, whatever the server's time zone is."""

Verdict = Literal["yes", "care", "wait", "no"]
StageState = Literal["done", "skipped", "failed", "running", "not reached"]


class Row(BaseModel):
    """A row that was read from the database."""

    model_config = ConfigDict(frozen=True)


class Freshness(Row):
    """A row of ``table_freshness()``; the ``last_…`` columns are those of the latest run of the table's type."""

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
    """The last run of a type, from ``get_latest_sync_status()``; all but the type is None before the first run."""

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


class Activity(Row):
    """The last run that counts, None before the first; and the bytes that BigQuery read for all runs of 30 days."""

    last_sync_log_id: int | None
    last_status: str | None
    last_sync_at: Moment | None
    bytes_processed: int


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
    cause: str | None


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
    """One run in the history."""

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
    """A page of runs, newest first; ``next_before`` is the value of ``before`` for the next page."""

    rows: list[HistoryRow]
    next_before: int | None


class Check(Row):
    """A quality check with both values."""

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

    @computed_field
    def explanation(self) -> str | None:
        """What the reason means; None for a reason that another version of the provider wrote."""
        return REJECT_REASONS.get(self.reason)


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
    """A stage of the current attempt; ``at`` is the time that the stage wrote into the database, if it writes one."""

    name: str
    state: StageState
    at: Moment | None
    found: str


class Attempt(Row):
    """One attempt of a run: the current one, or an earlier one from ``sync_metadata``."""

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
    """One run with everything that is known of it."""

    sync: Sync
    balance: str | None
    """Where every landed row went: ``20 rows landed = 17 published + 1 rejected + 2 superseded copies + 0 merged``."""
    stages: list[Stage]
    attempts: list[Attempt]
    checks: list[Check]
    rejects: list[RejectReason]


class Headline(Row):
    """The answer for one type: whether its newest period can be trusted."""

    sync_type: SyncType
    verdict: Verdict
    period_start: date
    period_end: date
    answer: str
    reason: str
    todo: str | None
    sync_log_id: int | None


class Problem(BaseModel):
    """An error in the format of RFC 9457, with what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    remedy: str
