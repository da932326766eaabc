"""The Dag sqp_doctor in Airflow's task runner, and what its task writes into its log."""

from __future__ import annotations

import pytest
import yaml

from sqp_provider.failures import ExplainedFailure
from sqp_provider.operators.doctor import DoctorOperator
from tests.dags.conftest import AirflowRuns
from tests.fixtures import settings_for
from tests.landing import COLUMNS, Landing, report_row
from tests.stages import Run, Stages


def test_it_is_green_unless_a_check_fails(landing: Landing, airflow: AirflowRuns) -> None:
    landing.land(report_row("q"))
    run = airflow.run("sqp_doctor", price_per_tib=6.25)
    assert airflow.states(run) == {"doctor": "success"}
    (ti,) = run.get_task_instances()
    assert ti.xcom_pull(task_ids="doctor") == {"good": 29, "warning": 1, "failed": 0, "skipped": 0}

    content = yaml.safe_load(airflow.config.read_text())
    content["source"]["table"] = "nowhere.report"
    airflow.config.write_text(yaml.safe_dump(content))
    assert airflow.states(airflow.run("sqp_doctor")) == {"doctor": "failed"}


def test_its_log_has_the_table_and_its_error_names_what_failed(
    stages: Stages, landing: Landing, dataset: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = DoctorOperator(task_id="doctor", settings=settings_for("nowhere.report", dataset))
    context = Run("manual__1", {"price_per_tib": 6.25}).context("doctor")
    with pytest.raises(ExplainedFailure, match=r"1 of 30 checks failed: source table\. See the log\."):
        operator.execute(context)
    said = capsys.readouterr().out
    assert "  FAIL  source table" in said
    assert "  ok    Postgres reached" in said
    assert "30 checks: 19 good, 1 with a warning, 1 failed, 9 not checked. Nothing was changed." in said


def test_each_feed_has_a_task_and_a_table_of_its_own_and_one_that_fails_fails_alone(
    landing: Landing, dataset: str, airflow: AirflowRuns
) -> None:
    landing.create(COLUMNS | {"shop": "STRING"})
    landing.land(report_row("q") | {"shop": "US"})
    content = yaml.safe_load(airflow.config.read_text())
    content["source"]["same_feed"] = ["shop"]
    content["feeds"] = {
        "acme_de": {"source": {"where": {"shop": "DE"}}},
        "acme_us": {"source": {"where": {"shop": "US"}}},
        "lost": {"source": {"table": "nowhere.report"}},
    }
    airflow.config.write_text(yaml.safe_dump(content))
    run = airflow.run("sqp_doctor")
    states = {ti.rendered_map_index: ti for ti in run.get_task_instances()}
    assert {name: ti.state for name, ti in states.items()} == {
        "acme_us": "success",
        "acme_de": "success",
        "lost": "failed",
    }
    found = states["acme_us"].xcom_pull(task_ids="doctor", map_indexes=1)
    assert sum(found.values()) == 32  # two more than of a single feed

    chosen = airflow.run("sqp_doctor", feeds=["acme_de"])
    assert {ti.map_index: ti.state for ti in chosen.get_task_instances()} == {0: "success", 1: "skipped", 2: "skipped"}
