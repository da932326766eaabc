"""Whole Dag runs through Airflow's task runner."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sqp_provider.core.errors import SourceUnreachable
from sqp_provider.core.period import Period, SyncType
from sqp_provider.source.snapshot_reader import SnapshotReader
from tests.dags.conftest import AirflowRuns
from tests.fixtures import connection_to
from tests.landing import COLUMNS, Landing, report_row

GREEN = dict.fromkeys(("log_start", "extract", "load", "validate", "publish", "log_finish"), "success")


def test_a_week_is_synced_then_unchanged_then_restated(landing: Landing, airflow: AirflowRuns) -> None:
    landing.land(*(report_row(f"q {n}") for n in range(10)))

    first = airflow.run(period_start="2026-11-08")
    assert (first.state, airflow.states(first)) == ("success", GREEN)
    log = airflow.log(first)
    assert (log["dag_id"], log["sync_type"], log["sync_status"]) == ("sqp_weekly_sync", "weekly", "completed")
    assert (log["records_processed"], log["records_inserted"]) == (10, 10)
    assert (log["source_table"], log["target_table"]) == (landing.table, "sqp.weekly_summary")

    second = airflow.run(period_start="2026-11-08")
    skipped = dict.fromkeys(("load", "validate", "publish"), "skipped")
    assert (second.state, airflow.states(second)) == ("success", GREEN | skipped)
    assert airflow.log(second)["sync_metadata"]["outcome"] == "unchanged"

    landing.land(report_row("q 0", asin_click_count=51, ingested_at="2026-11-21T00:00:00Z"))
    third = airflow.run(period_start="2026-11-08")
    assert third.state == "success"
    log = airflow.log(third)
    assert (log["records_processed"], log["records_inserted"], log["records_updated"]) == (10, 0, 1)
    assert airflow.stages.target()[0]["total_clicks"] == 51


def test_a_run_with_a_logical_date_syncs_its_data_interval(landing: Landing, airflow: AirflowRuns) -> None:
    landing.land(report_row("q"))
    # a moment of its own: the metadata database keeps the runs of earlier tests, one for each logical date
    run = airflow.run(due=datetime(2026, 11, 19, tzinfo=UTC) + timedelta(microseconds=time.time_ns() // 1000 % 10**11))
    assert run.state == "success"
    assert str(airflow.log(run)["period_start"]) == "2026-11-08"


@pytest.mark.parametrize("native", [False, True], ids=["summed from weeks", "of Amazon's own"])
@pytest.mark.parametrize(
    ("sync_type", "first_day", "last_day"),
    [(SyncType.MONTHLY, "2026-10-01", "2026-10-31"), (SyncType.QUARTERLY, "2026-07-01", "2026-09-30")],
)
def test_a_month_and_a_quarter_are_synced_by_their_own_dags(
    sync_type: SyncType, first_day: str, last_day: str, native: bool, landing: Landing, airflow: AirflowRuns
) -> None:
    landing.create(COLUMNS | {"report_period": "STRING"})
    first_week = Period.containing(SyncType.WEEKLY, date.fromisoformat(first_day) + timedelta(days=6))
    weeks = [
        report_row("q", week=week) | {"report_period": "WEEK"}
        for week in (first_week.first_day, first_week.next_first_day)
    ]
    own = report_row("q", start_date=first_day, end_date=last_day, asin_click_count=70)
    landing.land(*weeks, own | {"report_period": sync_type.period_type.report_period})
    if native:
        airflow.map_columns(report_period="report_period")
    else:  # the rows of other reports are in another table then
        landing.replace(*({name: row[name] for name in COLUMNS} for row in weeks))
    dag_id = sync_type.dag_id

    run = airflow.run(dag_id, period_start=first_day)
    assert (run.state, airflow.states(run)) == ("success", GREEN)
    log = airflow.log(run)
    assert (log["dag_id"], log["sync_type"], log["target_table"]) == (
        dag_id,
        sync_type,
        f"sqp.{sync_type.target_table}",
    )
    assert (str(log["period_start"]), str(log["period_end"]), log["sync_status"]) == (first_day, last_day, "completed")
    (row,) = airflow.stages.target(sync_type)
    assert (row["total_clicks"], row["active_weeks"]) == ((70, None) if native else (100, 2))
    assert airflow.stages.target() == []

    again = airflow.run(dag_id, period_start=first_day)
    assert again.state == "success"
    assert airflow.log(again)["sync_metadata"]["outcome"] == "unchanged"


def test_a_failed_stage_makes_the_run_red_and_the_log_says_why(landing: Landing, airflow: AirflowRuns) -> None:
    landing.land(report_row("good"), report_row("bad", asin="?"))
    run = airflow.run(period_start="2026-11-08")
    assert run.state == "failed"
    states = airflow.states(run)
    assert (states["validate"], states["publish"], states["log_finish"]) == ("failed", "upstream_failed", "failed")
    log = airflow.log(run)
    assert log["sync_status"] == "failed"
    details = log["error_details"]
    assert (details["stage"], details["type"], details["try"]) == ("validate", "ChecksFailed", 1)
    assert "reject_rate: 1 of 2 rows are malformed (50.00%)" in log["error_message"] == details["message"]
    assert "/tasks/validate" in details["log_url"]
    assert details["traceback"] == []
    assert airflow.stages.target() == []


def test_a_week_that_starts_on_monday_is_red_and_logged(airflow: AirflowRuns) -> None:
    run = airflow.run(period_start="2026-11-09")
    assert run.state == "failed"
    log = airflow.log(run)
    assert (log["sync_status"], log["error_details"]["stage"]) == ("failed", "log_start")
    assert "starts on 2026-11-08 (Sunday)" in log["error_message"]


def test_an_unknown_key_in_the_conf_is_red_and_logged(landing: Landing, airflow: AirflowRuns) -> None:
    landing.land(report_row("q"))
    run = airflow.run(period_strt="2026-11-08")
    assert run.state == "failed"
    assert "unknown key 'period_strt', did you mean 'period_start'?" in airflow.log(run)["error_message"]
    assert airflow.stages.target() == []
    assert airflow.run("sqp_restatements", dry=True, periods=1).state == "failed"


def test_what_can_heal_is_tried_again(landing: Landing, airflow: AirflowRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    landing.land(report_row("q"))
    real = SnapshotReader.accepted
    tries: list[int] = []

    def lose_the_first_time(self: SnapshotReader, columns: Any, prepared: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise SourceUnreachable("the stream was lost")
        return real(self, columns, prepared)

    monkeypatch.setattr(SnapshotReader, "accepted", lose_the_first_time)
    run = airflow.run(period_start="2026-11-08")
    assert run.state == "success"
    assert [ti.try_number for ti in run.get_task_instances() if ti.task_id == "load"] == [2]
    log = airflow.log(run)
    assert (log["attempt"], log["sync_status"], log["error_message"]) == (1, "completed", None)


def test_a_long_extract_is_deferred_to_the_triggerer(
    landing: Landing, airflow: AirflowRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.land(report_row("q"))
    # stand-in: the emulator's jobs are done when they start
    monkeypatch.setattr("sqp_provider.triggers.bigquery_job.wait_until_done", lambda job, seconds: False)
    run = airflow.run(period_start="2026-11-08")
    assert (run.state, airflow.states(run)) == ("success", GREEN)
    assert len(airflow.stages.target()) == 1


def test_the_migration_dag_creates_the_schema_and_then_finds_nothing_to_do(
    airflow: AirflowRuns, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(empty_database))
    first, second = (airflow.run("sqp_migrate") for _ in range(2))
    results = [run.get_task_instances()[0].xcom_pull(task_ids="migrate") for run in (first, second)]
    assert [run.state for run in (first, second)] == ["success", "success"]
    assert results[0][0] == "0001"
    assert results[1] == []
    airflow.stages.dsn = empty_database
    assert airflow.stages.target() == []


def test_the_migration_dag_says_why_it_cannot(airflow: AirflowRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(f"{airflow.stages.dsn} port=1"))
    assert airflow.run("sqp_migrate").state == "failed"
