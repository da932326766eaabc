"""Clearing tasks and runs that have finished."""

from __future__ import annotations

import pytest

from sqp_provider.core.run import TASKS
from tests.e2e.synced import FIGURES, Synced

pytestmark = pytest.mark.e2e


def test_clear_one_stage_of_a_successful_run(sync: Synced) -> None:
    clear_each_stage(sync, downstream=False)


def test_clear_one_stage_and_what_follows(sync: Synced) -> None:
    clear_each_stage(sync, downstream=True)


def clear_each_stage(sync: Synced, *, downstream: bool) -> None:
    """Each stage in a run of its own, all at once: the target stays, the row counts an attempt, the run stays green."""
    periods = {stage: sync.new_period() for stage in TASKS}
    runs = {stage: sync.trigger(period) for stage, period in periods.items()}
    for run_id in runs.values():
        sync.finished(run_id, "success", attempt=1)
    published = {stage: sync.ledger(period) for stage, period in periods.items()}
    for stage, run_id in runs.items():
        sync.ui.clear(run_id, stage, downstream=downstream)
    for stage, run_id in runs.items():
        log = sync.finished(run_id, "success", attempt=2)
        (earlier,) = log["sync_metadata"]["attempts"]
        assert (earlier["status"], earlier["inserted"], log["records_inserted"]) == ("completed", 3, 0), stage
        assert log["sync_metadata"]["outcome"] in ("unchanged", "already published"), stage
        assert sync.published(periods[stage]) == FIGURES, stage
        assert sync.ledger(periods[stage]) == published[stage], stage


def test_clear_a_run_unchanged_then_restated(sync: Synced) -> None:
    period, run_id = sync.synced()
    sync.ui.clear_run(run_id)
    log = sync.finished(run_id, "success", attempt=2)
    assert log["sync_metadata"]["outcome"] == "unchanged"
    sync.restate(period)
    sync.ui.clear_run(run_id)
    log = sync.finished(run_id, "success", attempt=3)
    outcomes = [each["outcome"] for each in log["sync_metadata"]["attempts"]]
    assert (outcomes, log["sync_metadata"]["outcome"]) == (["attached", "unchanged"], "difference")
    assert (log["records_inserted"], log["records_updated"]) == (1, 1)
    assert sync.published(period) == FIGURES | {"anker": 51, "dock": 80}


def test_clear_several_runs(sync: Synced) -> None:
    periods = [sync.new_period() for _ in range(3)]
    run_ids = [sync.trigger(period) for period in periods]
    for run_id in run_ids:
        sync.finished(run_id, "success", attempt=1)
    sync.ui.clear_runs(*run_ids)
    for period, run_id in zip(periods, run_ids, strict=True):
        assert sync.finished(run_id, "success", attempt=2)["sync_metadata"]["outcome"] == "unchanged"
        assert sync.published(period) == FIGURES


def test_clear_what_failed_after_its_cause_was_fixed(sync: Synced) -> None:
    period = sync.new_period(figures=None)
    whole_run, failed_task = sync.trigger(period), sync.trigger(sync.new_period(figures=None))
    for run_id in (whole_run, failed_task):
        assert sync.finished(run_id, "failed", attempt=1)["error_details"]["type"] == "SourceEmpty"
    sync.land(period, FIGURES)
    sync.land(sync.newest, FIGURES)
    sync.ui.clear_run(whole_run, only_failed=True)
    sync.ui.clear(failed_task, "extract", downstream=True, only_failed=True)
    for run_id in (whole_run, failed_task):
        log = sync.finished(run_id, "success", attempt=2)
        (earlier,) = log["sync_metadata"]["attempts"]
        assert (earlier["status"], log["records_inserted"], log["error_message"]) == ("failed", 3, None)
        assert "no usable rows" in earlier["error_message"]
    assert sync.published(period) == sync.published(sync.newest) == FIGURES
