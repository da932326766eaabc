"""The rows of the panels, on the page and in JSON."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sqp_provider.core.period import SyncType

Moment = Annotated[datetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""A time in UTC, whatever the server's time zone is."""

Verdict = Literal["yes", "care", "wait", "no"]


class Row(BaseModel):
    """A row that was read from the database."""

    model_config = ConfigDict(frozen=True)


class Freshness(Row):
    """A row of ``table_freshness()``; the ``last_…`` columns are those of the latest run of the table's type."""

    table_name: str = Field(description="the summary table")
    newest_day: date | None = Field(description="the last day of its newest finished period; null: it has none")
    days_old: int | None = Field(description="how many days ago that was")
    days_allowed: int = Field(description="how many days it may be; the setting is `freshness.days_allowed`")
    is_stale: bool = Field(description="whether it is older than allowed")
    last_sync_log_id: int | None = Field(description="the last run of its type")
    last_status: str | None = Field(description="of that run: started, completed or failed")
    last_error: str | None = Field(description="why that run failed")
    asked_at: Moment = Field(description="when the database was asked")


class Latest(Row):
    """The last run of a type, from ``get_latest_sync_status()``; all but the type is None before the first run."""

    sync_type: SyncType = Field(description="weekly, monthly or quarterly")
    sync_log_id: int | None = Field(description="the last run; null: none has run")
    period_start: date | None = Field(description="the first day of its period")
    period_end: date | None = Field(description="the last day of its period")
    started_at: Moment | None = Field(description="when it started")
    dag_id: str | None = Field(description="its Dag")
    run_id: str | None = Field(description="its Dag run")
    outcome: str | None = Field(description="what its publish did: attached, swapped, difference, unchanged, skipped")
    last_sync_status: str | None = Field(description="started, completed or failed")
    last_sync_time: Moment | None = Field(description="when it finished")
    records_processed: int | None = Field(description="how many rows it compared")
    next_sync_due: Moment | None = Field(description="when the next run is expected")


class Activity(Row):
    """The last run that counts, None before the first; and the bytes that BigQuery read for all runs of 30 days."""

    last_sync_log_id: int | None = Field(description="the last run")
    last_status: str | None = Field(description="started, completed or failed")
    last_sync_at: Moment | None = Field(description="when it finished, or started")
    bytes_processed: int = Field(description="what BigQuery read for all runs of 30 days")


class PeriodStatus(Row):
    """A row of the view ``period_status``."""

    sync_type: SyncType = Field(description="weekly, monthly or quarterly")
    period_start: date = Field(description="the first day")
    period_end: date = Field(description="the last day")
    status: str = Field(description="synced, derived, adopted, restated, overwritten, outdated, running, failed, …")
    state: str | None = Field(description="what the ledger says: synced, derived, adopted, deleted; null: nothing")
    row_count: int | None = Field(description="rows when it was published; null for derived")
    published_at: Moment | None = Field(description="when it was last published, derived or deleted")
    sync_log_id: int | None = Field(description="the run that published it")
    last_sync_log_id: int | None = Field(description="the run of it that started last")
    last_status: str | None = Field(description="of that run: started, completed or failed")
    last_error: str | None = Field(description="why that run failed")
    last_finished_at: Moment | None = Field(description="when that run finished")
    source_row_count: int | None = Field(description="rows that the daily check last saw at the source")
    source_seen_at: Moment | None = Field(description="when it checked")
    cause: str | None = Field(description="why a published period is overwritten, restated or outdated")
    verdict: str | None = Field(description="complete, arriving, late, not yet, unknown; null: nothing to judge")
    coverage: Decimal | None = Field(description="`asins_found / asins_expected`; null: not known")
    asins_found: int | None = Field(description="how many of the expected ASINs it has")
    asins_expected: int | None = Field(description="how many ASINs such a period regularly has")
    expected_by: date | None = Field(description="when such a period is usually complete")
    weeks_published: int | None = Field(description="of a month or quarter: how many of its weeks are published")
    weeks_total: int | None = Field(description="and how many weeks it has")
    trusted: bool = Field(description="whether its figures can be trusted")
    why: str | None = Field(description="why, in a sentence")

    @property
    def standing(self) -> str:
        """The page's word for it: what is not complete is called arriving, late, unknown or not yet, not synced."""
        if self.status == "synced" and not self.trusted and self.verdict in ("arriving", "late", "unknown"):
            return self.verdict
        return "not yet" if (self.status, self.verdict) == ("missing", "not yet") else self.status


class Failure(Row):
    """A run that failed."""

    sync_log_id: int = Field(description="the run")
    sync_type: str = Field(description="weekly, monthly or quarterly")
    period_start: date | None = Field(description="the first day of its period; null: the run has none")
    period_end: date | None = Field(description="the last day")
    started_at: Moment = Field(description="when it started")
    completed_at: Moment | None = Field(description="when it failed")
    dag_id: str | None = Field(description="its Dag")
    run_id: str | None = Field(description="its Dag run")
    stage: str | None = Field(description="the task that failed")
    error_type: str | None = Field(description="the kind of the error")
    error_message: str | None = Field(description="what failed, and what to do")


class Headline(Row):
    """The answer for one type: whether its newest period can be trusted."""

    sync_type: SyncType = Field(description="weekly, monthly or quarterly")
    verdict: Verdict = Field(description="yes, care, wait or no")
    period_start: date = Field(description="the first day of the newest period that is due")
    period_end: date = Field(description="its last day")
    answer: str = Field(description="the answer as a sentence")
    reason: str = Field(description="what it rests on")
    todo: str | None = Field(description="what a person should do; null: nothing")
    sync_log_id: int | None = Field(description="the run to look at")


class Problem(BaseModel):
    """An error in the format of RFC 9457, with what to do."""

    type: str = Field(default="about:blank", description="always about:blank")
    title: str = Field(description="the name of the HTTP status")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what is wrong")
    remedy: str = Field(description="what to do")
