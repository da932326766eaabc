"""The days that the settings allow: the daily task writes them, and the functions, the sensor and the Dag obey."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.operators.stale_runs import StaleRunsOperator
from sqp_provider.sensors.freshness import SqpFreshnessSensor
from tests.landing import Landing, report_row
from tests.stages import Run, Stages


@pytest.fixture
def week_old(stages: Stages, landing: Landing) -> Stages:
    """The newest week that is over was synced; it is at most six days old."""
    week = Period.latest_before(SyncType.WEEKLY, date.today()).with_previous(2)[1]
    landing.land(report_row("a", week=week.first_day))
    assert stages.sync(week.first_day).colour == "success"
    return stages


def allow(stages: Stages, **days: int) -> None:
    """Let the daily task run with other settings."""
    content = stages.settings.model_dump(by_alias=True) | {"freshness": {"days_allowed": days}}
    settings = Settings.checked(content, origin="test")
    StaleRunsOperator(task_id="close_stale_runs", settings=settings).execute(Run("d", {}).context("close_stale_runs"))


def check(stages: Stages) -> Any:
    context: Any = {}
    return SqpFreshnessSensor(task_id="weekly", table_name="weekly_summary", when_stale="fail").execute(context)


def test_a_week_is_stale_when_the_settings_say_so(week_old: Stages) -> None:
    allow(week_old, weekly=21)
    (fresh, *_) = week_old.query("select is_stale, days_allowed from table_freshness()")
    assert fresh == {"is_stale": False, "days_allowed": 21}
    assert date.fromisoformat(check(week_old)["period_end"]) < date.today() - timedelta(days=6)
    allow(week_old, weekly=6)
    assert week_old.query("select is_stale from check_data_freshness()")[0] == {"is_stale": True}
    with pytest.raises(AirflowFailException, match=r"weekly_summary is stale: .* \(6 days are allowed\)"):
        check(week_old)


def test_types_that_the_settings_do_not_name_keep_their_days(stages: Stages) -> None:
    allow(stages, monthly=40)
    allowed = stages.query("select days_allowed from period_type order by step")
    assert [row["days_allowed"] for row in allowed] == [14, 40, 135]


def test_the_daily_task_tells_the_triggers_how_many_changes_are_kept(stages: Stages) -> None:
    for rows, kept in ((0, 0), (5, 5), (10**12, 2**31 - 1)):
        target = stages.settings.target.model_copy(update={"keep_changes_rows": rows})
        settings = stages.settings.model_copy(update={"target": target})
        task = StaleRunsOperator(task_id="close_stale_runs", settings=settings)
        task.execute(Run("d", {}).context("close_stale_runs"))
        assert stages.query("select distinct kept_changes as kept from period_type") == [{"kept": kept}]
