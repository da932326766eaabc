"""The alerts that the stages send over a real webhook, on a real Postgres."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import Context

from sqp_provider.core.settings import Settings
from sqp_provider.failures import SyncFailed
from sqp_provider.notifications.alerts import notify_freshness, notify_overdue, notify_unlogged
from sqp_provider.target.freshness import read_freshness
from tests.fixtures import connection_to
from tests.landing import Landing, report_row
from tests.stages import Run, Stages
from tests.webhook import SECRET, Webhook

WEEK = "weekly 2026-11-08..2026-11-14"
LATER = {"ingested_at": "2026-11-21T00:00:00Z"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The settings with alerts on; rejects only warn."""
    sections = {"alerts": {"conn_id": "sqp_alerts"}, "checks": {"reject_rate_fail": 1}}
    return Settings.checked(settings.model_dump(by_alias=True) | sections, origin="test")


@pytest.fixture
def ti() -> Any:
    """The task instance of the freshness Dag: a stand-in for its two ids."""
    return SimpleNamespace(dag_id="sqp_freshness", run_id="scheduled__1", task_id="weekly_summary")


def test_a_failure_is_sent_once_and_its_second_run_in_a_row_is_marked(stages: Stages, webhook: Webhook) -> None:
    first = stages.sync("2026-11-08")
    stages.sync(run=first)
    stages.clear(first, "extract")
    assert webhook.titles() == [f"SQP sync failed: {WEEK}"]
    for _ in range(3):
        stages.sync("2026-11-08")
    assert webhook.titles() == [f"SQP sync failed: {WEEK}", f"SQP sync failed: {WEEK} (second failure in a row)"]


def test_a_failure_says_stage_reason_period_counts_and_run(landing: Landing, stages: Stages, webhook: Webhook) -> None:
    stages.sync("2026-11-08")
    (message,) = webhook.messages
    assert (message["type"], message["path"]) == ("failure", f"/{SECRET}")
    lines = message["message"].splitlines()
    assert lines[0] == "Stage: extract. Error: SourceEmpty."
    assert lines[1].startswith(f"Reason: {WEEK}")
    assert lines[2] == "Rows: 0 processed, 0 inserted, 0 updated, 0 rejects."
    assert lines[3] == (
        "Run: manual__1 of sqp_weekly_sync (sync_log 1). https://airflow.example.com/dags/sqp_weekly_sync/runs/manual__1"
    )


def test_a_recovery_is_sent_and_the_next_failure_is_a_first_one(
    landing: Landing, stages: Stages, webhook: Webhook
) -> None:
    stages.sync("2026-11-08")
    landing.land(report_row("q"))
    stages.sync("2026-11-08")
    stages.sync("2026-11-08")
    assert webhook.titles() == [f"SQP sync failed: {WEEK}", f"SQP sync recovered: {WEEK}"]
    assert webhook.messages[1]["type"] == "success"
    stages.query("drop table weekly_summary cascade")
    stages.sync("2026-11-08", force=True)
    assert webhook.titles()[2:] == [f"SQP sync failed: {WEEK}"]


def test_a_run_that_made_way_for_a_newer_one_is_no_failure(landing: Landing, stages: Stages, webhook: Webhook) -> None:
    """It is skipped and says nothing; nor does it make the next failure one in a row."""
    landing.land(report_row("q"))
    early, late = Run("early", {"period_start": "2026-11-08"}), Run("late", {"period_start": "2026-11-08"})
    for run in (early, late):
        assert all(stages.run_task(run, task) for task in ("log_start", "extract", "load", "validate"))
    assert not stages.run_task(early, "publish")
    stages.run_task(early, "log_finish")
    assert stages.log(early)["sync_metadata"]["outcome"] == "skipped"
    assert webhook.messages == []
    stages.query("drop table weekly_summary cascade")
    assert not stages.run_task(late, "publish")
    stages.run_task(late, "log_finish")
    assert webhook.titles() == [f"SQP sync failed: {WEEK}"]


def test_a_run_with_older_data_than_published_is_no_failure(landing: Landing, stages: Stages, webhook: Webhook) -> None:
    landing.land(report_row("q"), report_row("p"))
    old = stages.sync("2026-11-08", force=True)
    landing.land(report_row("q", asin_click_count=51, **LATER))
    stages.sync("2026-11-08")
    stages.clear(old, "load")
    assert stages.log(old)["error_details"]["type"] == "Superseded"
    assert webhook.titles() == [f"SQP period restated: {WEEK}"]


def test_another_period_or_a_dry_run_is_no_failure_in_a_row(stages: Stages, webhook: Webhook) -> None:
    stages.sync("2026-11-01")
    stages.sync("2026-11-08", dry_run=True)
    assert webhook.titles(WEEK) == []
    stages.sync("2026-11-08")
    assert webhook.titles(WEEK) == [f"SQP sync failed: {WEEK}"]


def test_warnings_are_sent_once_until_the_period_is_clean(landing: Landing, stages: Stages, webhook: Webhook) -> None:
    landing.land(report_row("good"), report_row("better"), report_row("bad", asin="?"))
    stages.sync("2026-11-08")
    stages.sync("2026-11-08")
    landing.land(report_row("good", asin_click_count=51, **LATER))
    stages.sync("2026-11-08")
    assert webhook.titles() == [f"SQP sync completed with warnings: {WEEK}", f"SQP period restated: {WEEK}"]
    assert "reject_rate: 1 of 3 rows are malformed" in webhook.messages[0]["message"]


def test_a_dead_run_is_notified_by_the_run_that_closes_it(landing: Landing, stages: Stages, webhook: Webhook) -> None:
    dead = Run("dead", {"period_start": "2026-11-08", "max_delete_fraction": None})
    assert stages.run_task(dead, "log_start")
    stages.query("update sync_log set started_at = now() - interval '1 hour'")
    landing.land(report_row("q", start_date="2026-11-01", end_date="2026-11-07"))
    stages.sync("2026-11-01")
    assert webhook.titles() == [f"SQP sync failed: {WEEK}"]
    assert "Error: Stale." in webhook.messages[0]["message"]


def test_off_by_default(landing: Landing, stages: Stages, webhook: Webhook, settings: Settings) -> None:
    stages.settings = settings.model_copy(update={"alerts": type(settings.alerts)()})
    assert stages.settings.alerts.conn_id is None
    stages.sync("2026-11-08")
    assert (webhook.messages, stages.query("select * from sent_alert")) == ([], [])


@pytest.mark.parametrize("broken", ["closed port", "no such connection", "no address", "no such service"])
def test_a_broken_channel_never_fails_a_sync_and_shows_no_secret(
    landing: Landing,
    stages: Stages,
    webhook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    broken: str,
) -> None:
    working = webhook.connection
    if broken == "closed port":
        webhook.close()
    elif broken == "no such connection":
        monkeypatch.delenv("AIRFLOW_CONN_SQP_ALERTS")
    else:
        extra = {"no address": "{}", "no such service": f'{{"config": {{"path": "nosuch://{SECRET}"}}}}'}[broken]
        monkeypatch.setenv("AIRFLOW_CONN_SQP_ALERTS", f'{{"conn_type": "apprise", "extra": {extra}}}')
    landing.land(report_row("good"), report_row("bad", asin="?"))
    with caplog.at_level(logging.INFO):
        run = stages.sync("2026-11-08")
    said = caplog.text + "".join(capsys.readouterr())
    assert (run.colour, stages.log(run)["sync_status"]) == ("success", "completed")
    assert "Alert not sent" in said
    assert SECRET not in said
    assert stages.query("select * from sent_alert") == []
    assert working


def test_a_database_that_is_down_is_notified_all_the_same(
    stages: Stages, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run("manual__1", {"period_start": "2026-11-08"})
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(f"{stages.dsn} port=1"))
    assert not stages.run_task(run, "log_start")
    context = cast("dict[str, Any]", run.context("log_start", run.errors["log_start"]))
    notify_unlogged(cast("Context", context | {"task": stages.operator(run, "log_start")}))
    (message,) = webhook.messages
    assert message["title"] == "SQP sync failed: sqp_weekly_sync could not use its log"
    assert "Stage: log_start." in message["message"]
    assert "AIRFLOW" not in message["message"]


def test_a_recovered_log_is_notified_when_the_next_run_of_the_dag_has_written_its_outcome(
    landing: Landing, stages: Stages, webhook: Webhook
) -> None:
    run = Run("manual__9", {"period_start": "2026-11-08"})
    stages.query("alter table sync_log rename to away")
    assert not stages.run_task(run, "log_start")
    stages.query("alter table away rename to sync_log")  # back when the callback comes, so that it can be remembered
    context = cast("dict[str, Any]", run.context("log_start", run.errors["log_start"]))
    notify_unlogged(cast("Context", context | {"task": stages.operator(run, "log_start")}))
    landing.land(report_row("q"))
    for _ in range(2):
        stages.sync("2026-11-08")
    assert webhook.titles() == [
        "SQP sync failed: sqp_weekly_sync could not use its log",
        "SQP sync recovered: sqp_weekly_sync can use its log again",
    ]
    assert stages.query("select title from sent_alert where resolved_at is null") == []


def test_a_failure_that_the_row_has_is_not_sent_again_by_the_callback(stages: Stages, webhook: Webhook) -> None:
    run = stages.sync("2026-11-08")
    error = run.errors["log_finish"]
    assert isinstance(error, SyncFailed)
    context = cast("dict[str, Any]", run.context("log_finish", error))
    notify_unlogged(cast("Context", context | {"task": stages.operator(run, "log_finish")}))
    assert len(webhook.messages) == 1


def test_a_stale_table_is_notified_once_until_it_is_fresh_again(
    stages: Stages, webhook: Webhook, settings: Settings, ti: Any
) -> None:
    for _ in range(2):
        notify_freshness(settings, read_freshness(settings.target, "weekly_summary"), ti)
    stages.query(
        "insert into weekly_summary (period_start, period_end, query, asin)"
        " values (current_date - 9, current_date - 3, 'a', 'B000000001')"
    )
    for _ in range(2):
        notify_freshness(settings, read_freshness(settings.target, "weekly_summary"), ti)
    assert webhook.titles() == ["SQP table stale: weekly_summary", "SQP table fresh again: weekly_summary"]
    assert "weekly_summary is stale: it has no period that is over." in webhook.messages[0]["message"]


def test_only_an_unfinished_run_is_notified_as_long(stages: Stages, webhook: Webhook, settings: Settings) -> None:
    assert stages.run_task(Run("slow", {"period_start": "2026-11-08"}), "log_start")
    finished = stages.sync("2026-11-01")
    sections = settings.model_dump(mode="json", by_alias=True, include={"source", "target", "alerts"})
    for run_id, run_type, state in (
        ("slow", "manual", "running"),
        ("slow", "manual", "running"),
        (finished.run_id, "manual", "failed"),
        ("waits for its turn", "backfill", "queued"),
        ("waits for the scheduler", "manual", "queued"),
    ):
        dag_run = {"dag_id": "sqp_weekly_sync", "dag_run_id": run_id, "run_type": run_type, "state": state}
        notify_overdue({"dag_run": dag_run}, sections)
    assert webhook.titles("running long") == ["SQP sync running long: sqp_weekly_sync"]
    assert webhook.about("SQP sync running long: sqp_weekly_sync")["message"].startswith(
        "Run slow of sqp_weekly_sync was created more than 15 minutes ago, its wait in the queue included, and is"
        " still running."
    )
    assert webhook.titles("waiting long") == ["SQP sync waiting long: sqp_weekly_sync"]
    assert webhook.about("SQP sync waiting long: sqp_weekly_sync")["message"].startswith(
        "Run waits for the scheduler of sqp_weekly_sync was created more than 15 minutes ago and is still queued."
        " No task has started."
    )


def test_a_cause_that_is_switched_off_is_not_sent(stages: Stages, webhook: Webhook, settings: Settings) -> None:
    alerts = settings.alerts.model_copy(update={"causes": ("stale",)})
    stages.settings = settings.model_copy(update={"alerts": alerts})
    stages.sync("2026-11-08")
    assert webhook.messages == []
