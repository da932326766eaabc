"""Tasks, schedulers and runs that go away while they are at work."""

from __future__ import annotations

import os
import signal

import pytest

from tests.e2e.synced import FIGURES, Synced

pytestmark = pytest.mark.e2e


def test_kill_a_task_once_then_twice(sync: Synced) -> None:
    once, twice = sync.new_period(), sync.new_period()
    with sync.loads_wait(once), sync.loads_wait(twice):
        first = sync.trigger(once)
        kill_load(sync, first)
        sync.ui.wait_for(first, "load", "running")
    log = sync.ended(first, "success", attempt=1)
    assert log["records_inserted"] == 3
    assert sync.published(once) == FIGURES
    with sync.loads_wait(twice):
        second = sync.trigger(twice)
        for _ in range(2):
            kill_load(sync, second)
        log = sync.ended(second, "failed", attempt=1)
    assert (log["error_details"]["type"], log["error_details"]["stage"]) == ("Killed", "load")
    assert sync.published(twice) == {}
    sync.ui.clear_run(second, only_failed=True)
    sync.ended(second, "success", attempt=2)
    assert sync.published(twice) == FIGURES


def kill_load(sync: Synced, run_id: str) -> None:
    """Kill the process of the run's load."""
    task = sync.ui.wait_for(run_id, "load")
    os.kill(task["pid"], signal.SIGKILL)
    sync.ui.server.wait_until(
        lambda: (now := sync.ui.tasks(run_id)["load"])["pid"] != task["pid"] or now["state"] != "running",
        seconds=60,
        what="end of the killed load",
    )


def test_clear_a_run_at_work(sync: Synced) -> None:
    period = sync.new_period()
    with sync.loads_wait(period):
        run_id = sync.trigger(period)
        sync.ui.wait_for(run_id, "load")
        sync.ui.clear_run(run_id)
        sync.ui.server.wait_until(lambda: sync.log(run_id)["attempt"] == 2, seconds=60, what="second attempt")
    log = sync.ended(run_id, "success", attempt=2)
    assert [each["status"] for each in log["sync_metadata"]["attempts"]] == ["started"]
    assert sync.published(period) == FIGURES


def test_kill_the_scheduler_in_the_middle_of_a_run(sync: Synced) -> None:
    period = sync.new_period()
    with sync.loads_wait(period):
        run_id = sync.trigger(period)
        sync.ui.wait_for(run_id, "load")
        sync.ui.server.kill("scheduler")
    assert sync.log(run_id)["sync_status"] == "started"
    sync.ui.server.start("scheduler")
    log = sync.ended(run_id, "success", attempt=1)
    assert log["records_inserted"] == 3
    assert sync.ui.tasks(run_id)["load"]["try_number"] == 2
    assert sync.published(period) == FIGURES


def test_delete_a_run_at_work(sync: Synced) -> None:
    period = sync.new_period()
    with sync.loads_wait(period):
        run_id = sync.trigger(period)
        sync.ui.wait_for(run_id, "load")
        refused = sync.ui.http.delete(f"/dags/{sync.ui.dag_id}/dagRuns/{run_id}")
        assert (refused.status_code, "cannot be deleted in running state" in refused.text) == (409, True)
        # What Airflow refuses while a run is running it does for one that was marked failed, its teardown still due.
        sync.ui.mark_run(run_id, "failed")
        sync.ui.delete_run(run_id)
    assert sync.ui.http.get(f"/dags/{sync.ui.dag_id}/dagRuns/{run_id}").status_code == 404
    assert sync.published(period) == {}
    assert sync.left_started() == [run_id]
    again = sync.trigger(period)
    sync.ended(again, "success", attempt=1)
    assert sync.published(period) == FIGURES
    sync.forget(run_id)
