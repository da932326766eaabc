"""Run the statements of ``sql/queries/status.sql`` in one read-only transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import TargetSettings
from sqp_provider.hooks.postgres import Database, SqpPostgresHook
from sqp_provider.status.filters import HistoryFilter, PeriodFilter
from sqp_provider.status.models import (
    Activity,
    Failure,
    Freshness,
    Latest,
    PeriodStatus,
    Row,
)
from sqp_provider.status.story import StoryReader
from sqp_provider.status.sync_models import Check, HistoryPage, HistoryRow, RejectReason, Sync

STATEMENT_MILLISECONDS = 10_000
"""A statement that takes longer is cancelled, so that readers cannot delay the syncs."""

PAGE_ROWS = 50
FAILURES = 5

BYTES_DAYS = 30
"""Of how many days the matrix of feeds sums what BigQuery read."""

SomeRow = TypeVar("SomeRow", bound=Row)


@dataclass(frozen=True)
class StatusReader:
    """The statements of the page, inside one transaction."""

    database: Database

    @property
    def story(self) -> StoryReader:
        """The statements of a period's story, in the same transaction."""
        return StoryReader(self.database)

    def freshness(self) -> list[Freshness]:
        """Return how old each summary table's newest period is."""
        return self._rows(Freshness, "freshness")

    def latest(self) -> list[Latest]:
        """Return the last run of each type."""
        return self._rows(Latest, "latest")

    def periods(self, asked: PeriodFilter) -> list[PeriodStatus]:
        """Return the status of the newest periods of each type, oldest first."""
        shown = json.dumps({sync_type: sync_type.period_type.shown_periods for sync_type in SyncType})
        return self._rows(PeriodStatus, "periods", sync_type=asked.type, periods=asked.periods, shown=shown)

    def activity(self) -> Activity:
        """Return the last run, and how many bytes BigQuery read for all runs of the last 30 days."""
        return self._rows(Activity, "activity", days=BYTES_DAYS)[0]

    def failures(self) -> list[Failure]:
        """Return the newest failed runs."""
        return self._rows(Failure, "failures", rows=FAILURES)

    def history(self, asked: HistoryFilter, rows: int = PAGE_ROWS) -> HistoryPage:
        """Return a page of the runs that match the filter."""
        values = asked.model_dump(exclude={"type"}) | {"sync_type": asked.type, "rows": rows + 1}
        found = self._rows(HistoryRow, "history", **values)
        shown = found[:rows]
        return HistoryPage(rows=shown, next_before=shown[-1].sync_log_id if len(found) > rows else None)

    def dags(self) -> list[str]:
        """Return the Dags that have runs in the log."""
        return [row["dag_id"] for row in self._query("dags")]

    def sync(self, sync_log_id: int) -> Sync | None:
        """Return a run, or None."""
        return next(iter(self._rows(Sync, "sync", sync_log_id=sync_log_id)), None)

    def sync_of_run(self, dag_id: str, run_id: str) -> int | None:
        """Return the id of a Dag run's row, or None."""
        row = self.database.row("status", "sync_of_run", {"dag_id": dag_id, "run_id": run_id})
        return int(row["sync_log_id"]) if row else None

    def checks(self, sync_log_id: int) -> list[Check]:
        """Return a run's checks: the newest attempt first, and in it failures and warnings first."""
        return self._rows(Check, "checks", sync_log_id=sync_log_id)

    def rejects(self, sync_log_id: int) -> list[RejectReason]:
        """Return a run's kept rejects, grouped by reason."""
        return self._rows(RejectReason, "reject_reasons", sync_log_id=sync_log_id)

    def reject_columns(self, sync_log_id: int) -> list[str]:
        """Return the column names of the raw rows of a run's rejects."""
        return [row["name"] for row in self._query("reject_columns", sync_log_id=sync_log_id)]

    def rejects_after(self, sync_log_id: int, after: int, rows: int) -> list[dict[str, Any]]:
        """Return the next rejects, those with ids above ``after``."""
        return self._query("rejects_after", sync_log_id=sync_log_id, after=after, rows=rows)

    def _rows(self, model: type[SomeRow], name: str, **values: Any) -> list[SomeRow]:
        return [model.model_validate(row) for row in self._query(name, **values)]

    def _query(self, name: str, **values: Any) -> list[dict[str, Any]]:
        return self.database.connection.execute(self.database.statement("status", name), values or None).fetchall()


@contextmanager
def reading(
    target: TargetSettings, *, connection: Any = None, milliseconds: int | None = None
) -> Iterator[StatusReader]:
    """Open a read-only transaction that sees one state of the database and has a short timeout.

    :param connection: what Airflow says of the connection, if it was asked before.
    :param milliseconds: of each statement; ``STATEMENT_MILLISECONDS`` if not given.
    """
    with SqpPostgresHook(target, connection=connection).transaction(read_only=True) as database:
        database.run("status", "statement_timeout", {"milliseconds": milliseconds or STATEMENT_MILLISECONDS})
        yield StatusReader(database)
