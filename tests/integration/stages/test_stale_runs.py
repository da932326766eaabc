"""Rows that a dead run left as started: the next run closes them, unless their run is still running."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from sqp_provider.core.errors import RunClosed
from sqp_provider.core.period import SyncType
from sqp_provider.core.stale import OpenRun
from sqp_provider.operators.stale_runs import close_stale_runs
from sqp_provider.target.open_runs import OpenRuns
from tests.landing import Landing, report_row
from tests.stages import NO_OPTIONS, Run, Stages

STAGED = "select tablename as name from pg_tables where schemaname = 'sqp_staging'"


@pytest.fixture
def dead(landing: Landing, stages: Stages) -> Run:
    """A run that has staged its rows, and whose scheduler died an hour ago."""
    landing.land(report_row("q"))
    run = Run("dead", NO_OPTIONS | {"period_start": "2026-11-08"})
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(run, task)
    grow_old(stages, run)
    return run


def grow_old(stages: Stages, run: Run, age: str = "1 hour") -> None:
    """Set the row's start back."""
    stages.query("update sync_log set started_at = now() - %s::interval where run_id = %s", age, run.run_id)


def start_next(stages: Stages, *running: str) -> Run:
    """Start a run of another week, in an Airflow that is running these runs."""
    run = Run("next", NO_OPTIONS | {"period_start": "2026-11-01"}, running=set(running))
    assert stages.run_task(run, "log_start")
    return run


def status(stages: Stages, run: Run) -> str:
    return str(stages.log(run)["sync_status"])


def close(stages: Stages, **options: Any) -> list[OpenRun]:
    """What a Dag without a row of its own does: close stale rows of all types."""
    hook = stages.operator(Run("any", {}), "log_start").postgres
    ti = options.pop("ti", Run("any", {}, running=options.pop("running", set())).context("check")["ti"])
    return close_stale_runs(hook, ti, logging.getLogger("stale"), stages.settings, **options)


def test_the_next_run_of_the_type_closes_what_a_dead_one_left(stages: Stages, dead: Run) -> None:
    names = ["weekly_summary_20261108_1", "weekly_summary_20261108_asins_1"]
    assert sorted(row["name"] for row in stages.query(STAGED)) == names

    following = start_next(stages)

    log = stages.log(dead)
    assert (log["sync_status"], log["attempt"], log["completed_at"] is not None) == ("failed", 1, True)
    assert log["error_message"] == log["error_details"]["message"]
    assert (log["error_details"]["type"], log["error_details"]["stage"]) == ("Stale", None)
    assert "run dead of sqp_weekly_sync is neither queued nor running in Airflow" in log["error_message"]
    assert "trigger sqp_weekly_sync with period_start 2026-11-08" in log["error_message"]
    assert stages.query(STAGED) == []
    assert status(stages, following) == "started"


def test_closing_counts_as_a_failed_sync(stages: Stages, dead: Run, counted: list[tuple[str, str]]) -> None:
    assert len(close(stages)) == 1
    assert close(stages) == []
    assert counted == [("sqp.syncs.failed", "weekly")]


def test_closing_is_a_warning(stages: Stages, dead: Run, caplog: pytest.LogCaptureFixture) -> None:
    assert [run.sync_log_id for run in close(stages)] == [1]
    (record,) = [record for record in caplog.records if record.name == "stale"]
    assert record.levelname == "WARNING"
    assert record.getMessage() == f"Closed as failed: {stages.log(dead)['error_message']}"


def test_a_run_that_airflow_is_running_is_never_closed(stages: Stages, dead: Run) -> None:
    grow_old(stages, dead, "40 days")
    start_next(stages, "dead")
    assert status(stages, dead) == "started"
    assert stages.query(STAGED) != []
    assert stages.run_task(dead, "publish")


def test_airflow_is_not_asked_about_a_young_row(stages: Stages, dead: Run) -> None:
    grow_old(stages, dead, "14 minutes")
    assert close(stages, ti="nobody to ask") == []
    assert status(stages, dead) == "started"


def test_a_task_that_wakes_up_after_its_run_was_closed_cannot_publish(stages: Stages, dead: Run) -> None:
    operator = stages.operator(dead, "publish")
    begun = operator.read_sync(dead.context("publish"))
    start_next(stages)
    operator.read_sync = lambda context: begun
    with pytest.raises(Exception, match="the run was closed as failed while this task was still running") as raised:
        operator.execute(dead.context("publish"))
    assert isinstance(raised.value.__cause__, RunClosed)
    assert stages.target() == []


def test_a_closed_run_can_be_cleared_and_remembers_how_it_finished(stages: Stages, dead: Run) -> None:
    start_next(stages)
    assert stages.sync(run=dead).colour == "success"
    log = stages.log(dead)
    assert (log["sync_status"], log["attempt"], log["error_message"]) == ("completed", 2, None)
    (earlier,) = log["sync_metadata"]["attempts"]
    assert (earlier["status"], "before log_finish" in earlier["error_message"]) == ("failed", True)
    assert len(stages.target()) == 1


def test_a_run_that_published_and_died_has_not_failed_its_week(stages: Stages, dead: Run) -> None:
    assert stages.run_task(dead, "publish")
    grow_old(stages, dead)
    start_next(stages)
    assert (status(stages, dead), stages.log(dead)["error_message"]) == ("completed", None)
    assert stages.query("select status, last_error from period_status where period_start = '2026-11-08'") == [
        {"status": "synced", "last_error": None}
    ]


def test_the_caller_s_own_row_stays(stages: Stages, dead: Run) -> None:
    assert close(stages, own=1) == []
    assert status(stages, dead) == "started"


def test_only_the_named_type_is_checked(stages: Stages, dead: Run) -> None:
    assert close(stages, sync_type=SyncType.MONTHLY) == []
    assert [run.sync_log_id for run in close(stages)] == [1]


def test_a_row_that_names_no_run_is_closed_after_a_day(stages: Stages) -> None:
    stages.query(
        "insert into sync_log (sync_type, sync_status, started_at, source_table, target_table) values"
        " ('weekly', 'started', now() - interval '25 hours', 'a script', 't'),"
        " ('weekly', 'started', now() - interval '23 hours', 'a script', 't')"
    )
    start_next(stages)
    rows = "select sync_status, error_details ->> 'type' as type from sync_log where run_id is null order by id"
    assert stages.query(rows) == [
        {"sync_status": "failed", "type": "Stale"},
        {"sync_status": "started", "type": None},
    ]


def test_a_row_is_left_when_airflow_does_not_answer(stages: Stages, dead: Run) -> None:
    class Silent:  # stand-in: an API server that is down cannot be had in a test without Airflow
        def get_dr_count(self, **_: Any) -> int:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))

    assert close(stages, ti=Silent()) == []
    assert status(stages, dead) == "started"


def test_a_row_whose_publish_is_about_to_commit_is_left(stages: Stages, dead: Run) -> None:
    with psycopg.connect(stages.dsn, options="-c search_path=sqp") as publishing:
        publishing.execute("select from sync_log where id = 1 for share")
        assert close(stages) == []
    assert [run.run_id for run in close(stages)] == ["dead"]


def test_a_row_whose_staged_table_is_in_use_is_left(
    stages: Stages, dead: Run, caplog: pytest.LogCaptureFixture
) -> None:
    target = stages.settings.target.model_copy(update={"lock_timeout_seconds": 0.1})
    impatient = Stages(stages.settings.model_copy(update={"target": target}), stages.dsn)
    with psycopg.connect(stages.dsn, options="-c search_path=sqp") as reading:
        reading.execute("select from sqp_staging.weekly_summary_20261108_1")
        assert close(impatient) == []
    assert "stays open and the next run tries to close it again" in caplog.text
    assert status(stages, dead) == "started"


def test_a_row_that_began_a_new_attempt_meanwhile_is_left(stages: Stages, dead: Run) -> None:
    hook = stages.operator(dead, "log_start").postgres
    with hook.transaction() as database:
        (seen,) = OpenRuns(database).read(None)
    stages.run_task(dead, "log_start")
    with hook.transaction() as database:
        assert not OpenRuns(database).close(seen)
        assert not OpenRuns(database).close(replace(seen, attempt=2))
    assert status(stages, dead) == "started"


def test_another_run_s_staged_table_stays(landing: Landing, stages: Stages, dead: Run) -> None:
    stages.query("create table sqp_staging.weekly_summary_20261108_11 (); create table sqp_staging.notes_1 ()")
    start_next(stages)
    names = {row["name"] for row in stages.query(STAGED)}
    assert names == {"weekly_summary_20261108_11", "notes_1"}
