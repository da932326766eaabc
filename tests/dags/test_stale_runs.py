"""What Airflow itself says of runs that left their row as started."""

from __future__ import annotations

import pytest
import yaml
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from sqlalchemy import delete

from tests.dags.conftest import AirflowRuns
from tests.landing import Landing, report_row


def leave_open(airflow: AirflowRuns, run_id: str) -> None:
    """Change a run's row as if its scheduler had died an hour ago."""
    airflow.stages.query(
        "insert into sync_log (sync_type, sync_status, started_at, source_table, target_table, period_start,"
        " period_end, dag_id, run_id) values ('weekly', 'started', now() - interval '1 hour', 's', 't', '2026-11-01',"
        " '2026-11-07', 'sqp_weekly_sync', %s)",
        run_id,
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (DagRunState.RUNNING, "started"),
        (DagRunState.QUEUED, "started"),
        (DagRunState.FAILED, "failed"),
        (DagRunState.SUCCESS, "failed"),
        (None, "failed"),
    ],
)
def test_only_a_run_that_airflow_is_running_keeps_its_row_open(
    landing: Landing, airflow: AirflowRuns, state: DagRunState | None, expected: str
) -> None:
    landing.land(report_row("q"))
    earlier = airflow.run(period_start="2026-11-08")
    with create_session() as session:
        known = session.get(DagRun, earlier.id)
        assert known is not None
        if state is None:
            # Not by session.delete(): that loads what the run refers to, and warns once the Dag has a second version.
            session.execute(delete(DagRun).where(DagRun.id == earlier.id))
        else:
            known.state = state
    airflow.stages.query("update sync_log set run_id = 'elsewhere'")
    leave_open(airflow, earlier.run_id)

    assert airflow.run(period_start="2026-11-08").state == "success"

    (row,) = airflow.stages.query("select sync_status from sync_log where run_id = %s", earlier.run_id)
    assert row["sync_status"] == expected
    with create_session() as session:  # the metadata database outlives the test
        if known := session.get(DagRun, earlier.id):
            known.state = DagRunState.SUCCESS


def test_a_run_that_airflow_calls_running_for_ever_is_closed_when_its_dag_has_another_name(
    landing: Landing, airflow: AirflowRuns
) -> None:
    """The single feed became a named one while it synced: Airflow starts no further task of the old Dag."""
    landing.land(report_row("q"))
    earlier = airflow.run(period_start="2026-11-08")
    with create_session() as session:
        known = session.get(DagRun, earlier.id)
        assert known is not None
        known.state = DagRunState.RUNNING
    airflow.stages.query("update sync_log set run_id = 'elsewhere'")
    content = yaml.safe_load(airflow.config.read_text()) | {"feeds": {"acme_us": {"target": {"schema": "sqp"}}}}
    airflow.config.write_text(yaml.safe_dump(content))
    found = []
    leave_open(airflow, earlier.run_id)
    for age in ("23 hours", "25 hours"):
        airflow.stages.query(
            "update sync_log set started_at = now() - %s::interval where run_id = %s", age, earlier.run_id
        )
        assert airflow.run("sqp_weekly_sync__acme_us", period_start="2026-11-08").state == "success"
        (row,) = airflow.stages.query("select sync_status from sync_log where run_id = %s", earlier.run_id)
        found.append(row["sync_status"])
    assert found == ["started", "failed"]
    with create_session() as session:  # the metadata database outlives the test
        if known := session.get(DagRun, earlier.id):
            known.state = DagRunState.SUCCESS
