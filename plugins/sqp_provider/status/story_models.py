"""The rows of a period's story: how it was published, what each publish changed, and what a search found."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from sqp_provider.core.period import SyncType
from sqp_provider.status.models import Moment, PeriodStatus, Row

TOTALS = {
    "rows": "rows",
    "asins": "ASINs",
    "total_impressions": "impressions",
    "total_clicks": "clicks",
    "total_cart_adds": "cart adds",
    "total_purchases": "purchases",
}
"""What a version keeps the totals of, and what the page calls them."""


class PeriodVersion(Row):
    """One publish of a period, a row of ``period_version``."""

    version: int = Field(description="its number: a later publish has a larger one")
    published_at: Moment = Field(description="when it was published")
    how: str = Field(description="attached, swapped, difference, confirmed, summed or deleted")
    sync_log_id: int | None = Field(description="the sync that published it; null: a sum of weeks")
    snapshot_at: Moment | None = Field(description="when the source looked like this")
    row_count: int | None = Field(description="rows after it")
    inserted: int = Field(description="rows that it added")
    updated: int = Field(description="rows whose figures it changed")
    deleted: int = Field(description="rows that it took away")
    totals: dict[str, int | None] | None = Field(description="rows, ASINs and the sums of the own counts after it")
    totals_before: dict[str, int | None] | None = Field(description="the same before it; null: the first publish")
    is_first: bool = Field(description="whether no kept publish came before it")
    is_kept: bool = Field(description="whether every row that it changed is kept, with its figures before and after")
    is_healing: bool = Field(description="whether somebody else had written to the period before")


class LatelyChanged(PeriodVersion):
    """A publish that changed rows which were there before."""

    sync_type: SyncType = Field(description="weekly, monthly or quarterly")
    period_start: date = Field(description="the first day of its period")


class Strangers(Row):
    """What one login, which is not a sync, changed in a period."""

    changed_by: str | None = Field(description="the login")
    rows: int = Field(description="how many kept changes it made")
    first_at: Moment = Field(description="when it made the first")
    last_at: Moment = Field(description="when it made the last")


class Mover(Row):
    """A query or an ASIN that a publish moved: the sums of the rows that it changed."""

    query: str | None = Field(description="the query; null: the row is of an ASIN")
    asin: str | None = Field(description="the ASIN; null: the row is of a query")
    rows: int = Field(description="how many of its rows changed")
    impressions_before: int = Field(description="its impressions in those rows before")
    impressions_after: int = Field(description="and after")
    purchases_before: int = Field(description="its purchases in those rows before")
    purchases_after: int = Field(description="and after")

    @property
    def name(self) -> str:
        """The query or the ASIN."""
        return self.query if self.query is not None else str(self.asin)


class Change(Row):
    """A changed row, a row of ``period_change``."""

    id: int = Field(description="its number, ascending")
    version: int | None = Field(description="the publish that changed it; null: somebody else did")
    query: str = Field(description="the row's query")
    asin: str = Field(description="the row's ASIN")
    change: Literal["inserted", "updated", "deleted"] = Field(description="inserted, updated or deleted")
    before: dict[str, Any] | None = Field(description="the columns that differ as they were; deleted: all that it had")
    after: dict[str, Any] | None = Field(description="the same columns as they became; inserted: all that it has")
    is_healing: bool = Field(description="whether it put back what somebody else had written")
    changed_at: Moment = Field(description="when")
    changed_by: str | None = Field(description="the login of somebody else; null: a publish")


class ChangePage(Row):
    """Changed rows, oldest first; ``next_after`` is the value of ``after`` for the next page."""

    rows: list[Change] = Field(description="changed rows, oldest first")
    next_after: int | None = Field(description="the value of `after` for the next page; null: this is the last")


class PeriodDetail(Row):
    """A period with how it was published."""

    period: PeriodStatus = Field(description="how it stands")
    versions: list[PeriodVersion] = Field(description="its publishes, newest first")
    strangers: list[Strangers] = Field(description="who else wrote to it")
    version: int | None = Field(description="the publish that `movers` is about; null: none changed rows")
    movers: list[Mover] = Field(description="the ten queries, then the ten ASINs, that it moved most")


class RowDetail(Row):
    """One row of a period with its changes."""

    figures: dict[str, Any] | None = Field(description="all columns of the row as it is now; null: there is none")
    changes: list[Change] = Field(description="its changes, oldest first, at most 20")
    command: str = Field(description="the command that proves the row against BigQuery")


class Found(Row):
    """A period that has the query or the ASIN, with its figures, or that may have the ASIN."""

    period_start: date = Field(description="its first day")
    period_end: date = Field(description="its last day")
    state: str = Field(description="synced, derived or adopted")
    is_counted: bool = Field(description="false: its rows were too many to count")
    is_known: bool = Field(
        description="false: they were too many to look for the ASIN, and no list of the ASINs that it has is up to date"
    )
    rows: int = Field(description="how many rows match")
    asins: int = Field(description="how many ASINs these have")
    queries: int = Field(description="how many queries these have")
    query: str | None = Field(description="the query as it is stored; null: only an ASIN was searched for")
    impressions: int | None = Field(description="the sum of their own impressions")
    clicks: int | None = Field(description="the sum of their own clicks")
    cart_adds: int | None = Field(description="the sum of their own cart adds")
    purchases: int | None = Field(description="the sum of their own purchases")


class Measured(Row):
    """What was published of a period, for the chart."""

    sync_type: SyncType = Field(description="weekly, monthly or quarterly")
    period_start: date = Field(description="its first day")
    period_end: date = Field(description="its last day")
    state: str = Field(description="synced, derived or adopted")
    rows: int | None = Field(description="how many rows; null: not known")
    asins: int | None = Field(description="how many ASINs; null: not known")
    impressions: int | None = Field(description="the sum of own impressions; null: not known")
    purchases: int | None = Field(description="the sum of own purchases; null: not known")
    times_changed: int = Field(description="how many syncs changed or deleted rows that were there")
