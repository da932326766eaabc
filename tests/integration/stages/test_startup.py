"""What is missing or does not fit when a stage begins: refused before anything is written, with what to set."""

from __future__ import annotations

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException

from sqp_provider.core.errors import SchemaMismatch, TargetUnusable
from sqp_provider.core.run import STAGES
from sqp_provider.sql_files import newest_revision
from tests.fixtures import connection_to
from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages

OTHER_REVISIONS = [
    ("0001", f"schema sqp is at version 0001 .* needs {newest_revision()}.* Run the Dag sqp_migrate"),
    ("9999", f"schema sqp is at version 9999 .* knows up to {newest_revision()}.* Update the provider"),
]


def set_revision(stages: Stages, revision: str) -> None:
    with psycopg.connect(stages.dsn) as connection:
        connection.execute("update sqp.alembic_version set version_num = %s", [revision])


@pytest.mark.parametrize(("revision", "says"), OTHER_REVISIONS)
def test_a_run_on_a_schema_of_another_revision_writes_nothing(
    landing: Landing, stages: Stages, revision: str, says: str
) -> None:
    landing.land(report_row("q"))
    set_revision(stages, revision)
    run = stages.sync(WEEK)
    with pytest.raises(AirflowFailException, match=says):  # at once: no retry can heal it
        raise run.errors["log_start"]
    assert isinstance(run.errors["log_start"].__cause__, SchemaMismatch)
    assert written(stages) == {"sync_log": 0, "weekly_summary": 0, "synced_period": 0}


def test_each_stage_refuses_on_a_worker_that_is_outdated_and_goes_on_on_one_that_is_not(
    landing: Landing, stages: Stages
) -> None:
    landing.land(report_row("q"))
    run = Run("manual__1", {"period_start": str(WEEK)})
    for task in ("log_start", *STAGES):
        before = written(stages)
        set_revision(stages, "9999")
        assert not stages.run_task(run, task)
        assert isinstance(run.errors[task].__cause__, SchemaMismatch)
        set_revision(stages, newest_revision())
        assert written(stages) == before
        assert stages.run_task(run, task)
    assert written(stages) == {"sync_log": 1, "weekly_summary": 1, "synced_period": 3}  # with its month and quarter


def test_a_database_without_the_schema_is_to_be_migrated(
    stages: Stages, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(empty_database))
    run = stages.sync(WEEK)
    assert isinstance(run.errors["log_start"].__cause__, TargetUnusable)
    assert "sqp.alembic_version" in str(run.errors["log_start"])
    assert "Run the Dag sqp_migrate (or 'sqp migrate')." in str(run.errors["log_start"])


def test_a_worker_without_the_connection_to_postgres_says_what_to_set(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SQP_POSTGRES")
    run = stages.sync(WEEK)
    assert isinstance(run.errors["log_start"], AirflowFailException)
    assert str(run.errors["log_start"]) == (
        "The conn_id `sqp_postgres` isn't defined. The target is unchanged. Create the connection in Airflow, or as "
        "AIRFLOW_CONN_<ITS NAME> in the worker's environment, or correct conn_id in sqp_config.yaml."
    )
    assert written(stages)["sync_log"] == 0


def test_a_worker_without_the_connection_to_bigquery_leaves_a_row_that_says_what_to_set(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SQP_BIGQUERY")
    details = stages.log(stages.sync(WEEK))["error_details"]
    assert (details["stage"], details["type"]) == ("extract", "ConnectionMissing")
    assert details["message"].startswith("The conn_id `sqp_bigquery` isn't defined. The target is unchanged. Create")


def written(stages: Stages) -> dict[str, int]:
    """How many rows the tables have that a sync writes to."""
    tables = ("sync_log", "weekly_summary", "synced_period")
    return {table: stages.query(f"select count(*) as rows from {table}")[0]["rows"] for table in tables}
