"""A recovery that the channel did not take is told at the next chance, and a failure in between is news."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import Context

from sqp_provider.core.settings import Settings
from sqp_provider.notifications.alerts import notify_freshness
from sqp_provider.operators.stale_runs import StaleRunsOperator
from sqp_provider.target.freshness import read_freshness
from tests.landing import WEEK as FIRST_DAY
from tests.landing import Landing, report_row
from tests.stages import Stages
from tests.webhook import Webhook

WEEK = "weekly 2026-11-08..2026-11-14"
OTHER_WEEK = "weekly 2026-11-01..2026-11-07"
FAILED, RECOVERED = f"SQP sync failed: {WEEK}", f"SQP sync recovered: {WEEK}"
OPEN = "select kind, subject from sent_alert where resolved_at is null and kind <> 'recovered'"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The settings with alerts on."""
    return settings.model_copy(update={"alerts": settings.alerts.model_copy(update={"conn_id": "sqp_alerts"})})


@pytest.fixture
def missed(landing: Landing, stages: Stages, webhook: Webhook) -> None:
    """A week whose failure was told, and whose recovery the channel did not take."""
    stages.sync(FIRST_DAY)
    landing.land(report_row("q"))
    with webhook.refusing():
        assert stages.sync(FIRST_DAY).colour == "success"
    assert webhook.titles() == [FAILED]
    assert stages.query(OPEN) == [{"kind": "failed", "subject": WEEK}]


def notified_and_recovered(stages: Stages, week: str) -> None:
    """What a failure that was told and a later run that completed leave."""
    first, last = week.removeprefix("weekly ").split("..")
    stages.query(
        "insert into sent_alert (kind, subject, cause, title, sent_at)"
        " values ('failed', %s, 'extract SourceEmpty', 't', now() - interval '1 hour')",
        week,
    )
    stages.query(
        "insert into sync_log (sync_type, sync_status, completed_at, source_table, target_table, period_start,"
        " period_end) values ('weekly', 'completed', now(), 's', 't', %s, %s)",
        first,
        last,
    )


def daily_check(stages: Stages) -> None:
    operator = StaleRunsOperator(task_id="close_stale_runs", settings=stages.settings)
    operator.execute(cast("Context", {"ti": SimpleNamespace()}))


@pytest.mark.usefixtures("missed")
def test_the_next_run_of_any_period_tells_it(stages: Stages, webhook: Webhook) -> None:
    stages.sync("2026-11-01")
    assert webhook.titles(WEEK) == [FAILED, RECOVERED]
    stages.sync(FIRST_DAY)
    assert webhook.titles(WEEK) == [FAILED, RECOVERED]
    assert stages.query(OPEN) == [{"kind": "failed", "subject": "weekly 2026-11-01..2026-11-07"}]


@pytest.mark.usefixtures("missed")
def test_the_daily_look_tells_it(stages: Stages, webhook: Webhook) -> None:
    for _ in range(2):
        daily_check(stages)
    assert webhook.titles() == [FAILED, RECOVERED]
    assert stages.query(OPEN) == []


@pytest.mark.usefixtures("missed")
def test_a_new_failure_is_told_instead(landing: Landing, stages: Stages, webhook: Webhook) -> None:
    landing.replace(report_row("older", start_date="2026-11-01", end_date="2026-11-07"))
    stages.sync(FIRST_DAY)
    daily_check(stages)
    assert webhook.titles() == [FAILED, FAILED]
    assert stages.query(OPEN) == [{"kind": "failed", "subject": WEEK}]


@pytest.mark.usefixtures("missed")
def test_a_channel_that_stays_away_is_asked_once_a_run(
    stages: Stages, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    with webhook.refusing(), caplog.at_level(logging.WARNING):
        daily_check(stages)
    assert caplog.text.count("Alert not sent, connection sqp_alerts did not accept it") == 1
    daily_check(stages)
    assert webhook.titles() == [FAILED, RECOVERED]


def test_a_recovery_that_nobody_wants_closes_the_cause(
    landing: Landing, stages: Stages, webhook: Webhook, settings: Settings
) -> None:
    alerts = settings.alerts.model_copy(update={"causes": ("failed",)})
    stages.settings = settings.model_copy(update={"alerts": alerts})
    stages.sync(FIRST_DAY)
    landing.land(report_row("q"))
    stages.sync(FIRST_DAY)
    assert (webhook.titles(), stages.query(OPEN)) == ([FAILED], [])


def test_a_recovery_that_was_told_and_not_closed_is_closed_untold_and_holds_up_no_other(
    stages: Stages, webhook: Webhook
) -> None:
    """What a lost connection leaves between the message and the note that the cause is gone."""
    for week in (WEEK, OTHER_WEEK):
        notified_and_recovered(stages, week)
    stages.query(
        "insert into sent_alert (kind, subject, cause, title)"
        " select 'recovered', %s, 'sync_log ' || min(id) || ' attempt 1', 't' from sync_log",
        WEEK,
    )
    daily_check(stages)
    assert webhook.titles() == [f"SQP sync recovered: {OTHER_WEEK}"]
    assert stages.query("select subject from sent_alert where resolved_at is null") == []


def test_a_recovery_that_the_channel_refuses_holds_up_no_other(stages: Stages, webhook: Webhook) -> None:
    for week in (WEEK, OTHER_WEEK):
        notified_and_recovered(stages, week)
    with webhook.refusing(WEEK):
        daily_check(stages)
    assert webhook.titles() == [f"SQP sync recovered: {OTHER_WEEK}"]
    assert stages.query(OPEN) == [{"kind": "failed", "subject": WEEK}]


def test_a_channel_that_refuses_is_left_alone_after_the_third_time(
    stages: Stages, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    for days in ("04..2026-10-10", "11..2026-10-17", "18..2026-10-24", "25..2026-10-31"):
        notified_and_recovered(stages, f"weekly 2026-10-{days}")
    with webhook.refusing(), caplog.at_level(logging.WARNING):
        daily_check(stages)
    assert caplog.text.count("Alert not sent, connection sqp_alerts did not accept it") == 3


NEW_WEEK = (
    "insert into weekly_summary (period_start, period_end, query, asin)"
    " values (current_date - 9, current_date - 3, 'a', 'B000000001')"
)
STALE, FRESH = "SQP table stale: weekly_summary", "SQP table fresh again: weekly_summary"


def check_weeks(settings: Settings) -> None:
    ti: Any = SimpleNamespace(dag_id="sqp_freshness", run_id="scheduled__1")
    notify_freshness(settings, read_freshness(settings.target, "weekly_summary"), ti)


def test_a_fresh_table_is_told_with_the_next_look(stages: Stages, webhook: Webhook, settings: Settings) -> None:
    check_weeks(settings)
    stages.query(NEW_WEEK)
    with webhook.refusing():
        check_weeks(settings)
    assert stages.query(OPEN) == [{"kind": "stale", "subject": "weekly_summary"}]
    check_weeks(settings)
    check_weeks(settings)
    assert webhook.titles() == [STALE, FRESH]
    assert stages.query(OPEN) == []


def test_a_table_that_recovers_twice_with_the_same_newest_week_is_told_twice(
    stages: Stages, webhook: Webhook, settings: Settings
) -> None:
    for _ in range(2):
        check_weeks(settings)
        stages.query(NEW_WEEK)
        check_weeks(settings)
        stages.query("delete from weekly_summary")
    check_weeks(settings)
    assert webhook.titles() == [STALE, FRESH, STALE, FRESH, STALE]


def test_a_fresh_table_whose_message_an_older_version_left_open_is_closed(
    stages: Stages, webhook: Webhook, settings: Settings
) -> None:
    stages.query(NEW_WEEK)
    stages.query(
        "insert into sent_alert (kind, subject, cause, title) select kind, 'weekly_summary', cause, 't'"
        " from (values ('stale', 'stale'), ('recovered', 'newest period ' || current_date - 9)) as told (kind, cause)"
    )
    check_weeks(settings)
    assert stages.query("select title from sent_alert where resolved_at is null") == []
    stages.query("delete from weekly_summary")
    check_weeks(settings)
    assert webhook.titles() == [STALE]
