"""Random histories: whatever happens at the source and in Airflow, every table equals the recomputation, row by row.

A history lands, re-lands, restates and deletes rows, lets others come late, syncs weeks, months and quarters, clears
runs and stages, backfills, and has somebody else write. After each step all three tables are compared in full.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from sqp_provider.core.period import Period, SyncType
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.hooks.source import Source
from tests.conftest import new_database
from tests.fixtures import connection_to, settings_for
from tests.integration.exactness.recompute import recompute, roll_up
from tests.landing import COLUMNS, Landing, report_row
from tests.stages import Run, Stages

WEEKLY, MONTHLY, QUARTERLY = SyncType.WEEKLY, SyncType.MONTHLY, SyncType.QUARTERLY
# The week from 2026-09-27 ends in October and in the fourth quarter, and belongs to September and the third.
WEEKS = [Period.starting(WEEKLY, date(2026, 9, 20) + timedelta(weeks=n)) for n in range(3)]
MONTHS = [Period.starting(MONTHLY, date(2026, month, 1)) for month in (9, 10)]
QUARTERS = [Period.starting(QUARTERLY, date(2026, month, 1)) for month in (7, 10)]
PERIODS = [*WEEKS, *MONTHS, *QUARTERS]

WHAT_HAPPENS = (
    *("land", "land_again", "restate", "land_malformed", "delete", "dry_run", "clear_run", "clear_stage"),
    *("sync", "sync", "sync", "restate", "clear_stage", "backfill", "somebody_writes", "look_and_heal"),
)

RawRow = dict[str, Any]
Draw = Callable[[Any], Any]
COUNTS = st.sampled_from([0, 1, 3, 7, 128, 765, 10_000, 2**31 + 11, None])
FIGURES = st.fixed_dictionaries(
    {
        "search_query": st.sampled_from(["alpha", "Alpha ", "beta", "g\u00a0amma"]),
        "asin": st.sampled_from(["B00TEST001", "b00test001", "B00TEST002"]),
        "search_query_score": st.sampled_from([1, 5, None]),
        "search_query_volume": st.sampled_from([10, 15_000, None]),
        "asin_impression_count": COUNTS,
        "asin_click_count": COUNTS,
        "asin_purchase_count": COUNTS,
        "total_query_impression_count": st.sampled_from([0, 10_000, 2**33]),
    }
)
MALFORMED = st.sampled_from(
    [{"asin": "B00"}, {"search_query": " "}, {"asin_click_count": -1}, {"start_date": None}, {"end_date": "2026-01-01"}]
)


@dataclass
class Attempted:
    """A run, its period and the source as its last extract saw it."""

    run: Run
    period: Period
    seen: list[RawRow]
    seen_at: int


class History(RuleBasedStateMachine):
    """Source, target and what the target must hold. Subclasses say whether the source has months of its own."""

    native: ClassVar[bool]
    make: ClassVar[Callable[[bool], tuple[Landing, Stages, ExitStack]]]
    done: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.raw: list[RawRow] = []
        self.clock = 0
        self.landing, self.stages, self.open = type(self).make(self.native)
        self.runs: list[Attempted] = []
        self.weekly: dict[Period, list[RawRow]] = {}
        self.own: dict[Period, list[RawRow]] = {}  # months and quarters that their own sync published
        self.published: dict[Period, Attempted] = {}
        self.disturbed: set[Period] = set()

    def teardown(self) -> None:
        self.open.close()

    @rule(data=st.data(), what=st.deferred(lambda: st.sampled_from(WHAT_HAPPENS)))
    def happens(self, data: st.DataObject, what: str) -> None:
        """One rule for all, so that a few histories have every kind of step, syncs most often."""
        getattr(self, what)(data.draw)
        self.done[what] += 1

    # what happens at the source

    def land(self, draw: Draw) -> None:
        period = draw(st.sampled_from(PERIODS))
        self.add(*(self.row(period, figures) for figures in draw(st.lists(FIGURES, min_size=1, max_size=4))))

    def land_again(self, draw: Draw) -> None:
        for row in self.some_row(draw):
            self.add(row, row | {"ingested_at": self.now()})

    def restate(self, draw: Draw) -> None:
        """A newer version of a row lands beside it."""
        changed = {key: value for key, value in draw(FIGURES).items() if key not in ("search_query", "asin")}
        for row in self.some_row(draw):
            self.add(row | changed | {"ingested_at": self.now()})

    def land_malformed(self, draw: Draw) -> None:
        self.add(self.row(draw(st.sampled_from(WEEKS)), {"search_query": "alpha"} | draw(MALFORMED)))

    def delete(self, draw: Draw) -> None:
        for gone in self.some_row(draw):
            self.raw = [row for row in self.raw if row is not gone]
            self.landing.create(COLUMNS | {"report_period": "STRING"})
            self.landing.land(*self.raw)

    # what happens in Airflow

    def sync(self, draw: Draw) -> None:
        self.sync_one(draw(st.sampled_from(PERIODS)), force=draw(st.booleans()))

    def backfill(self, draw: Draw) -> None:
        for week in WEEKS:
            self.sync_one(week)

    def dry_run(self, draw: Draw) -> None:
        period = draw(st.sampled_from(PERIODS))
        self.stages.sync(period.first_day, period.sync_type, dry_run=True)

    def clear_run(self, draw: Draw) -> None:
        for again in self.some_run(draw):
            self.stages.sync(run=again.run)
            again.seen, again.seen_at = list(self.raw), self.tick()
            self.conclude(again)

    def clear_stage(self, draw: Draw) -> None:
        """The snapshot may be an old one: then nothing may be published over a newer."""
        stage, alone = draw(st.sampled_from(["load", "validate", "publish", "log_finish"])), draw(st.booleans())
        for again in self.some_run(draw):
            if again.run.states.get("extract") != "success":
                continue
            before = self.published.get(again.period)
            self.stages.clear(again.run, stage, downstream=not alone)
            if "publish" in again.run.ran and again.run.states["publish"] == "success":
                assert before is None or again.seen_at >= before.seen_at, "an older snapshot over a newer one"
                self.conclude(again)

    def somebody_writes(self, draw: Draw) -> None:
        """Another program changes a published week; months and quarters derived from it follow."""
        week = draw(st.sampled_from(WEEKS))
        self.stages.query("update weekly_summary set total_cart_adds = 4711 where period_start = %s", week.first_day)
        for row in self.weekly.get(week, []):
            row["total_cart_adds"] = 4711  # its rates stay as they are, nobody recomputes them
            self.disturbed.add(week)

    def look_and_heal(self, draw: Draw) -> None:
        """What the look at the source calls unchanged is equal, what it calls changed is not; syncing heals it."""
        sync_type = draw(st.sampled_from([WEEKLY, MONTHLY]))
        periods = [period for period in PERIODS if period.sync_type is sync_type]
        found = Source(SqpBigQueryHook(), self.stages.settings.source).window_totals(sync_type, periods)
        known = self.fingerprints(sync_type)
        for period in periods:
            seen = found[period].fingerprint if period in found else None
            if seen and known.get(period.first_day) == seen:
                assert self.rows_of(period) == self.from_source(self.raw, period)
                continue
            if seen and period in self.published and period not in self.disturbed:
                assert self.published[period].seen != self.raw
            self.sync_one(period)

    # after each step

    @invariant()
    def every_table_equals_the_recomputation(self) -> None:
        rows = [row for period in WEEKS for row in self.weekly.get(period, [])]
        assert self.stages.target(WEEKLY) == rows
        for sync_type, periods in ((MONTHLY, MONTHS), (QUARTERLY, QUARTERS)):
            expected = [row for period in periods for row in self.rows_of(period)]
            assert [by_name(row) for row in self.stages.target(sync_type)] == [by_name(row) for row in expected]

    @invariant()
    def every_run_has_one_row_that_says_how_it_ended(self) -> None:
        logs = self.stages.query("select run_id, sync_status from sync_log")
        statuses = {log["run_id"]: log["sync_status"] for log in logs}
        assert len(logs) == len(statuses) == self.stages.runs
        assert "started" not in statuses.values()
        for attempted in self.runs:
            ended = {"success": "completed", "failed": "failed"}[attempted.run.colour]
            assert statuses[attempted.run.run_id] == ended

    # the model

    def row(self, period: Period, figures: RawRow) -> RawRow:
        """A landed row; where the source has no months of its own, one that names a month lands in its first week."""
        if not self.native and period.sync_type is not WEEKLY:
            period = next(week for week in WEEKS if period.first_day <= week.first_day <= period.last_day)
        dates = {"start_date": period.first_day.isoformat(), "end_date": period.last_day.isoformat()}
        row = report_row("q", **dates) | {"report_period": period.sync_type.report_period}
        return row | {"ingested_at": self.now()} | figures

    def add(self, *rows: RawRow) -> None:
        self.raw = [*self.raw, *rows]
        self.landing.land(*rows)

    def some_row(self, draw: Draw) -> list[RawRow]:
        return [draw(st.sampled_from(self.raw))] if self.raw else []

    def some_run(self, draw: Draw) -> list[Attempted]:
        return [draw(st.sampled_from(self.runs))] if self.runs else []

    def fingerprints(self, sync_type: SyncType) -> dict[date, str | None]:
        ledger = self.stages.query(
            "select period_start, fingerprint from synced_period where sync_type = %s and state = 'synced'",
            sync_type.value,
        )
        return {row["period_start"]: row["fingerprint"] for row in ledger}

    def sync_one(self, period: Period, *, force: bool = False) -> None:
        run = self.stages.sync(period.first_day, period.sync_type, force=force)
        attempted = Attempted(run, period, list(self.raw), self.tick())
        self.runs.append(attempted)
        assert run.colour == "success" or "has no usable rows" in str(run.errors["extract"]), run.errors
        self.conclude(attempted)

    def conclude(self, attempted: Attempted) -> None:
        """What a run that ended well leaves is what the source held when it looked."""
        if attempted.run.colour != "success":
            return
        period = attempted.period
        if attempted.run.states["publish"] == "success" or period not in self.disturbed:
            rows = self.from_source(attempted.seen, period)
            (self.weekly if period.sync_type is WEEKLY else self.own)[period] = rows
            self.published[period] = attempted
            self.disturbed.discard(period)

    def from_source(self, raw: list[RawRow], period: Period) -> list[RawRow]:
        if period.sync_type is WEEKLY or self.native:
            return recompute(self.reports(raw, period.sync_type), period).rows
        weeks = [row for week in WEEKS for row in recompute(self.reports(raw, WEEKLY), week).rows]
        return roll_up(weeks, period)

    def reports(self, raw: list[RawRow], sync_type: SyncType) -> list[RawRow]:
        wanted = {sync_type.report_period} if self.native else {"WEEK"}
        return [{name: row[name] for name in COLUMNS} for row in raw if row["report_period"] in wanted]

    def rows_of(self, period: Period) -> list[RawRow]:
        """What the target holds: published rows, or for a month or quarter without any its weeks added up."""
        if period.sync_type is WEEKLY:
            return self.weekly.get(period, [])
        if period in self.own:
            return self.own[period]
        return roll_up([row for rows in self.weekly.values() for row in rows], period)

    def tick(self) -> int:
        self.clock += 1
        return self.clock

    def now(self) -> str:
        return f"2026-11-{18 + self.tick() // 1440:02}T{self.clock // 60 % 24:02}:{self.clock % 60:02}:00Z"


def by_name(row: RawRow) -> RawRow:
    return dict(sorted(row.items()))


@pytest.fixture
def make(
    landing: Landing,
    dataset: str,
    server_dsn: str,
    migrated_template: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[bool], tuple[Landing, Stages, ExitStack]]:
    """A new source and a new target for each history."""

    def new(native: bool) -> tuple[Landing, Stages, ExitStack]:
        stack = ExitStack()
        dsn = stack.enter_context(new_database(server_dsn, template=migrated_template(server_dsn)))
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(dsn))
        landing.create(COLUMNS | {"report_period": "STRING"})
        columns = {"ingested_at": "ingested_at"} | ({"report_period": "report_period"} if native else {})
        everything = {"checks": {"reject_rate_fail": 1.0}, "target": {"max_delete_fraction": 1.0}}
        settings = settings_for(landing.table, dataset, source={"columns": columns}, **everything)
        return landing, Stages(settings, dsn), stack

    return new


@pytest.mark.timeout(900)
@pytest.mark.parametrize("native", [False, True], ids=["months made of weeks", "months of Amazon's own"])
def test_any_history_ends_each_step_in_the_recomputed_rows(
    native: bool, make: Callable[[bool], tuple[Landing, Stages, ExitStack]], record_property: Callable[..., None]
) -> None:
    done: Counter[str] = Counter()
    machine = type("HistoryOf", (History,), {"native": native, "make": staticmethod(make), "done": done})
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=3, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    record_property("steps", json.dumps(done))
    print(f"{sum(done.values())} steps: {dict(done)}")
    assert sum(done.values()) >= 100
    assert len(done) > len(set(WHAT_HAPPENS)) // 2
