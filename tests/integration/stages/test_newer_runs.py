"""A run whose period a newer run does is skipped, and one that was right before it was marked failed has not failed."""

from __future__ import annotations

import pytest

from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages

TEN = [report_row(f"query {n}") for n in range(10)]


def test_of_two_runs_of_a_week_the_later_one_publishes(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    early, late = Run("early", {"period_start": "2026-11-08"}), Run("late", {"period_start": "2026-11-08"})
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(early, task)
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(late, task)

    assert not stages.run_task(early, "publish")
    assert stages.run_task(early, "log_finish")
    log = stages.log(early)
    assert (early.colour, log["sync_status"], log["error_message"]) == ("success", "completed", None)
    assert log["sync_metadata"]["outcome"] == "skipped"
    assert "run late (sync_log 2) does it." in log["sync_metadata"]["reason"]
    latest = "select last_sync_status as status from get_latest_sync_status()"
    assert stages.query(latest) == [{"status": "started"}]
    assert stages.run_task(late, "publish")
    assert len(stages.target()) == 10
    assert stages.run_task(late, "log_finish")
    stages.query("update sync_log set started_at = now() where run_id = 'early'")
    assert stages.query(latest) == [{"status": "completed"}]
    assert stages.query(
        "select last_sync_log_id as last, status from period_status where period_start = '2026-11-08'"
    ) == [{"last": late["log_start"], "status": "synced"}]


def test_an_older_run_stops_before_it_loads_what_a_newer_one_does(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    early, late = Run("early", {"period_start": "2026-11-08"}), Run("late", {"period_start": "2026-11-08"})
    for run in (early, late):
        assert stages.run_task(run, "log_start")
    stages.follow_start(early)
    assert early.states == dict.fromkeys(("log_start", "extract", "log_finish"), "success") | dict.fromkeys(
        ("load", "validate", "publish"), "skipped"
    )
    assert stages.log(early)["sync_metadata"]["outcome"] == "skipped"


def test_a_dry_run_is_not_left_to_a_newer_run(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    dry, late = Run("dry", {"period_start": "2026-11-08", "dry_run": True}), Run("late", {"period_start": "2026-11-08"})
    for run in (dry, late):
        assert stages.run_task(run, "log_start")
    stages.follow_start(dry)
    assert dry["publish"]["how"] == "dry run"


@pytest.mark.parametrize("outcome", ["attached", "unchanged"])
def test_a_run_that_is_marked_failed_after_its_period_was_right_has_not_failed_it(
    landing: Landing, stages: Stages, outcome: str
) -> None:
    """A stage that left no error was marked by a person, or its worker died after the commit."""
    landing.land(*TEN)
    if outcome == "unchanged":
        stages.sync(WEEK)
    run = stages.sync(WEEK)
    assert stages.log(run)["sync_metadata"]["outcome"] == outcome
    stages.query("update sync_log set sync_status = 'started', completed_at = null where run_id = %s", run.run_id)
    run.states["publish"] = "failed"
    assert stages.run_task(run, "log_finish")
    assert stages.log(run)["sync_status"] == "completed"

    stages.query("update sync_log set sync_status = 'failed', error_message = 'Stale' where run_id = %s", run.run_id)
    assert stages.query("select status from period_status where period_start = '2026-11-08'") == [{"status": "synced"}]
