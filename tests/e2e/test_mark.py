"""Marking runs and tasks as failed or success, while they are running and after they have finished."""

from __future__ import annotations

import psutil
import pytest

from tests.e2e.synced import FIGURES, Synced

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("state", ["failed", "success"])
def test_mark_a_running_run(sync: Synced, state: str) -> None:
    period = sync.new_period()
    with sync.loads_wait(period):
        run_id = sync.trigger(period)
        sync.ui.wait_for(run_id, "load")
        sync.ui.mark_run(run_id, state)
        sync.ui.wait_for(run_id, "log_finish", "failed")
    log = sync.finished(run_id, "failed", attempt=1)
    assert sync.published(period) == {}
    assert sync.ledger(period) is None
    assert log["error_details"]["type"] == ("Killed" if state == "failed" else "NothingPublished")
    sync.ui.clear_run(run_id)
    sync.finished(run_id, "success", attempt=2)
    assert sync.published(period) == FIGURES


@pytest.mark.parametrize("state", ["failed", "success"])
def test_mark_a_running_task(sync: Synced, state: str) -> None:
    period = sync.new_period()
    with sync.loads_wait(period):
        run_id = sync.trigger(period)
        sync.ui.wait_for(run_id, "load")
        sync.ui.mark_task(run_id, "load", state)
        sync.ui.wait_for(run_id, "log_finish", "failed")
    log = sync.finished(run_id, "failed", attempt=1)
    assert log["error_details"]["type"] == ("Killed" if state == "failed" else "StagedMissing")
    assert sync.published(period) == {}
    sync.ui.clear(run_id, "load", downstream=True)
    sync.finished(run_id, "success", attempt=2)
    assert sync.published(period) == FIGURES


@pytest.mark.parametrize("state", ["failed", "success"])
def test_mark_a_running_publish(sync: Synced, state: str) -> None:
    period = sync.new_period()
    with sync.publishes_wait():
        run_id = sync.trigger(period)
        process = psutil.Process(sync.ui.wait_for(run_id, "publish")["pid"])
        sync.waits_for_ledger()
        sync.ui.mark_task(run_id, "publish", state)
        process.wait()
    log = sync.finished(run_id, "failed", attempt=1)
    assert log["error_details"]["type"] == ("Killed" if state == "failed" else "NothingPublished")
    assert sync.published(period) == {}
    assert sync.ledger(period) is None
    sync.ui.clear(run_id, "load", downstream=True)
    sync.finished(run_id, "success", attempt=2)
    assert sync.published(period) == FIGURES


def test_mark_a_finished_run(sync: Synced) -> None:
    period, good = sync.synced()
    bad = sync.trigger(sync.new_period(figures=None))
    before = sync.log(good), sync.finished(bad, "failed", attempt=1)
    sync.ui.mark_run(good, "failed")
    sync.ui.mark_run(bad, "success")
    assert [run["state"] for run in sync.ui.wait(good, bad)] == ["failed", "success"]
    assert (sync.log(good), sync.log(bad)) == before
    assert sync.published(period) == FIGURES
    assert sync.published(sync.newest) == {}


def test_mark_a_failed_stage_success(sync: Synced) -> None:
    run_id = sync.trigger(sync.new_period(figures=None))
    sync.finished(run_id, "failed", attempt=1)
    sync.ui.mark_task(run_id, "extract", "success")
    (run,) = sync.ui.wait(run_id)
    assert run["state"] == "failed"
    assert sync.log(run_id)["sync_status"] == "failed"
    assert sync.published(sync.newest) == {}
