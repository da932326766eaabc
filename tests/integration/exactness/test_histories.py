"""Random histories: whatever happens at the source and in Airflow, every table equals the recomputation, row by row.

A history lands, re-lands, restates and deletes rows, lets others come late, syncs weeks, months and quarters, clears
runs and stages, backfills, and has somebody else write. After each step all three tables are compared in full.
Each history has 200 steps, and no kind of step is missing. With -s the figures are printed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import zip_longest
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, assume
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import STAGES
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.source.table import Source
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

STEPS = 200
WHAT_HAPPENS = (
    *("land", "land_again", "restate", "restate", "late", "land_malformed", "delete", "somebody_writes"),
    *("sync", "sync", "rerun", "backfill", "dry_run", "check_and_heal"),
    *("clear_run", "clear_extract", "clear_extract_alone", "clear_log_start", "clear_stage", "clear_stage"),
)

RawRow = dict[str, Any]
Draw = Callable[[Any], Any]
T = TypeVar("T")
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


@dataclass(frozen=True)
class Seen:
    """The source as an extract saw it, and when."""

    raw: list[RawRow]
    at: int


@dataclass
class Attempted:
    """A run, its period and what its last extract saw."""

    run: Run
    period: Period
    seen: Seen

    def has_run(self, *stages: str) -> bool:
        """Whether all of these are success, or were skipped because nothing had changed."""
        return all(self.run.states.get(stage) in ("success", "skipped") for stage in stages)


@dataclass
class Tally:
    """What the histories were: their lengths, kinds of step, and what was compared after the steps."""

    lengths: list[int] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    tables: int = 0
    rows: int = 0
    differences: int = 0

    def compare(self, found: list[RawRow], expected: list[RawRow]) -> None:
        """Compare a whole table, row by row."""
        found, expected = [by_name(row) for row in found], [by_name(row) for row in expected]
        self.tables += 1
        self.rows += len(expected)
        self.differences += sum(a != b for a, b in zip_longest(found, expected))
        assert found == expected

    def __str__(self) -> str:
        return (
            f"histories of {self.lengths} steps, {self.tables} tables with {self.rows} rows compared, "
            f"{self.differences} differences: {dict(self.kinds.most_common())}"
        )


class History(RuleBasedStateMachine):
    """Source, target and what the target must hold. Subclasses say whether the source has months of its own."""

    native: ClassVar[bool]
    make: ClassVar[Callable[[bool], tuple[Landing, Stages, ExitStack]]]
    tally: ClassVar[Tally]

    def __init__(self) -> None:
        super().__init__()
        self.raw: list[RawRow] = []
        self.clock = 0
        self.landing, self.stages, self.open = type(self).make(self.native)
        self.runs: list[Attempted] = []
        self.weekly: dict[Period, list[RawRow]] = {}
        self.own: dict[Period, list[RawRow]] = {}  # months and quarters that their own sync published
        self.published: dict[Period, Seen] = {}  # the newest snapshot that was published, or found unchanged
        self.disturbed: set[Period] = set()
        self.rolled_up: dict[Period, tuple[list[RawRow], list[RawRow]]] = {}
        self.steps = 0

    def teardown(self) -> None:
        self.open.close()
        if self.steps:
            self.tally.lengths.append(self.steps)

    @initialize(wanted=st.integers(0, 9))
    def begins(self, wanted: int) -> None:
        """Leave out the history that hypothesis tries first, of the simplest choices: 200 times the same step."""
        assume(wanted)

    @rule(data=st.data())
    def happens(self, data: st.DataObject) -> None:
        """One rule for all, so that one history has every kind of step; what finds nothing to do is not counted.

        Hypothesis does not draw evenly: what has not happened by the last quarter happens then.
        """
        left_out = [what for what in WHAT_HAPPENS if not self.tally.kinds[what] and self.steps >= STEPS * 3 // 4]
        what = data.draw(st.sampled_from(left_out or WHAT_HAPPENS))
        self.steps += 1
        if getattr(self, what)(data.draw) is not False:
            self.tally.kinds[what] += 1

    # what happens at the source

    def land(self, draw: Draw) -> None:
        period = draw(st.sampled_from(PERIODS))
        self.add(*(self.row(period, figures) for figures in draw(st.lists(FIGURES, min_size=1, max_size=4))))

    def land_again(self, draw: Draw) -> bool:
        for row in self.some_row(draw):
            self.add(row, row | {"ingested_at": self.now()})
        return bool(self.raw)

    def restate(self, draw: Draw) -> bool:
        """A newer version of a row lands beside it."""
        changed = {key: value for key, value in draw(FIGURES).items() if key not in ("search_query", "asin")}
        for row in self.some_row(draw):
            self.add(row | changed | {"ingested_at": self.now()})
        return bool(self.raw)

    def late(self, draw: Draw) -> bool:
        """Rows of a week that was published already, perhaps of an ASIN that it did not have, arrive."""
        figures = draw(FIGURES) | {"asin": draw(st.sampled_from(["B00TEST001", "B00TEST003", "B00TEST004"]))}
        if week := self.one_of(draw, [week for week in WEEKS if week in self.published]):
            self.add(self.row(week, figures))
        return week is not None

    def land_malformed(self, draw: Draw) -> None:
        self.add(self.row(draw(st.sampled_from(WEEKS)), {"search_query": "alpha"} | draw(MALFORMED)))

    def delete(self, draw: Draw) -> bool:
        before = self.raw
        for gone in self.some_row(draw):
            self.raw = [row for row in self.raw if row is not gone]
            self.landing.create(COLUMNS | {"report_period": "STRING"})
            self.landing.land(*self.raw)
        return bool(before)

    # what happens in Airflow

    def sync(self, draw: Draw) -> None:
        self.sync_one(draw(st.sampled_from(PERIODS)), force=draw(st.booleans()))

    def backfill(self, draw: Draw) -> None:
        for week in WEEKS:
            self.sync_one(week)

    def dry_run(self, draw: Draw) -> None:
        period = draw(st.sampled_from(PERIODS))
        self.stages.sync(period.first_day, period.sync_type, dry_run=True)

    def rerun(self, draw: Draw) -> bool:
        """The period of an earlier run once more, by another run."""
        if again := self.one_of(draw, self.runs):
            self.sync_one(again.period)
        return again is not None

    def clear_run(self, draw: Draw) -> bool:
        if again := self.one_of(draw, self.runs):
            self.stages.sync(run=again.run)
            self.conclude_snapshot(again)
        return again is not None

    def clear_extract(self, draw: Draw) -> bool:
        """With what follows it: the same as the whole run."""
        if again := self.one_of(draw, self.runs):
            self.stages.clear(again.run, "extract")
            self.conclude_snapshot(again)
        return again is not None

    def clear_extract_alone(self, draw: Draw) -> bool:
        """A new snapshot that nobody publishes; the other stages keep the states they had, of an older one."""
        if again := self.one_of(draw, self.runs):
            self.stages.clear(again.run, "extract", downstream=False)
            again.seen = self.check()
        return again is not None

    def clear_log_start(self, draw: Draw) -> bool:
        """Alone; Airflow runs the teardown with it."""
        if again := self.one_of(draw, self.runs):
            self.stages.clear(again.run, "log_start", downstream=False)
        return again is not None

    def clear_stage(self, draw: Draw) -> bool:
        """The snapshot may be an old one: then nothing may be published over a newer."""
        stage, alone = draw(st.sampled_from(["load", "validate", "publish", "log_finish"])), draw(st.booleans())
        again = self.one_of(draw, [each for each in self.runs if each.run.states.get("extract") == "success"])
        if again is None:
            return False
        self.stages.clear(again.run, stage, downstream=not alone)
        states = {name: again.run.states[name] for name in again.run.ran.intersection(STAGES)}
        if states.get("publish") == "success":
            self.conclude(again)
        elif "skipped" in states.values():
            self.confirm(again)
        return True

    def somebody_writes(self, draw: Draw) -> bool:
        """Another program changes a published week; months and quarters derived from it follow."""
        week = draw(st.sampled_from(WEEKS))
        self.stages.query("update weekly_summary set total_cart_adds = 4711 where period_start = %s", week.first_day)
        for row in self.weekly.get(week, []):
            row["total_cart_adds"] = 4711  # its rates stay as they are, nobody recomputes them
            self.disturbed.add(week)
        return week in self.disturbed

    def check_and_heal(self, draw: Draw) -> None:
        """A period that the check calls unchanged is equal, one that it calls changed is not; a sync puts it right."""
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
                assert self.published[period].raw != self.raw
            self.sync_one(period)

    # after each step

    @invariant()
    def every_table_equals_the_recomputation(self) -> None:
        rows = [row for period in WEEKS for row in self.weekly.get(period, [])]
        self.tally.compare(self.stages.target(WEEKLY), rows)
        for sync_type, periods in ((MONTHLY, MONTHS), (QUARTERLY, QUARTERS)):
            expected = [row for period in periods for row in self.rows_of(period)]
            self.tally.compare(self.stages.target(sync_type), expected)

    @invariant()
    def every_run_has_one_row_that_says_how_it_finished(self) -> None:
        logs = self.stages.query("select run_id, sync_status from sync_log")
        statuses = {log["run_id"]: log["sync_status"] for log in logs}
        assert len(logs) == len(statuses) == self.stages.runs
        assert "started" not in statuses.values()
        for attempted in self.runs:
            status = {"success": "completed", "failed": "failed"}[attempted.run.colour]
            assert statuses[attempted.run.run_id] == status

    # the model

    def row(self, period: Period, figures: RawRow) -> RawRow:
        """A landed row; where the source has no months of its own, one that names a month lands in its first week."""
        if not self.native and period.sync_type is not WEEKLY:
            period = next(week for week in WEEKS if period.first_day <= week.first_day <= period.last_day)
        dates = {"start_date": period.first_day.isoformat(), "end_date": period.last_day.isoformat()}
        row = report_row("q", **dates) | {"report_period": period.sync_type.period_type.report_period}
        return row | {"ingested_at": self.now()} | figures

    def add(self, *rows: RawRow) -> None:
        self.raw = [*self.raw, *rows]
        self.landing.land(*rows)

    def some_row(self, draw: Draw) -> list[RawRow]:
        return [draw(st.sampled_from(self.raw))] if self.raw else []

    def one_of(self, draw: Draw, choices: list[T]) -> T | None:
        return draw(st.sampled_from(choices)) if choices else None

    def check(self) -> Seen:
        """What an extract sees now."""
        return Seen(list(self.raw), self.tick())

    def fingerprints(self, sync_type: SyncType) -> dict[date, str | None]:
        ledger = self.stages.query(
            "select period_start, fingerprint from synced_period where sync_type = %s and state = 'synced'",
            sync_type.value,
        )
        return {row["period_start"]: row["fingerprint"] for row in ledger}

    def sync_one(self, period: Period, *, force: bool = False) -> None:
        run = self.stages.sync(period.first_day, period.sync_type, force=force)
        attempted = Attempted(run, period, self.check())
        self.runs.append(attempted)
        self.conclude_snapshot(attempted)

    def conclude_snapshot(self, attempted: Attempted) -> None:
        """A run with a new snapshot is green, and the target equals the snapshot, unless the source was empty."""
        attempted.seen = self.check()
        if rows := self.from_source(self.raw, attempted.period):
            assert attempted.run.colour == "success", attempted.run.errors
            self.conclude(attempted) if attempted.run.states["publish"] == "success" else self.confirm(attempted)
            assert self.rows_of(attempted.period) == rows
        else:
            assert attempted.run.colour == "failed"
            assert "has no usable rows" in str(attempted.run.errors["extract"])

    def conclude(self, attempted: Attempted) -> None:
        """A run that published leaves what its snapshot had; it may not publish an older snapshot than another run."""
        period, before = attempted.period, self.published.get(attempted.period)
        assert before is None or attempted.seen.at >= before.at, "an older snapshot over a newer one"
        rows = self.from_source(attempted.seen.raw, period)
        (self.weekly if period.sync_type is WEEKLY else self.own)[period] = rows
        self.published[period] = attempted.seen
        self.disturbed.discard(period)

    def confirm(self, attempted: Attempted) -> None:
        """A run with nothing to publish found that the target equals its snapshot; the later snapshot's time stays."""
        period, before = attempted.period, self.published[attempted.period]
        assert period not in self.disturbed
        assert self.rows_of(period) == self.from_source(attempted.seen.raw, period)
        self.published[period] = max(before, attempted.seen, key=lambda seen: seen.at)

    def from_source(self, raw: list[RawRow], period: Period) -> list[RawRow]:
        if period.sync_type is WEEKLY or self.native:
            return recompute(self.reports(raw, period.sync_type), period).rows
        weeks = [row for week in WEEKS for row in recompute(self.reports(raw, WEEKLY), week).rows]
        return roll_up(weeks, period)

    def reports(self, raw: list[RawRow], sync_type: SyncType) -> list[RawRow]:
        wanted = {sync_type.period_type.report_period} if self.native else {"WEEK"}
        return [{name: row[name] for name in COLUMNS} for row in raw if row["report_period"] in wanted]

    def rows_of(self, period: Period) -> list[RawRow]:
        """What the target holds: published rows, or for a month or quarter without any its weeks added up."""
        if period.sync_type is WEEKLY:
            return self.weekly.get(period, [])
        if period in self.own:
            return self.own[period]
        weeks = [row for rows in self.weekly.values() for row in rows]
        if period not in self.rolled_up or self.rolled_up[period][0] != weeks:
            self.rolled_up[period] = [dict(row) for row in weeks], roll_up(weeks, period)
        return self.rolled_up[period][1]

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


@pytest.mark.long
@pytest.mark.parametrize("native", [False, True], ids=["months summed from weeks", "months of Amazon's own"])
def test_any_history_ends_each_step_in_the_recomputed_rows(
    native: bool, make: Callable[[bool], tuple[Landing, Stages, ExitStack]], record_property: Callable[..., None]
) -> None:
    tally = Tally()
    machine = type("HistoryOf", (History,), {"native": native, "make": staticmethod(make), "tally": tally})
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=1,
            stateful_step_count=STEPS + 1,  # hypothesis counts the beginning too
            deadline=None,
            phases=[Phase.reuse, Phase.generate],  # to shorten a history that fails would take hours
            suppress_health_check=list(HealthCheck),
        ),
        _min_steps=STEPS,
    )
    record_property("histories", str(tally))
    print(f"\n{tally}")
    assert tally.lengths == [STEPS]
    assert set(tally.kinds) == set(WHAT_HAPPENS)
    assert (tally.tables, tally.differences) == (3 * (STEPS + 1), 0)  # after the beginning and after each step
