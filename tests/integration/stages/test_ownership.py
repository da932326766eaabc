"""A schema belongs to one Airflow: a second one is refused before it writes, until it takes the schema over."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from sqp_provider.__main__ import main
from sqp_provider.core.errors import SchemaOwned
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.operators.migrate import SchemaMigrateOperator
from sqp_provider.operators.restatements import RestatementCheckOperator
from sqp_provider.operators.retention import RetentionOperator
from sqp_provider.operators.stale_runs import StaleRunsOperator
from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages

FIRST, SECOND = "https://first.example.com", "https://second.example.com"


@pytest.fixture(autouse=True)
def first_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"{FIRST}/")


@pytest.fixture
def owned(stages: Stages, landing: Landing) -> Stages:
    """A week has been synced by the first Airflow; the source has changed since."""
    landing.land(report_row("a"))
    assert stages.sync(WEEK).colour == "success"
    landing.land(report_row("b"))
    return stages


def owner(stages: Stages) -> Any:
    (state,) = stages.query("select airflow from schema_state")
    return state["airflow"]


def test_the_first_airflow_that_syncs_becomes_the_owner(stages: Stages, landing: Landing) -> None:
    assert owner(stages) is None
    landing.land(report_row("a"))
    stages.sync(WEEK)
    assert owner(stages) == FIRST


def test_a_second_airflow_is_refused_and_nothing_is_written(owned: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    before = owned.query("select * from sync_log"), owned.target()
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", SECOND)
    run = owned.sync(WEEK)
    assert isinstance(run.errors["log_start"].__cause__, SchemaOwned)
    assert f"schema sqp belongs to Airflow {FIRST} since " in str(run.errors["log_start"])
    assert f"'sqp take-over --airflow {SECOND} --schema sqp'" in str(run.errors["log_start"])
    assert (owned.query("select * from sync_log"), owned.target()) == before


def test_the_daily_tasks_of_a_second_airflow_are_refused(owned: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", SECOND)
    params = {"sync_types": ["weekly"], "periods": 1, "dry_run": False}
    context: Any = Run("check", params).context("check")
    common: Any = {"task_id": "daily", "settings": owned.settings}
    check = RestatementCheckOperator(sync_type=SyncType.WEEKLY, **common)
    for operator in (check, StaleRunsOperator(**common), RetentionOperator(**common)):
        with pytest.raises(AirflowFailException, match=f"schema sqp belongs to Airflow {FIRST}"):
            operator.execute(context)


def test_a_takeover_while_a_run_works_stops_the_old_owner(owned: Stages, database: str) -> None:
    run = Run("manual__9", {"period_start": str(WEEK)})
    for task in ("log_start", "extract", "load", "validate"):
        assert owned.run_task(run, task)
    before = owned.target()
    assert main(["take-over", "--dsn", database, "--airflow", SECOND]) == 0
    assert not owned.run_task(run, "publish")
    assert isinstance(run.errors["publish"].__cause__, SchemaOwned)
    assert owned.target() == before


def test_the_migration_dag_takes_over(owned: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", SECOND)
    migrate = SchemaMigrateOperator(task_id="migrate", settings=owned.settings)
    with pytest.raises(AirflowFailException, match=f"schema sqp belongs to Airflow {FIRST}"):
        migrate.execute(Run("stay", {"take_over": False}).context("migrate"))
    assert owner(owned) == FIRST
    with pytest.raises(AirflowFailException, match="unknown key 'take_ower', did you mean 'take_over'"):
        migrate.execute(Run("typo", {"take_over": False}, conf={"take_ower": True}).context("migrate"))
    assert migrate.execute(Run("take", {"take_over": True}).context("migrate")) == []
    assert owner(owned) == SECOND
    assert owned.sync(WEEK).colour == "success"
    assert [row["query"] for row in owned.target()] == ["a", "b"]


def test_an_airflow_may_have_a_name_of_its_own(stages: Stages, landing: Landing, settings: Settings) -> None:
    stages.settings = settings.model_copy(update={"airflow": "production/"})
    landing.land(report_row("a"))
    assert stages.sync(WEEK).colour == "success"
    assert owner(stages) == "production"  # as take-over writes it
