"""Tasks, schedulers and runs that die while they are running."""

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
        kill(sync, first, "load")
        sync.ui.wait_for(first, "load", "running")
    log = sync.finished(first, "success", attempt=1)
    assert log["records_inserted"] == 3
    assert sync.published(once) == FIGURES
    with sync.loads_wait(twice):
        second = sync.trigger(twice)
        for _ in range(2):
            kill(sync, second, "load")
        log = sync.finished(second, "failed", attempt=1)
    assert (log["error_details"]["type"], log["error_details"]["stage"]) == ("Killed", "load")
    assert sync.published(twice) == {}
    sync.ui.clear_run(second, only_failed=True)
    sync.finished(second, "success", attempt=2)
    assert sync.published(twice) == FIGURES


def kill(sync: Synced, run_id: str, task_id: str) -> None:
    """Kill the process of a running task, and wait until Airflow has noticed."""
    task = sync.ui.wait_for(run_id, task_id)
    os.kill(task["pid"], signal.SIGKILL)
    sync.ui.server.wait_until(
        lambda: (now := sync.ui.tasks(run_id)[task_id])["pid"] != task["pid"] or now["state"] != "running",
        f"end of the killed {task_id}",
    )


def test_clear_a_running_run(sync: Synced) -> None:
    period = sync.new_period()
    with sync.loads_wait(period):
        run_id = sync.trigger(period)
        sync.ui.wait_for(run_id, "load")
        sync.ui.clear_run(run_id)
        sync.ui.server.wait_until(lambda: sync.log(run_id)["attempt"] == 2, "second attempt")
    log = sync.finished(run_id, "success", attempt=2)
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
    log = sync.finished(run_id, "success", attempt=1)
    assert log["records_inserted"] == 3
    assert sync.ui.tasks(run_id)["load"]["try_number"] == 2
    assert sync.published(period) == FIGURES


def test_kill_log_finish_then_clear_it_or_delete_the_run(sync: Synced) -> None:
    cleared, deleted = (run_whose_log_finish_is_killed(sync) for _ in range(2))
    assert set(sync.left_started()) == {cleared, deleted}
    sync.ui.clear_run(cleared, only_failed=True)
    sync.ui.delete_run(deleted)
    assert sync.finished(cleared, "success", attempt=1)["records_inserted"] == 3
    assert sync.left_started() == [deleted]
    assert sync.published(sync.newest) == {}
    sync.let_an_hour_pass(deleted)
    sync.finished(sync.trigger(sync.newest), "success", attempt=1)
    assert sync.published(sync.newest) == FIGURES
    log = sync.log(deleted)
    assert (log["sync_status"], log["error_details"]["type"]) == ("failed", "Stale")
    assert f"run {deleted} of sqp_weekly_sync is neither queued nor running in Airflow" in log["error_message"]


def run_whose_log_finish_is_killed(sync: Synced) -> str:
    """A run that is red, and whose row nobody has closed."""
    period = sync.new_period()
    with sync.loads_wait(period):
        run_id = sync.trigger(period)
        sync.ui.wait_for(run_id, "load")
        refused = sync.ui.http.delete(f"/dags/{sync.ui.dag_id}/dagRuns/{run_id}")
        assert (refused.status_code, "cannot be deleted in running state" in refused.text) == (409, True)
        with sync.log_finish_waits(run_id):
            sync.ui.mark_task(run_id, "load", "failed")
            for _ in range(2):
                kill(sync, run_id, "log_finish")
            (run,) = sync.ui.wait(run_id)
    assert run["state"] == "failed"
    return run_id
