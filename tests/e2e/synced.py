"""One sync Dag in a running Airflow: its source, its target, and what a run left there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import dict_row

from sqp_provider.core.period import Period, SyncType
from tests.e2e.airflow_ui import AirflowUI
from tests.landing import Landing, report_row

FIGURES = {"anker": 50, "belkin": 60, "cable": 70}
"""What most tests land: search queries and their clicks."""

RESTATED = {"anker": 51, "belkin": 60, "cable": 70, "dock": 80}
"""The same period after Amazon has restated it."""

FIRST_DAY = date(2015, 1, 4)
"""Where the periods of the tests begin: before those that a schedule or a backfill of the tests takes."""


@dataclass
class Synced:
    """The Dag, the table it reads, the database it writes to."""

    ui: AirflowUI
    sync_type: SyncType
    landing: Landing
    dsn: str
    newest: Period = field(init=False)

    def __post_init__(self) -> None:
        self.newest = Period.latest_before(self.sync_type, FIRST_DAY)

    def new_period(self, figures: Mapping[str, int] | None = FIGURES) -> Period:
        """A period that no other test knows, with these figures landed; None lands nothing."""
        self.newest = Period.starting(self.sync_type, self.newest.next_first_day)
        if figures is not None:
            self.land(self.newest, figures)
        return self.newest

    def land(self, period: Period, figures: Mapping[str, int], ingested_at: str = "2026-11-18T06:00:00Z") -> None:
        """Land clicks by search query; a later ``ingested_at`` restates what landed before."""
        self.land_many([(period, figures)], ingested_at)

    def land_many(
        self, periods: Iterable[tuple[Period, Mapping[str, int]]], ingested_at: str = "2026-11-18T06:00:00Z"
    ) -> None:
        """Land several periods in one go."""
        rows = [
            report_row(
                query, asin_click_count=clicks, ingested_at=ingested_at, start_date=str(first), end_date=str(last)
            )
            for (first, last), figures in (((each.first_day, each.last_day), figures) for each, figures in periods)
            for query, clicks in figures.items()
        ]
        self.landing.land(*rows)

    def restate(self, period: Period) -> None:
        """Land :data:`RESTATED` over what landed before."""
        self.land(period, RESTATED, ingested_at="2026-11-21T06:00:00Z")

    def trigger(self, period: Period, **conf: Any) -> str:
        """Trigger a run of a period."""
        return self.ui.trigger(period_start=str(period.first_day), **conf)

    def synced(self, figures: Mapping[str, int] = FIGURES) -> tuple[Period, str]:
        """A new period and the run that has synced it."""
        period = self.new_period(figures)
        run_id = self.trigger(period)
        self.finished(run_id, "success", attempt=1)
        return period, run_id

    def finished(self, run_id: str, colour: str, *, attempt: int, status: str | None = None) -> dict[str, Any]:
        """Wait for a run's end; check its colour and its one row of sync_log, and return the row."""
        (run,) = self.ui.wait(run_id)
        log = self.log(run_id)
        status = status or {"success": "completed", "failed": "failed"}[colour]
        assert (run["state"], log["sync_status"], log["attempt"]) == (colour, status, attempt), log["error_message"]
        assert [each["attempt"] for each in log["sync_metadata"]["attempts"]] == list(range(1, attempt))
        assert log["completed_at"] is not None
        return log

    def log(self, run_id: str) -> dict[str, Any]:
        """The run's one row of sync_log."""
        (row,) = self.query("select * from sync_log where dag_id = %s and run_id = %s", self.ui.dag_id, run_id)
        return row

    def published(self, period: Period) -> dict[str, int]:
        """The target's clicks by search query."""
        statement = f"select query, total_clicks from {self.sync_type.target_table} where period_start = %s"
        return {row["query"]: row["total_clicks"] for row in self.query(statement, period.first_day)}

    def ledger(self, period: Period) -> dict[str, Any] | None:
        """The period's row of the ledger, without when the source was last seen to hold the same."""
        statement = """select sync_type, period_start, state, fingerprint, row_count, sync_log_id, attempt, published_at
            from synced_period where sync_type = %s and period_start = %s"""
        return next(iter(self.query(statement, self.sync_type.value, period.first_day)), None)

    def left_started(self) -> list[str]:
        """The runs whose row still says that they are running."""
        return [row["run_id"] for row in self.query("select run_id from sync_log where sync_status = 'started'")]

    def let_an_hour_pass(self, run_id: str) -> None:
        """Make a run's row older: nobody waits ``schedule.stale_after_minutes`` in a test."""
        self.query(
            "update sync_log set started_at = started_at - interval '1 hour' where run_id = %s returning id", run_id
        )

    def waits_for_ledger(self) -> None:
        """Wait until a publish stands before the ledger that :meth:`publishes_wait` holds."""
        statement = "select from pg_locks where relation = 'synced_period'::regclass and not granted"
        self.ui.server.wait_until(lambda: self.query(statement), "publish that waits for the ledger")

    def query(self, statement: Any, *values: Any) -> list[dict[str, Any]]:
        """Query the target."""
        with self.connected() as connection:
            return connection.execute(statement, values or None).fetchall()

    @contextmanager
    def loads_wait(self, period: Period) -> Iterator[None]:
        """Hold the period's lock, as another run's publish does: `load` waits for it."""
        with self._held("select lock_period(%s, %s)", self.sync_type.value, period.first_day):
            yield

    @contextmanager
    def publishes_wait(self) -> Iterator[None]:
        """Hold the ledger, as a person's forgotten transaction does: `publish` has changed the target and waits."""
        with self._held("lock table synced_period in share row exclusive mode"):
            yield

    @contextmanager
    def log_finish_waits(self, run_id: str) -> Iterator[None]:
        """Hold the run's row, as a person's forgotten transaction does: `log_finish` cannot close it."""
        with self._held("select from sync_log where run_id = %s for update", run_id):
            yield

    @contextmanager
    def _held(self, statement: Any, *values: Any) -> Iterator[None]:
        with self.connected() as connection, connection.transaction():
            connection.execute(statement, values or None)
            yield

    def connected(self) -> psycopg.Connection[dict[str, Any]]:
        """A connection of the test's own to the target."""
        return psycopg.connect(self.dsn, autocommit=True, options="-c search_path=sqp", row_factory=dict_row)
