"""The same week again: unchanged, changed, forced, dry, guarded, cleared."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from sqp_provider.core.errors import DeletesRefused, SourceEmpty, StagedMissing, Superseded
from sqp_provider.core.failure import Failure
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncOptions
from sqp_provider.target.sync_log import DagRunIdentity, SyncLog
from tests.landing import WEEK, Landing, report_row
from tests.stages import NO_OPTIONS, Run, Stages

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
    assert log["sync_metadata"]["reason"] == "unchanged: the target already has these 10 rows, nothing was written"
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
    assert {key: stages.log(run)["sync_metadata"][key] for key in ("outcome", "deleted", "unchanged")} == {
        "outcome": "difference",
        "deleted": 1,
        "unchanged": 8,
    }


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


def test_rows_that_somebody_else_deleted_are_restored_although_the_source_is_unchanged(
    landing: Landing, stages: Stages
) -> None:
    landing.land(*TEN)
    stages.sync(WEEK)
    stages.query("truncate weekly_summary")
    run = stages.sync(WEEK)
    assert run["publish"]["inserted"] == 10


def test_a_week_whose_partition_goes_before_publish_gets_it_again_with_all_indexes(
    landing: Landing, stages: Stages
) -> None:
    """What was staged to be compared is unlogged, and never becomes a partition."""
    landing.land(*TEN)
    stages.sync(WEEK)
    run = Run("manual__goes", NO_OPTIONS | {"period_start": WEEK, "force": True})
    for task_id in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(run, task_id), run.errors
    stages.query("drop table weekly_summary_20261108")
    for task_id in ("publish", "log_finish"):
        assert stages.run_task(run, task_id), run.errors
    assert (run["publish"]["how"], len(stages.target())) == ("attached", 10)
    assert stages.query("select relpersistence from pg_class where relname = 'weekly_summary_20261108'") == [
        {"relpersistence": "p"}
    ]
    indexes = "select count(*) as indexes from pg_indexes where tablename = %s"
    assert stages.query(indexes, "weekly_summary_20261108") == stages.query(indexes, "weekly_summary")


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
    said = "3 of 10 rows of sqp.weekly_summary, and 7 rows arrive. 30.0% of the larger number is more than"
    assert f"{said} max_delete_fraction 20.0%" in str(refused.errors["publish"])
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
    assert "The newest period with usable rows is 2026-11-01..2026-11-07." in str(run.errors["extract"])
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
def test_a_stage_cleared_alone_after_its_run_published_is_skipped(landing: Landing, stages: Stages, stage: str) -> None:
    rejects = [report_row("bad", asin="?")]
    landing.land(*(report_row(f"query {n}") for n in range(200)), *rejects)
    run = stages.sync(WEEK)
    before = versions(stages)
    stages.run_task(run, "log_start")
    assert not stages.run_task(run, stage)
    assert run.states[stage] == "skipped"
    assert stages.run_task(run, "log_finish")
    log = stages.log(run)
    assert (log["sync_status"], log["attempt"], log["records_failed"]) == ("completed", 2, 1)
    assert log["sync_metadata"]["outcome"] == "unchanged"
    assert log["sync_metadata"]["snapshot"]["table"] == run["extract"]["table"]
    assert versions(stages) == before


@pytest.mark.parametrize(
    ("stage", "kind", "remedy"),
    [
        ("validate", StagedMissing, "Clear 'load' to stage the rows again."),
        ("publish", Superseded, "Clear 'extract' together with what follows it (Downstream) to take a new snapshot."),
    ],
)
def test_a_stage_cleared_alone_after_another_run_published_says_what_to_clear(
    landing: Landing, stages: Stages, stage: str, kind: type[Exception], remedy: str
) -> None:
    landing.land(*TEN)
    run = stages.sync(WEEK)
    landing.land(report_row("query 0", asin_click_count=51, ingested_at="2026-11-21T06:00:00Z"))
    assert stages.sync(WEEK)["publish"]["updated"] == 1
    stages.run_task(run, "log_start")
    assert not stages.run_task(run, stage)
    assert isinstance(run.errors[stage].__cause__, kind)
    assert remedy in str(run.errors[stage])


def test_clearing_load_and_what_follows_ends_in_the_same_rows(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = stages.sync(WEEK)
    before = versions(stages)
    stages.run_task(run, "log_start")
    assert not stages.run_task(run, "load")
    assert run.states["load"] == "skipped"  # the target holds this snapshot
    assert stages.run_task(run, "log_finish")
    run.params["force"] = True
    for task in ("log_start", "load", "validate", "publish", "log_finish"):
        assert stages.run_task(run, task)
    assert versions(stages) == before
    assert run["publish"] == {"how": "difference", "inserted": 0, "updated": 0, "deleted": 0, "unchanged": 10}


def test_clearing_an_old_run_does_not_bring_back_its_old_snapshot(landing: Landing, stages: Stages) -> None:
    landing.land(report_row("q"))
    old = stages.sync(WEEK)
    landing.replace(report_row("q", asin_click_count=99))
    stages.sync(WEEK)
    old.params["force"] = True
    for task in ("log_start", "load", "validate"):
        assert stages.run_task(old, task)

    assert not stages.run_task(old, "publish")

    assert isinstance(old.errors["publish"].__cause__, Superseded)
    assert "its snapshot was taken at" in str(old.errors["publish"])
    assert "Clear 'extract' together with what follows it (Downstream)" in str(old.errors["publish"])
    assert [row["total_clicks"] for row in stages.target()] == [99]
    stages.run_task(old, "log_finish")
    assert stages.log(old)["sync_status"] == "failed"
    assert stages.sync(WEEK, run=old)["publish"]["unchanged"] == 1


def test_an_older_snapshot_is_not_published_over_one_found_unchanged(landing: Landing, stages: Stages) -> None:
    """The source goes from A to B and back to A; the run that saw B comes late."""
    landing.land(*TEN)
    stages.sync(WEEK)
    before = stages.target()
    landing.replace(*(report_row(f"query {n}", asin_click_count=99) for n in range(10)))
    late = Run("late", NO_OPTIONS | {"period_start": "2026-11-08"})
    stages.run_task(late, "log_start")
    stages.run_task(late, "extract")
    landing.replace(*TEN)
    assert stages.sync(WEEK).states["publish"] == "skipped"
    stages.clear(late, "load")
    assert isinstance(late.errors["publish"].__cause__, Superseded)
    assert stages.target() == before


def test_a_dry_run_that_finds_nothing_changed_leaves_the_ledger(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    stages.sync(WEEK)
    ledger = stages.query("select * from synced_period order by sync_type")
    assert stages.sync(WEEK, dry_run=True).states["publish"] == "skipped"
    assert stages.query("select * from synced_period order by sync_type") == ledger


def test_log_finish_tried_again_after_it_closed_an_unchanged_run(landing: Landing, stages: Stages) -> None:
    """Its worker may die after the commit and before it says so; the run had nothing to publish and is green."""
    landing.land(*TEN)
    stages.sync(WEEK)
    run = stages.sync(WEEK)
    assert stages.run_task(run, "log_finish")
    log = stages.log(run)
    assert (log["sync_status"], log["attempt"], log["sync_metadata"]["outcome"]) == ("completed", 2, "unchanged")


def test_log_finish_tried_again_after_it_closed_a_failed_run(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN, report_row("bad", asin="?"))
    run = stages.sync(WEEK)
    assert not stages.run_task(run, "log_finish")
    log = stages.log(run)
    assert (log["sync_status"], log["error_details"]["type"]) == ("failed", "ChecksFailed")


def test_clearing_log_finish_alone_keeps_a_published_run_completed(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = stages.sync(WEEK)
    for task in ("log_start", "log_finish"):
        assert stages.run_task(run, task)
    log = stages.log(run)
    assert (log["sync_status"], log["attempt"], log["records_processed"]) == ("completed", 2, 10)
    assert log["sync_metadata"]["outcome"] == "already published"
    assert log["sync_metadata"]["attempts"][0]["inserted"] == 10


def test_a_publish_that_a_person_marked_success_does_not_make_the_run_complete(
    landing: Landing, stages: Stages
) -> None:
    landing.land(*TEN)
    run = Run("r", {"period_start": "2026-11-08"})
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(run, task)
    run.states["publish"] = "success"
    stages.run_task(run, "log_finish")
    assert run.colour == "failed"
    log = stages.log(run)
    assert (log["sync_status"], log["error_details"]["type"]) == ("failed", "NothingPublished")
    assert "this attempt published nothing" in log["error_message"]


def test_a_task_that_outlives_its_run_cannot_publish(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = Run("r", {"period_start": "2026-11-08"})
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(run, task)
    operator = stages.operator(run, "publish")
    begun = operator.read_sync(run.context("publish"))
    stages.query("update sync_log set sync_status = 'failed'")
    operator.read_sync = lambda context: begun
    with pytest.raises(Exception, match="the run was closed as failed while this task was still running"):
        operator.execute(run.context("publish"))
    assert stages.target() == []


def test_a_task_marked_failed_before_it_begins_does_not_open_the_closed_run(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = Run("r", {"period_start": "2026-11-08"})
    for task in ("log_start", "extract"):
        assert stages.run_task(run, task)
    run.states["load"] = "failed"
    stages.run_task(run, "log_finish")
    with pytest.raises(Exception, match=r"closed as failed and load is failed\. The target is unchanged"):
        stages.operator(run, "load").execute(run.context("load"))
    assert (stages.log(run)["sync_status"], stages.log(run)["attempt"]) == ("failed", 1)


def test_clearing_only_what_failed_is_a_further_attempt_although_log_start_is_left_out(
    landing: Landing, stages: Stages
) -> None:
    run = stages.sync(WEEK, allow_empty=False)
    assert stages.log(run)["sync_status"] == "failed"
    landing.land(*TEN)
    for task in ("extract", "load", "validate", "publish", "log_finish"):
        assert stages.run_task(run, task)
    log = stages.log(run)
    assert (log["attempt"], log["sync_status"], log["error_message"]) == (2, "completed", None)
    (earlier,) = log["sync_metadata"]["attempts"]
    assert (earlier["attempt"], earlier["status"]) == (1, "failed")
    assert log["sync_metadata"]["options"]["allow_empty"] is False
    assert counts(stages, run) == (10, 10, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from weekly_summary where query < 'query 5'",
        "update weekly_summary set total_clicks = 0 where query = 'query 3'",
        "insert into weekly_summary (period_start, period_end, query, asin) select '2026-11-08', '2026-11-14', 'x', ''",
        "delete from weekly_summary_20261108 where query = 'query 3'",
    ],
)
def test_what_somebody_else_changed_is_put_right_although_the_source_is_unchanged(
    landing: Landing, stages: Stages, statement: str
) -> None:
    landing.land(*TEN)
    stages.sync(WEEK)
    right = stages.target()
    stages.query(statement)
    assert stages.target() != right
    assert stages.sync(WEEK).states["publish"] == "success"
    assert stages.target() == right


def test_weeks_are_published_at_the_same_time_without_deadlock(landing: Landing, stages: Stages) -> None:
    weeks = [WEEK - timedelta(weeks=n) for n in range(6)]
    landing.land(*(report_row(f"q {n}", week=week) for week in weeks for n in range(50)))
    runs = [Run(f"week {week}", NO_OPTIONS | {"period_start": str(week)}) for week in weeks]
    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(lambda run: stages.sync(run=run), runs))
    assert [run.errors for run in runs] == [{}] * len(runs)
    assert len(stages.target()) == 6 * 50
    months = "select period_start::text, sum(total_clicks)::int as clicks from monthly_summary group by 1 order by 1"
    assert stages.query(months) == [
        {"period_start": "2026-10-01", "clicks": 4 * 50 * 50},
        {"period_start": "2026-11-01", "clicks": 2 * 50 * 50},
    ]


@pytest.fixture
def plain_table(stages: Stages) -> None:
    """A weekly table as it was before us: plain, and with one key three times."""
    stages.query(
        "create table plain (like weekly_summary including defaults); drop table weekly_summary cascade;"
        "alter table plain rename to weekly_summary;"
        "insert into weekly_summary (period_start, period_end, query, asin, total_clicks)"
        " select '2026-11-08', '2026-11-14', 'query 0', 'B00TEST001', 7 from generate_series(1, 3)"
    )


@pytest.mark.usefixtures("plain_table")
def test_a_plain_table_is_synced_and_its_repeated_keys_are_healed(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    dry = stages.sync(WEEK, dry_run=True, max_delete_fraction=0.1)
    assert dry["publish"] == {"how": "dry run", "inserted": 9, "updated": 1, "deleted": 2, "unchanged": 0}
    assert len(stages.target()) == 3
    assert "would delete 2 of 3 rows" in stages.log(dry)["sync_metadata"]["would_change"]["refused"]
    run = stages.sync(WEEK, max_delete_fraction=1)
    assert run["publish"] == {"how": "difference", "inserted": 9, "updated": 1, "deleted": 2, "unchanged": 0}
    assert [row["query"] for row in stages.target()] == sorted(f"query {n}" for n in range(10))
    assert stages.sync(WEEK).states["publish"] == "skipped"


def test_a_publish_that_committed_but_could_not_say_so_is_not_done_twice(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = Run("r", {"period_start": "2026-11-08"})
    for task in ("log_start", "extract", "load", "validate", "publish", "publish"):
        assert stages.run_task(run, task)
    assert run["publish"]["how"] == "already published"
    assert counts(stages, run) == (10, 10, 0)


def test_an_old_attempt_that_wakes_up_cannot_publish(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN)
    run = Run("slow", stages.sync(WEEK, force=True).params)
    for task in ("log_start", "extract"):
        stages.run_task(run, task)
    operator = stages.operator(run, "load")
    slow_attempt = operator.read_sync(run.context("load"))
    stages.run_task(run, "log_start")  # the run is cleared meanwhile: attempt 2
    operator.read_sync = lambda context: slow_attempt
    with pytest.raises(Exception, match="attempt 2 of the same run has taken over from attempt 1") as raised:
        operator.execute(run.context("load"))
    assert isinstance(raised.value.__cause__, Superseded)
    assert stages.query("select to_regclass('sqp_staging.weekly_summary_20261108_2') as staged") == [{"staged": None}]


def test_a_completed_run_drops_what_failed_ones_of_its_week_left(landing: Landing, stages: Stages) -> None:
    landing.land(*TEN, report_row("bad", asin="?"))
    assert stages.sync(WEEK).colour == stages.sync(WEEK).colour == "failed"
    staged = "select tablename as name from pg_tables where schemaname = 'sqp_staging' order by 1"
    names = ["weekly_summary_20261108_1", "weekly_summary_20261108_2"]
    names += ["weekly_summary_20261108_asins_1", "weekly_summary_20261108_asins_2"]
    assert [row["name"] for row in stages.query(staged)] == names
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
        log.finish(old, Failure(stage="load", type="Killed", message="too late"))
    assert stages.log(run)["sync_status"] == "started"
