"""The rows of the history and of one sync, on the page and in JSON."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, computed_field

from sqp_provider.core.contract import REJECT_REASONS
from sqp_provider.status.models import Moment, Row

StageState = Literal["done", "skipped", "failed", "running", "not reached"]


class HistoryRow(Row):
    """One run in the history."""

    sync_log_id: int = Field(description="the run")
    sync_type: str = Field(description="weekly, monthly or quarterly")
    sync_status: str = Field(description="started, completed or failed")
    period_start: date | None = Field(description="the first day of its period")
    period_end: date | None = Field(description="its last day")
    started_at: Moment = Field(description="when it started")
    completed_at: Moment | None = Field(description="when it finished")
    seconds: float | None = Field(description="how long it took")
    attempt: int = Field(description="how often it was started: clearing counts another")
    dag_id: str | None = Field(description="its Dag")
    run_id: str | None = Field(description="its Dag run")
    outcome: str | None = Field(description="what its publish did")
    records_processed: int | None = Field(description="rows that it compared")
    records_inserted: int | None = Field(description="rows that it added")
    records_updated: int | None = Field(description="rows whose figures it changed")
    records_deleted: int = Field(description="rows that it took away")
    rejects: int | None = Field(description="source rows that it rejected")
    stage: str | None = Field(description="the task that failed")
    error_message: str | None = Field(description="the first 300 characters of the error")


class HistoryPage(Row):
    """A page of runs, newest first; ``next_before`` is the value of ``before`` for the next page."""

    rows: list[HistoryRow] = Field(description="runs, newest first")
    next_before: int | None = Field(description="the value of `before` for the next page; null: this is the last")


class Check(Row):
    """A quality check with both values."""

    attempt: int | None = Field(description="the attempt that checked")
    check_type: str = Field(description="the kind of check")
    check_status: str = Field(description="passed, warning or failed")
    column_name: str | None = Field(description="the column that it is about")
    source_value: Decimal | None = Field(description="what the source has")
    target_value: Decimal | None = Field(description="what the staged rows have")
    difference: Decimal | None = Field(description="target minus source")
    difference_pct: Decimal | None = Field(description="the same in percent")
    check_message: str | None = Field(description="the result as a sentence")
    check_query: str | None = Field(description="the statement that counted `target_value`")
    created_at: Moment | None = Field(description="when it was checked")


class RejectReason(Row):
    """The kept rejects of one reason; ``examples`` are the first raw rows."""

    attempt: int = Field(description="the attempt that rejected them")
    reason: str = Field(description="why")
    rows: int = Field(description="how many are kept")
    examples: list[Any] = Field(description="the first three rows as they came")

    @computed_field(description="what the reason means; null: a reason of another version")
    def explanation(self) -> str | None:
        """What the reason means; None for a reason that another version of the provider wrote."""
        return REJECT_REASONS.get(self.reason)


class Sync(Row):
    """A row of ``sync_log``."""

    sync_log_id: int = Field(description="the run")
    sync_type: str = Field(description="weekly, monthly or quarterly")
    sync_status: str = Field(description="started, completed or failed")
    started_at: Moment = Field(description="when it started")
    completed_at: Moment | None = Field(description="when it finished")
    seconds: float | None = Field(description="how long it took")
    source_table: str = Field(description="where it read")
    target_table: str = Field(description="where it published")
    period_start: date | None = Field(description="the first day of its period")
    period_end: date | None = Field(description="its last day")
    records_processed: int | None = Field(description="rows that it compared")
    records_inserted: int | None = Field(description="rows that it added")
    records_updated: int | None = Field(description="rows whose figures it changed")
    rejects: int | None = Field(description="source rows that it rejected")
    error_message: str | None = Field(description="what failed, and what to do")
    error_details: dict[str, Any] | None = Field(description="stage, type, log_url and more of the error")
    sync_metadata: dict[str, Any] | None = Field(description="options, snapshot, outcome, rows and earlier attempts")
    dag_id: str | None = Field(description="its Dag")
    run_id: str | None = Field(description="its Dag run")
    attempt: int = Field(description="how often it was started: clearing counts another")
    published_at: Moment | None = Field(description="when it published; null: another run published since")


class Stage(Row):
    """A stage of the current attempt; ``at`` is the time that the stage wrote into the database, if it writes one."""

    name: str = Field(description="the task: log_start, extract, load, validate, publish or log_finish")
    state: StageState = Field(description="done, skipped, failed, running or not reached")
    at: Moment | None = Field(description="the time that it wrote into the database")
    found: str = Field(description="what it found, as a sentence")
    rows: int | None = Field(description="rows that landed, were copied, or were published or changed; null: not known")
    started_at: Moment | None = Field(description="when its task started, as Airflow says; null: not known")
    seconds: float | None = Field(description="how long its task took, as Airflow says; null: not known")


class Attempt(Row):
    """One attempt of a run: the current one, or an earlier one from ``sync_metadata``."""

    attempt: int = Field(description="its number")
    started_at: Moment | None = Field(description="when it started")
    completed_at: Moment | None = Field(description="when it finished")
    status: str | None = Field(description="started, completed or failed")
    outcome: str | None = Field(description="what its publish did")
    inserted: int | None = Field(description="rows that it added")
    updated: int | None = Field(description="rows whose figures it changed")
    rejects: int | None = Field(description="source rows that it rejected")
    error_message: str | None = Field(description="what failed")


class SyncDetail(Row):
    """One run with everything that is known of it."""

    sync: Sync = Field(description="the run")
    balance: str | None = Field(description="where every landed row went")
    is_deleted_in_airflow: bool | None = Field(description="whether its Dag run is gone from Airflow; null: not known")
    stages: list[Stage] = Field(description="its tasks, in order")
    attempts: list[Attempt] = Field(description="its attempts, the current one last")
    checks: list[Check] = Field(description="its checks, failures and warnings first")
    rejects: list[RejectReason] = Field(description="its rejects by reason")
