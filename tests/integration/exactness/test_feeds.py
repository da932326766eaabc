"""Random histories of three feeds in one database and one source table: each equals its own recomputation.

A step happens to one feed: what happens in the histories of one feed, what goes wrong, and what is done every day.
The other two have not changed after it, in no row, by whom it was written, in no table's file, in no staged table.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, assume
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from sqp_provider.core.run import STAGES
from sqp_provider.migrations import migrate
from sqp_provider.operators.retention import RetentionOperator
from sqp_provider.operators.stale_runs import StaleRunsOperator
from tests.conftest import new_database
from tests.feeds import MARKETPLACES, Several, SharedTable, feeds_over
from tests.fixtures import connection_to
from tests.integration.exactness.test_histories import (
    MONTHS,
    PARTS,
    PERIODS,
    QUARTERS,
    SWAPS,
    WEEKLY,
    WEEKS,
    Draw,
    History,
    Kind,
    Tally,
)
from tests.landing import COLUMNS, Landing
from tests.stages import Run, Stages
from tests.webhook import Webhook

OF_A_FEED = ("fail_a_stage", "close_a_dead_run", "delete_a_quarter", "retain", "migrate")
KINDS = {
    "acme_us": Kind(native=False, reported=(*MONTHS, *QUARTERS)),
    "acme_ca": Kind(native=False, reported=(*MONTHS, *QUARTERS)),
    "acme_eu": Kind(native=True, reported=(MONTHS[1], QUARTERS[1])),
}
"""Of one table, two feeds sum their months from weeks, and one has Amazon's own."""


class FeedHistory(History):
    """The history of one feed."""

    def fail_a_stage(self, draw: Draw) -> None:
        """A stage fails without a word: what is published stays."""
        failing, attempted = draw(st.sampled_from(STAGES)), self.start(draw(st.sampled_from(WEEKS)))
        run, attempted.seen = attempted.run, self.check()
        for stage in STAGES:
            if not run.may_run(stage):
                continue
            if stage == failing:
                run.states[stage] = "failed"
            else:
                self.stages.run_task(run, stage)
        self.stages.run_task(run, "log_finish")
        self.runs.append(attempted)
        if "skipped" in run.states.values():
            self.confirm(attempted)

    def close_a_dead_run(self, draw: Draw) -> None:
        """A scheduler died after the extract; the daily task closes the row."""
        attempted = self.start(draw(st.sampled_from(WEEKS)))
        self.stages.run_task(attempted.run, "extract")
        dead = "update sync_log set started_at = now() - interval '1 hour' where run_id = %s"
        self.stages.query(dead, attempted.run.run_id)
        closing = StaleRunsOperator(task_id="close_stale_runs", settings=self.stages.settings)
        assert closing.execute(Run("daily", {}).context("close_stale_runs")) == [attempted.run["log_start"]]
        self.runs.append(attempted)

    def delete_a_quarter(self, draw: Draw) -> bool:
        """A person deletes a quarter with its months and weeks, and syncs it again."""
        if self.kind.native:  # what is not reported again stays deleted
            return False
        quarter = draw(st.sampled_from(QUARTERS))
        inside = [each for each in PERIODS if quarter.first_day <= each.first_day <= quarter.last_day]
        for period in sorted(inside, key=lambda period: PERIODS.index(period), reverse=True):
            self.stages.query("select delete_period(%s, %s)", period.sync_type.value, period.first_day)
            for known in (self.weekly, self.own, self.held, self.published):
                known.pop(period, None)
            self.disturbed.discard(period)
        self.every_table_equals_the_recomputation()
        self.retain(draw)
        for period in inside:
            self.sync_one(period)
        # Those of which the source has no rows stay deleted, and do not follow what somebody writes to their weeks.
        self.held |= {period: [] for period in inside if period.sync_type is not WEEKLY and period not in self.own}
        return True

    def retain(self, draw: Draw) -> None:
        """The daily task finds nothing old, drops what is empty, and analyzes what has grown."""
        retaining = RetentionOperator(task_id="delete_old", settings=self.stages.settings)
        retaining.execute(Run("daily", {}).context("delete_old"))

    def migrate(self, draw: Draw) -> None:
        """There is nothing new; functions and rights are put in force again."""
        settings = self.stages.settings
        assert migrate(self.stages.dsn, settings.target.schema_name, settings) == []


class ThreeFeeds(RuleBasedStateMachine):
    """The feeds, each with its history."""

    new: ClassVar[Callable[[], tuple[Several, ExitStack]]]
    tallies: ClassVar[list[Tally]]
    webhook: ClassVar[Webhook]
    wanted: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self.several, self.open = type(self).new()
        self.steps = 0
        self.tally = Tally()  # of this history alone: one that fails is repeated and must draw the same
        self.feeds = {name: self.history(name) for name in MARKETPLACES}

    def history(self, name: str) -> FeedHistory:
        part, stages = self.several.parts[name], self.several.stages[name]

        def make(kind: Kind) -> tuple[Landing, Stages, ExitStack]:
            return part, stages, ExitStack()

        about = {"kind": KINDS[name], "make": staticmethod(make), "tally": self.tally}
        return type("HistoryOf", (FeedHistory,), about)()  # type: ignore[no-any-return]

    def teardown(self) -> None:
        self.open.close()
        if self.steps:
            self.tally.lengths.append(self.steps)
            self.tallies.append(self.tally)

    @initialize(wanted=st.integers(0, 9))
    def begins(self, wanted: int) -> None:
        """As in the histories of one feed: not 200 times the simplest step. Each feed has a week of its own."""
        assume(wanted)
        for number, feed in enumerate(self.feeds.values()):
            feed.add(feed.row(WEEKS[0], {"search_query": "alpha", "asin_click_count": number}))
            feed.sync_one(WEEKS[0])

    @rule(data=st.data())
    def happens(self, data: st.DataObject) -> None:
        """A step of one feed; what finds nothing to do is not counted."""
        name = data.draw(st.sampled_from(sorted(MARKETPLACES)))
        feed, others = self.feeds[name], self.several.others(name)
        steps = (*feed.kind.steps, *OF_A_FEED)
        left_out = [what for what in steps if not self.tally.kinds[what] and self.steps >= self.wanted * 3 // 4]
        what = data.draw(st.sampled_from([*left_out, "land", "backfill"] if left_out else steps))
        before, sent = self.several.untouched(*others), len(self.webhook.messages)
        self.steps += 1
        if getattr(feed, what)(data.draw) is not False:
            self.tally.kinds[what] += 1
        assert self.several.untouched(*others) == before, f"{what} of {name}"
        assert [title for title in self.webhook.titles()[sent:] if not title.startswith(f"{name}: ")] == []
        feed.every_table_equals_the_recomputation()
        feed.every_run_has_one_row_that_says_how_it_finished()


@pytest.fixture
def new(
    landing: Landing,
    dataset: str,
    server_dsn: str,
    feeds_template: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], tuple[Several, ExitStack]]:
    """A new source table and a new database for each history."""

    def make() -> tuple[Several, ExitStack]:
        stack = ExitStack()
        dsn = stack.enter_context(new_database(server_dsn, template=feeds_template))
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(dsn))
        shared = SharedTable(landing, COLUMNS | {"report_period": "STRING"})
        shared.create()
        swaps: dict[str, Any] = dict(zip(PARTS, SWAPS[0], strict=True))
        feeds = feeds_over(
            landing.table,
            dataset,
            {"acme_eu": {"source": {"columns": {"report_period": "report_period"}}}},
            checks={"reject_rate_fail": 1.0},
            target={"max_delete_fraction": 1.0} | swaps,
            alerts={"conn_id": "sqp_alerts"},
        )
        return Several(feeds, dsn, shared), stack

    return make


@pytest.mark.parametrize("steps", [12, pytest.param(200, marks=pytest.mark.long)])
def test_each_of_three_feeds_equals_its_recomputation_and_no_step_of_one_touches_another(
    steps: int,
    new: Callable[[], tuple[Several, ExitStack]],
    webhook: Webhook,
    record_property: Callable[..., None],
) -> None:
    tallies: list[Tally] = []
    about = {"new": staticmethod(new), "tallies": tallies, "webhook": webhook, "wanted": steps}
    run_state_machine_as_test(
        type("HistoryOfThree", (ThreeFeeds,), about),
        settings=hypothesis_settings(
            max_examples=1,
            stateful_step_count=steps + 1,  # hypothesis counts the beginning too
            deadline=None,
            phases=[Phase.generate],  # to shorten a history that fails would take hours
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
        _min_steps=steps,
    )
    (tally,) = tallies
    record_property("histories", str(tally))
    print(f"\n{tally}")
    assert tally.lengths == [steps]
    assert tally.tables >= 3 * steps
    assert tally.differences == 0
    if steps >= 200:
        assert set(tally.kinds) == {*KINDS["acme_us"].steps, *OF_A_FEED}
        assert tally.published.keys() >= {"attached", "swapped", "difference"}
