"""The same week again: unchanged, changed, forced, dry, guarded, cleared."""

from __future__ import annotations

from typing import Any

import pytest

from sqp_provider.core.errors import DeletesRefused, SourceEmpty, StagedMissing, Superseded
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncOptions
from sqp_provider.hooks.sync_log import DagRunIdentity, SyncLog
from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages

TEN = [report_row(f"query {n}") for n in range(10)]


def versions(stages: Stages) -> dict[str, Any]:
    """Where each row is and which transaction wrote it: both change when a row is written again."""
    rows = stages.query("select query, xmin::text, ctid::text, tableoid from weekly_summary")
    return {row.pop("query"): row for row in rows}


def counts(stages: Stages, run: Run) -> tuple[int, int, int]:
    log = stages.log(run)
    return log["records_processed"], log["records_inserted"], log["records_updated"]


def test_a_week_synced_twice_is_unchanged_and_nothing_is_written(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    first = stages.sync(WEEK)
    before = versions(stages)

    second = stages.sync(WEEK)

    assert first["publish"] == {"how": "attached", "inserted": 10, "updated": 0, "deleted": 0, "unchanged": 0}
    assert second.states == {
        "log_start": "success",
        "extract": "success",
        "load": "skipped",
        "validate": "skipped",
        "publish": "skipped",
        "log_finish": "success",
    }
    assert versions(stages) == before
    log = stages.log(second)
    assert log["sync_status"] == "completed"
    assert log["sync_metadata"]["reason"] == "unchanged: the target holds these 10 rows already, nothing was written"
    assert counts(stages, second) == (10, 0, 0)


def test_a_changed_source_leaves_exactly_its_rows(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    stages.sync(WEEK)
    before = versions(stages)
    restated = report_row("query 0", asin_click_count=51)
    landing.replace(restated, *TEN[1:9], report_row("new"))

    run = stages.sync(WEEK)

    assert run["publish"] == {"how": "difference", "inserted": 1, "updated": 1, "deleted": 1, "unchanged": 8}
    assert [row["query"] for row in stages.target()] == ["new", *(f"query {n}" for n in range(9))]
    assert {row["query"]: row["total_clicks"] for row in stages.target()}["query 0"] == 51
    after = versions(stages)
    assert {query for query in after if after[query] == before.get(query)} == {f"query {n}" for n in range(1, 9)}
    assert counts(stages, run) == (11, 1, 1)


def test_created_at_stays_and_updated_at_moves(landing: Landing, stages: Stages) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    (before,) = stages.query("select * from weekly_summary")
    landing.land(report_row("q", asin_click_count=51, ingested_at="2026-11-21T00:00:00Z"))
    run = stages.sync(WEEK)
    (after,) = stages.query("select * from weekly_summary")
    assert after["created_at"] == before["created_at"]
    assert after["updated_at"] > before["updated_at"]
    assert after["sync_log_id"] == run["log_start"] != before["sync_log_id"]
    assert after["bigquery_sync_id"] == run["extract"]["job_id"] != before["bigquery_sync_id"]


def test_force_publishes_an_unchanged_week_and_writes_no_row(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    stages.sync(WEEK)
    before = versions(stages)
    run = stages.sync(WEEK, force=True)
    assert run["publish"] == {"how": "difference", "inserted": 0, "updated": 0, "deleted": 0, "unchanged": 10}
    assert versions(stages) == before


def test_rows_that_somebody_else_deleted_come_back_although_the_source_is_unchanged(
    landing: Landing, stages: Stages
) -> None:
    landing.land(*TEN)
    stages.sync(WEEK)
    stages.query("truncate weekly_summary")
    run = stages.sync(WEEK)
    assert run["publish"]["inserted"] == 10


def test_dry_run_reports_and_publishes_nothing(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    stages.sync(WEEK)
    landing.replace(report_row("query 0", asin_click_count=51), *TEN[1:9], report_row("new"))
    before = versions(stages)

    run = stages.sync(WEEK, dry_run=True)

    assert run["publish"] == {"how": "dry run", "inserted": 1, "updated": 1, "deleted": 1, "unchanged": 8}
    assert versions(stages) == before
    log = stages.log(run)
    assert log["sync_status"] == "completed"
    assert log["sync_metadata"]["outcome"] == "dry run"
    assert log["sync_metadata"]["would_change"]["inserted"] == 1
    assert (log["records_inserted"], log["records_updated"]) == (0, 0)
    assert stages.query("select sync_log_id from synced_period where sync_type = 'weekly'") != [
        {"sync_log_id": run["log_start"]}
    ]


def test_dry_run_of_a_new_week_publishes_nothing(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = stages.sync(WEEK, dry_run=True)
    assert run["publish"]["inserted"] == 10
    assert stages.target() == []
    assert stages.query("select * from synced_period") == []


def test_a_publish_that_would_delete_too_much_is_refused_and_can_be_allowed(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    stages.sync(WEEK)
    landing.replace(*TEN[:7])

    refused = stages.sync(WEEK)
    assert isinstance(refused.errors["publish"].__cause__, DeletesRefused)
    assert "3 of 10 rows of sqp.weekly_summary (30.0%), more than max_delete_fraction 20.0%" in str(
        refused.errors["publish"]
    )
    assert "trigger the Dag for this period with max_delete_fraction 1" in str(refused.errors["publish"])
    assert len(stages.target()) == 10
    assert refused.colour == "failed"

    allowed = stages.sync(WEEK, max_delete_fraction=1)
    assert allowed["publish"]["deleted"] == 3
    assert len(stages.target()) == 7


def test_an_empty_week_is_a_failure_unless_allowed(landing: Landing, stages: Stages) -> None:
    landing.land(report_row("older", week=WEEK.replace(day=1)))
    run = stages.sync(WEEK)
    assert isinstance(run.errors["extract"].__cause__, SourceEmpty)
    assert "no usable rows for this period; the newest it has is 2026-11-01" in str(run.errors["extract"])
    assert stages.log(run)["sync_status"] == "failed"

    brave = stages.sync(WEEK, allow_empty=True)
    assert brave.colour == "success"
    assert stages.query("select row_count from synced_period where sync_type = 'weekly'") == [{"row_count": 0}]


def test_the_newest_week_due_is_synced_when_none_is_named(landing: Landing, stages: Stages) -> None:
    landing.land(report_row("q"))
    run = stages.sync()  # due 2026-11-19 00:00, four days after the week's end
    assert str(stages.log(run)["period_start"]) == "2026-11-08"


def test_clearing_the_run_reuses_its_log_row_and_counts_attempts(landing: Landing, stages: Stages) -> None:
    run = stages.sync(WEEK)
    landing.land(*TEN)
    stages.sync(WEEK, run=run)

    (log,) = stages.query("select * from sync_log")
    assert (log["attempt"], log["sync_status"], log["error_message"]) == (2, "completed", None)
    (earlier,) = log["sync_metadata"]["attempts"]
    assert (earlier["attempt"], earlier["status"]) == (1, "failed")
    assert "no usable rows" in earlier["error_message"]


@pytest.mark.parametrize("stage", ["validate", "publish"])
def test_a_stage_cleared_alone_after_the_end_says_to_clear_load(landing: Landing, stages: Stages, stage: str) -> None:
    landing.land(*TEN)
    run = stages.sync(WEEK)
    stages.run_task(run, "log_start")
    assert not stages.run_task(run, stage)
    assert isinstance(run.errors[stage].__cause__, StagedMissing)
    assert "Clear 'load' to stage the rows again." in str(run.errors[stage])


def test_clearing_load_and_what_follows_ends_in_the_same_rows(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = stages.sync(WEEK)
    before = versions(stages)
    for task in ("log_start", "load", "validate", "publish", "log_finish"):
        assert stages.run_task(run, task)
    assert versions(stages) == before
    assert run["publish"] == {"how": "difference", "inserted": 0, "updated": 0, "deleted": 0, "unchanged": 10}


def test_a_publish_that_committed_but_could_not_say_so_is_not_done_twice(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = stages.sync(WEEK)
    assert stages.run_task(run, "publish")
    assert run["publish"]["how"] == "already published"
    assert counts(stages, run) == (10, 10, 0)


def test_an_old_attempt_that_wakes_up_cannot_publish(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = Run("slow", stages.sync(WEEK).params)
    for task in ("log_start", "extract"):
        stages.run_task(run, task)
    run.xcoms["extract", "return_value"]["unchanged"] = False
    operator = stages.operator(run, "load")
    slow_attempt = operator.read_sync()
    stages.run_task(run, "log_start")  # the run is cleared meanwhile: attempt 2
    operator.read_sync = lambda: slow_attempt
    with pytest.raises(Exception, match="attempt 2 of the same run has taken over, this one is attempt 1") as raised:
        operator.execute(run.context("load"))
    assert isinstance(raised.value.__cause__, Superseded)
    assert stages.query("select to_regclass('sqp_staging.weekly_summary_20261108_2') as staged") == [{"staged": None}]


def test_of_two_runs_of_a_week_the_later_one_publishes(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    early, late = Run("early", {"period_start": "2026-11-08"}), Run("late", {"period_start": "2026-11-08"})
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(early, task)
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(late, task)

    assert not stages.run_task(early, "publish")
    assert isinstance(early.errors["publish"].__cause__, Superseded)
    assert "run late (sync_log 2) of the same period started later" in str(early.errors["publish"])
    assert stages.run_task(late, "publish")
    assert len(stages.target()) == 10


def test_a_completed_run_drops_what_failed_ones_of_its_week_left(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN, report_row("bad", asin="?"))
    assert stages.sync(WEEK).colour == stages.sync(WEEK).colour == "failed"
    staged = "select tablename as name from pg_tables where schemaname = 'sqp_staging' order by 1"
    assert [row["name"] for row in stages.query(staged)] == ["weekly_summary_20261108_1", "weekly_summary_20261108_2"]
    landing.replace(*TEN)
    assert stages.sync(WEEK).colour == "success"
    assert stages.query(staged) == []


def test_a_dry_run_does_not_stop_anybody(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = Run("real", {"period_start": "2026-11-08"})
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(run, task)
    stages.sync(WEEK, dry_run=True)
    assert stages.run_task(run, "publish")


def test_only_the_current_attempt_may_finish_a_run(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = stages.sync(WEEK)
    operator = stages.operator(run, "log_finish")
    with operator.postgres.transaction() as database:
        log = SyncLog(database)
        old = log.read(run["log_start"])
        week = Period.starting(SyncType.WEEKLY, WEEK)
        log.start(DagRunIdentity("sqp_weekly_sync", run.run_id), SyncType.WEEKLY, week, "t", SyncOptions())
        log.finish(old, {"message": "too late"})
    assert stages.log(run)["sync_status"] == "started"
