"""A recovery that the channel did not take is told at the next chance, and a failure in between is news."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import Context

from sqp_provider.core.settings import Settings
from sqp_provider.hooks.freshness import read_freshness
from sqp_provider.operators.alerts import tell_freshness
from sqp_provider.operators.stale_runs import StaleRunsOperator
from tests.landing import WEEK as FIRST_DAY
from tests.landing import Landing, report_row
from tests.stages import Stages
from tests.webhook import Webhook

WEEK = "weekly 2026-11-08..2026-11-14"
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


def daily_look(stages: Stages) -> None:
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
        daily_look(stages)
    assert webhook.titles() == [FAILED, RECOVERED]
    assert stages.query(OPEN) == []


@pytest.mark.usefixtures("missed")
def test_a_new_failure_is_told_instead(landing: Landing, stages: Stages, webhook: Webhook) -> None:
    landing.replace(report_row("older", start_date="2026-11-01", end_date="2026-11-07"))
    stages.sync(FIRST_DAY)
    daily_look(stages)
    assert webhook.titles() == [FAILED, FAILED]
    assert stages.query(OPEN) == [{"kind": "failed", "subject": WEEK}]


@pytest.mark.usefixtures("missed")
def test_a_channel_that_stays_away_is_asked_once_a_run(
    stages: Stages, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    with webhook.refusing(), caplog.at_level(logging.WARNING):
        daily_look(stages)
    assert caplog.text.count("Not told, connection sqp_alerts did not take it") == 1
    daily_look(stages)
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


def test_a_fresh_table_is_told_with_the_next_look(stages: Stages, webhook: Webhook, settings: Settings) -> None:
    ti: Any = SimpleNamespace(dag_id="sqp_freshness", run_id="scheduled__1")

    def look() -> None:
        tell_freshness(settings, read_freshness(settings.target, "weekly_summary"), ti)

    look()
    stages.query(
        "insert into weekly_summary (period_start, period_end, query, asin)"
        " values (current_date - 9, current_date - 3, 'a', 'B000000001')"
    )
    with webhook.refusing():
        look()
    assert stages.query(OPEN) == [{"kind": "stale", "subject": "weekly_summary"}]
    look()
    look()
    assert webhook.titles() == ["SQP table stale: weekly_summary", "SQP table fresh again: weekly_summary"]
    assert stages.query(OPEN) == []
