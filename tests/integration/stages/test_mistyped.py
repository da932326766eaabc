"""A mistyped trigger: its run is red and says why, and nothing else is made of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sqp_provider.core.errors import InvalidPeriod, InvalidTrigger
from sqp_provider.core.settings import Settings
from sqp_provider.notifications.alerts import notify_unlogged
from tests.landing import WEEK, Landing, report_row
from tests.stages import NO_OPTIONS, Run, Stages
from tests.webhook import Webhook

MISTAKES = {
    "an unknown key": (
        Run("typo", NO_OPTIONS, conf={"period_strt": "2026-11-01"}),
        InvalidTrigger,
        "the conf has the unknown key 'period_strt', did you mean 'period_start'?",
    ),
    "a backfill of one period": (
        Run("backfill__1", NO_OPTIONS | {"period_start": "2026-11-01"}, run_type="backfill"),
        InvalidTrigger,
        "a backfill with period_start 2026-11-01 would sync that one period in each of its runs.",
    ),
    "a period that has not ended": (
        Run("early", NO_OPTIONS | {"period_start": "2026-11-22"}),
        InvalidPeriod,
        "weekly 2026-11-22..2026-11-28 has not ended: it ends on 2026-11-28 and may be synced from 2026-11-29 on. "
        "Its figures are expected on 2026-12-03.",
    ),
    "a Monday": (
        Run("monday", NO_OPTIONS | {"period_start": "2026-11-09"}),
        InvalidPeriod,
        "Run again with period_start 2026-11-08.",
    ),
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The settings with alerts on."""
    return Settings.checked(settings.model_dump(by_alias=True) | {"alerts": {"conn_id": "sqp_alerts"}}, origin="test")


@pytest.fixture
def today(stages: Stages) -> None:
    stages.today = date(2026, 11, 28)


@pytest.mark.usefixtures("today")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistyped_trigger_is_red_and_leaves_the_healthy_table_as_it_is(
    mistake: str, landing: Landing, stages: Stages, webhook: Webhook
) -> None:
    run, kind, said = MISTAKES[mistake]
    landing.land(report_row("q"))
    stages.sync(WEEK)
    healthy = "select * from table_freshness()", "select * from get_latest_sync_status()", "select * from period_status"
    before = [stages.query(statement) for statement in healthy]

    stages.clear(run, "log_start")

    assert run.colour == "failed"
    assert isinstance(run.errors["log_start"].__cause__, kind)
    assert said in str(run.errors["log_start"])
    log = stages.log(run)
    assert (log["sync_status"], log["period_start"], log["error_details"]["type"]) == ("failed", None, kind.__name__)
    assert log["error_message"] == str(run.errors["log_start"])
    assert [stages.query(statement) for statement in healthy] == before
    context: Any = run.context("log_start", run.errors["log_start"])
    notify_unlogged(context | {"task": stages.operator(run, "log_start")})
    assert webhook.messages == []


@pytest.mark.parametrize(("today", "colour"), [(date(2026, 11, 14), "failed"), (date(2026, 11, 15), "success")])
def test_a_week_may_be_synced_on_the_day_after_its_last(
    today: date, colour: str, landing: Landing, stages: Stages
) -> None:
    landing.land(report_row("q"))
    stages.today = today
    assert stages.sync(WEEK).colour == colour


def test_a_run_that_was_too_early_is_cleared_when_its_week_has_ended(landing: Landing, stages: Stages) -> None:
    landing.land(report_row("q"))
    stages.today = date(2026, 11, 12)
    early = stages.sync(WEEK)
    assert stages.query("select * from period_status") == []
    stages.today = date(2026, 11, 15)
    assert stages.sync(run=early).colour == "success"
    assert (stages.log(early)["period_start"], stages.log(early)["attempt"]) == (WEEK, 2)
