"""The Dag sqp_prove in Airflow's task runner, and what its task writes into its log."""

from __future__ import annotations

import pytest

from sqp_provider.core.errors import InvalidPeriod
from sqp_provider.core.period import SyncType
from sqp_provider.core.proof import Asked
from sqp_provider.failures import ExplainedFailure
from sqp_provider.operators.prove import ProveOperator
from tests.dags.conftest import AirflowRuns
from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages


def test_it_is_green_where_the_week_equals_the_source_and_red_where_it_does_not(
    landing: Landing, stages: Stages, airflow: AirflowRuns
) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    run = airflow.run("sqp_prove", period_start="2026-11-08", query="q")
    assert airflow.states(run) == {"prove": "success"}
    (ti,) = run.get_task_instances()
    assert ti.xcom_pull(task_ids="prove") == {
        "verdict": "equal",
        "answer": "weekly 2026-11-08..2026-11-14 equals the source: 1 row on both sides, the same hash",
    }
    stages.query("update weekly_summary set total_clicks = 51")
    assert airflow.states(airflow.run("sqp_prove", period_start="2026-11-08")) == {"prove": "failed"}


def test_its_log_has_the_report_and_its_error_the_answer(
    stages: Stages, landing: Landing, capsys: pytest.CaptureFixture[str]
) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    stages.query("update weekly_summary set total_clicks = 51")
    operator = ProveOperator(task_id="prove", settings=stages.settings)
    context = Run("manual__1", {"sync_type": "weekly", "period_start": "2026-11-08"}).context("prove")
    with pytest.raises(
        ExplainedFailure, match=r"differs from the source: 1 row \(1 at the source, 1 in Postgres\)\. Some"
    ):
        operator.execute(context)
    assert "  q, B00TEST001               total_clicks: source 50, Postgres 51" in capsys.readouterr().out


def test_what_cannot_be_proved_fails_with_its_reason(stages: Stages) -> None:
    operator = ProveOperator(task_id="prove", settings=stages.settings)
    context = Run("manual__1", {"sync_type": "weekly", "period_start": "2026-11-09"}).context("prove")
    with pytest.raises(ExplainedFailure, match=r"2026-11-09 \(Monday\) is not the first day of a weekly period"):
        operator.execute(context)


def test_an_empty_form_asks_for_the_newest_week_that_is_due_and_a_wrong_day_is_refused(stages: Stages) -> None:
    operator = ProveOperator(task_id="prove", settings=stages.settings)
    asked = operator.asked({"query": "", "asin": None})
    assert asked == Asked(SyncType.WEEKLY, asked.first_day)
    assert asked.first_day.isoweekday() == 7
    with pytest.raises(InvalidPeriod, match="period_start '8 November' is no date"):
        operator.asked({"sync_type": "monthly", "period_start": "8 November"})
