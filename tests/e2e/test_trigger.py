"""Triggered and scheduled runs, alone and side by side."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sqp_provider.core.period import Period
from tests.e2e.synced import FIGURES, RESTATED, Synced

pytestmark = pytest.mark.e2e

UNCHANGED = dict.fromkeys(("load", "validate", "publish"), "skipped")


def test_trigger_with_a_period(sync: Synced) -> None:
    period = sync.new_period()
    run_id = sync.trigger(period)
    log = sync.finished(run_id, "success", attempt=1)
    assert set(sync.ui.states(run_id).values()) == {"success"}
    assert (log["period_start"], log["records_inserted"]) == (period.first_day, 3)
    assert sync.published(period) == FIGURES


def test_the_scheduled_run_then_triggers_without_a_period(sync: Synced, newest_due: Period) -> None:
    (scheduled,) = sync.ui.runs(run_type="scheduled")
    log = sync.finished(scheduled["dag_run_id"], "success", attempt=1)
    assert (log["period_start"], log["records_inserted"]) == (newest_due.first_day, 3)
    for logical_date in (None, datetime.now(UTC).isoformat()):
        log = sync.finished(sync.ui.trigger(logical_date), "success", attempt=1)
        assert (log["period_start"], log["sync_metadata"]["outcome"]) == (newest_due.first_day, "unchanged")
    assert sync.published(newest_due) == FIGURES


def test_trigger_again_unchanged_then_restated(sync: Synced) -> None:
    period, _ = sync.synced()
    again = sync.trigger(period)
    log = sync.finished(again, "success", attempt=1)
    assert (log["sync_metadata"]["outcome"], log["records_processed"]) == ("unchanged", 3)
    assert sync.ui.states(again).items() >= UNCHANGED.items()
    assert sync.published(period) == FIGURES
    sync.restate(period)
    log = sync.finished(sync.trigger(period), "success", attempt=1)
    assert (log["records_inserted"], log["records_updated"]) == (1, 1)
    assert sync.published(period) == RESTATED


def test_two_runs_of_one_period_at_once(sync: Synced) -> None:
    period = sync.new_period()
    with sync.loads_wait(period):
        first = sync.trigger(period)
        sync.ui.wait_for(first, "load")
        second = sync.trigger(period)
        sync.ui.wait_for(second, "load")
    sync.finished(second, "success", attempt=1)
    log = sync.finished(first, "success", attempt=1)
    assert log["sync_metadata"]["outcome"] == "skipped"
    assert f"run {second} (sync_log {sync.log(second)['id']}) does it." in log["sync_metadata"]["reason"]
    assert sync.published(period) == FIGURES
    ledger = sync.ledger(period)
    assert ledger
    assert ledger["sync_log_id"] == sync.log(second)["id"]


def test_several_periods_at_once(sync: Synced) -> None:
    figures = [{"anker": clicks} for clicks in (10, 20, 30, 40)]
    periods = [sync.new_period(each) for each in figures]
    run_ids = [sync.trigger(period) for period in periods]
    for run_id in run_ids:
        sync.finished(run_id, "success", attempt=1)
    assert [sync.published(period) for period in periods] == figures
