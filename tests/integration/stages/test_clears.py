"""Clearing a task alone or with what follows, and marking it: a run is green only if its period is right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sqp_provider.core.run import STAGES, TASKS
from tests.landing import WEEK, Landing, report_row
from tests.stages import NO_OPTIONS, Run, Stages

THREE = [report_row(f"query {n}") for n in range(3)]


def restate(landing: Landing, clicks: int = 51) -> None:
    """The source now has other figures of one row."""
    landing.replace(report_row("query 0", asin_click_count=clicks), *THREE[1:])


def published(landing: Landing, stages: Stages) -> Run:
    landing.land(*THREE)
    return stages.sync(WEEK)


def unchanged(landing: Landing, stages: Stages) -> Run:
    published(landing, stages)
    return stages.sync(WEEK)


def published_again_by_another(landing: Landing, stages: Stages) -> Run:
    run = published(landing, stages)
    stages.sync(WEEK, force=True)
    return run


def restated_and_published_by_another(landing: Landing, stages: Stages) -> Run:
    run = published(landing, stages)
    restate(landing)
    assert stages.sync(WEEK)["publish"]["updated"] == 1
    return run


def failure(stages: Stages, run: Run) -> tuple[str, str]:
    """Type and message of the run's error; the run must be red."""
    log = stages.log(run)
    assert (run.colour, log["sync_status"]) == ("failed", "failed")
    return log["error_details"]["type"], log["error_message"]


@pytest.mark.parametrize("history", [published, unchanged, published_again_by_another])
def test_clearing_any_task_of_a_green_run_leaves_it_green(
    history: Callable[[Landing, Stages], Run], landing: Landing, stages: Stages
) -> None:
    run = history(landing, stages)
    target, ledger = stages.target(), "select fingerprint, sync_log_id, attempt from synced_period order by 1, 2, 3"
    before, attempt = stages.query(ledger), 1
    for task in TASKS:
        for downstream in (False, True):
            stages.clear(run, task, downstream=downstream)
            log, attempt = stages.log(run), attempt + 1
            assert (run.colour, log["sync_status"], log["attempt"]) == ("success", "completed", attempt), task
            assert (log["records_processed"], log["records_inserted"], log["error_message"]) == (3, 0, None), task
            assert log["sync_metadata"]["outcome"] in ("unchanged", "already published")
    assert (stages.target(), stages.query(ledger)) == (target, before)


def test_clearing_a_task_of_a_run_whose_week_another_run_published_with_other_rows(
    landing: Landing, stages: Stages
) -> None:
    """What needs no old snapshot is green; what would go on with the old one says to take a new one."""
    run = restated_and_published_by_another(landing, stages)
    for task in ("log_start", "extract", "log_finish"):
        stages.clear(run, task, downstream=False)
        assert (run.colour, stages.log(run)["sync_metadata"]["outcome"]) == ("success", "unchanged"), task


@pytest.mark.parametrize(
    ("task", "kind"), [("load", "Superseded"), ("validate", "StagedMissing"), ("publish", "Superseded")]
)
def test_a_stage_with_a_snapshot_older_than_what_another_run_published(
    task: str, kind: str, landing: Landing, stages: Stages
) -> None:
    run = restated_and_published_by_another(landing, stages)
    target = stages.target()
    stages.clear(run, task, downstream=False)
    assert failure(stages, run)[0] == kind
    stages.clear(run, "extract")
    assert run.colour == "success"
    assert stages.target() == target


def test_extract_cleared_alone_after_a_restatement_is_red_and_says_what_to_clear(
    landing: Landing, stages: Stages
) -> None:
    run = published(landing, stages)
    restate(landing)
    stages.clear(run, "extract", downstream=False)
    assert [run.states[stage] for stage in STAGES] == ["success"] * 4
    kind, message = failure(stages, run)
    assert kind == "NothingPublished"
    assert ", but sync_log 1 published " in message
    assert "Clear 'extract' together with what follows it (Downstream)." in message
    for task in ("log_start", "log_finish"):  # does not make it right
        stages.clear(run, task, downstream=False)
        kind, message = failure(stages, run)
        assert (kind, "finished as failed and published nothing" in message) == ("NothingPublished", True)
    stages.clear(run, "extract")
    assert (run.colour, run["publish"]["updated"]) == ("success", 1)


@pytest.mark.parametrize("stage", ["extract", "load", "publish"])
def test_a_stage_marked_success_while_a_cleared_run_works_on_a_restatement(
    stage: str, landing: Landing, stages: Stages
) -> None:
    run = published(landing, stages)
    restate(landing)
    stages.clear(run, "log_start", marked={stage: "success"})
    failure(stages, run)
    assert [row["total_clicks"] for row in stages.target()] == [50, 50, 50]
    stages.clear(run, "log_start")
    assert (run.colour, run["publish"]["updated"]) == ("success", 1)


def test_an_extract_cleared_alone_and_marked_success_while_it_works(landing: Landing, stages: Stages) -> None:
    run = published(landing, stages)
    restate(landing)
    stages.clear(run, "extract", downstream=False, marked={"extract": "success"})
    kind, message = failure(stages, run)
    assert (kind, "extract left no snapshot" in message) == ("NothingPublished", True)


def test_a_refused_publish_that_a_person_marked_success_stays_red(landing: Landing, stages: Stages) -> None:
    run = published(landing, stages)
    landing.replace(THREE[0])
    stages.clear(run, "log_start")
    assert failure(stages, run)[0] == "DeletesRefused"
    run.states["publish"] = "success"
    stages.clear(run, "log_finish")
    kind, message = failure(stages, run)
    assert (kind, "the previous attempt (2) finished as failed" in message) == ("NothingPublished", True)
    assert len(stages.target()) == 3


def test_log_finish_cleared_after_it_was_killed_when_the_run_had_published(landing: Landing, stages: Stages) -> None:
    run = published(landing, stages)
    stages.query("update sync_log set sync_status = 'started', completed_at = null")
    stages.clear(run, "log_finish")
    assert (run.colour, stages.log(run)["sync_metadata"]["outcome"]) == ("success", "already published")


def test_log_start_cleared_after_somebody_else_wrote_to_the_week(landing: Landing, stages: Stages) -> None:
    run = published(landing, stages)
    for written in ("delete from weekly_summary_20261108 where query = 'query 0'", "delete from weekly_summary"):
        stages.query(written)
        stages.clear(run, "log_start", downstream=False)
        kind, message = failure(stages, run)
        assert (kind, "after sync_log 1 published it" in message) == (
            "NothingPublished",
            True,
        )
    stages.clear(run, "extract")
    assert (run.colour, len(stages.target())) == ("success", 3)


def test_rows_staged_from_an_older_snapshot_are_not_published_as_the_newer_one(
    landing: Landing, stages: Stages
) -> None:
    """Extract cleared alone while validate is at work: what follows was staged before."""
    landing.land(*THREE)
    run = Run("manual__again", NO_OPTIONS | {"period_start": str(WEEK)})
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(run, task), run.errors
    restate(landing)
    for task in ("log_start", "extract"):
        assert stages.run_task(run, task), run.errors
    for task in ("validate", "publish"):
        assert not stages.run_task(run, task)
        assert "'extract' ran again, 'load' did not. The target is unchanged. Clear 'load'." in str(run.errors[task])
    assert stages.target() == []
    for task in ("load", "validate", "publish"):
        assert stages.run_task(run, task), run.errors
    assert [row["total_clicks"] for row in stages.target()] == [51, 50, 50]
