"""Which warnings are sent: not those of a few rows, and none twice that are as they were."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, cast

import pytest
from airflow.sdk import Context

from sqp_provider.core.settings import AlertSettings, Settings
from sqp_provider.notifications.alerts import notify_unlogged
from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages
from tests.webhook import Webhook

WEEKS = [WEEK - timedelta(weeks=back) for back in (3, 2, 1, 0)]
WARNED = "SQP sync completed with warnings: weekly {}..{}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"alerts": AlertSettings(conn_id="sqp_alerts")})


def land(landing: Landing, week: date, rows: int, bad: int = 0, **other: Any) -> None:
    landing.land(
        *(report_row(f"q {n}", week=week, **other) for n in range(rows)),
        *(report_row(f"bad {n}", asin="?", week=week) for n in range(bad)),
    )


def warned(*weeks: date) -> list[str]:
    return [WARNED.format(week, week + timedelta(days=6)) for week in weeks]


def test_one_malformed_row_a_week_is_counted_and_nobody_is_notified(
    landing: Landing, stages: Stages, webhook: Webhook
) -> None:
    for week in WEEKS[:2]:
        land(landing, week, rows=1000, bad=1)
        run = stages.sync(week)
        assert stages.log(run)["records_failed"] == 1
    assert webhook.messages == []
    checks = stages.query(
        "select check_status, check_metadata from data_quality_checks where check_type = 'reject_rate'"
    )
    assert [check["check_metadata"]["rejects"] for check in checks] == [1, 1]
    assert {check["check_status"] for check in checks} == {"passed"}


def test_the_same_warning_week_after_week_is_sent_once_until_it_is_another(
    landing: Landing, stages: Stages, webhook: Webhook
) -> None:
    for week in WEEKS[:3]:
        land(landing, week, rows=200, bad=1)
        assert stages.sync(week).colour == "success"
    assert webhook.titles() == warned(WEEKS[0])
    land(landing, WEEKS[3], rows=200, bad=1, total_click_count=None)
    stages.sync(WEEKS[3])
    assert webhook.titles() == warned(WEEKS[0], WEEKS[3])


def test_a_warning_that_comes_back_after_a_clean_week_is_sent(
    landing: Landing, stages: Stages, webhook: Webhook
) -> None:
    for week, bad in zip(WEEKS, (1, 0, 1, 1), strict=True):
        land(landing, week, rows=200, bad=bad)
        stages.sync(week)
    assert webhook.titles() == warned(WEEKS[0], WEEKS[2])


def test_a_warning_that_the_channel_refused_is_sent_with_the_next_week(
    landing: Landing, stages: Stages, webhook: Webhook
) -> None:
    for week in WEEKS[:2]:
        land(landing, week, rows=200, bad=1)
    with webhook.refusing():
        stages.sync(WEEKS[0])
    stages.sync(WEEKS[1])
    assert webhook.titles() == warned(WEEKS[1])


def test_an_attempt_without_checks_does_not_make_a_warning_new(
    landing: Landing, stages: Stages, webhook: Webhook
) -> None:
    land(landing, WEEK, rows=200, bad=1)
    run = stages.sync(WEEK)
    stages.clear(run, "log_finish")
    assert stages.log(run)["sync_metadata"]["outcome"] == "already published"
    stages.sync(WEEK, force=True)
    assert webhook.titles() == warned(WEEK)


def test_a_dag_that_cannot_use_its_log_is_notified_once_for_all_its_runs(stages: Stages, webhook: Webhook) -> None:
    for n in range(3):
        run = Run(f"scheduled__{n}", {"period_start": "2026-11-08"})
        stages.query("alter table sync_log rename to away")
        assert not stages.run_task(run, "log_start")
        stages.query(
            "alter table away rename to sync_log"
        )  # back when the callback comes, so that it can be remembered
        context = cast("dict[str, Any]", run.context("log_start", run.errors["log_start"]))
        notify_unlogged(cast("Context", context | {"task": stages.operator(run, "log_start")}))
    assert webhook.titles() == ["SQP sync failed: sqp_weekly_sync could not use its log"]


def test_a_large_restatement_is_sent_each_time_and_an_arriving_week_is_not(
    landing: Landing, stages: Stages, webhook: Webhook
) -> None:
    land(landing, WEEK, rows=2)
    stages.sync(WEEK)
    landing.land(*(report_row(f"late {n}", week=WEEK) for n in range(20)))
    stages.sync(WEEK)
    assert webhook.messages == []
    for hour in (6, 7):
        landing.land(
            *(
                report_row(f"late {n}", week=WEEK, asin_impression_count=hour, ingested_at=f"2026-11-25T0{hour}:00:00Z")
                for n in range(6)
            )
        )
        stages.sync(WEEK)
    restated = [message for message in webhook.messages if "SQP period restated" in message["title"]]
    assert [message["title"] for message in restated] == ["SQP period restated: weekly 2026-11-08..2026-11-14"] * 2
    assert "week 2026-11-08..2026-11-14 was restated: 6 of 22 rows changed, impressions " in str(restated[0])
    landing.land(report_row("late 0", week=WEEK, asin_impression_count=9, ingested_at="2026-11-26T06:00:00Z"))
    stages.sync(WEEK)
    assert sum("restated" in title for title in webhook.titles()) == 2
