"""Dag runs in Airflow's metadata database, as the scheduler leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import delete, insert

STARTED = datetime(2026, 11, 18, 6, tzinfo=UTC)


def let_airflow_have(dag_id: str, run_id: str, seconds: Mapping[str, float] | None = None) -> None:
    """Put a run into Airflow's metadata, with tasks that took so long."""
    with create_session() as session:
        session.execute(delete(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id))
        session.execute(delete(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        # The model refuses run ids with a slash; older versions of Airflow did not.
        run = {"dag_id": dag_id, "run_id": run_id, "run_type": "manual", "_state": "success", "run_after": STARTED}
        session.execute(insert(DagRun).values(**run))
        for number, (task_id, took) in enumerate((seconds or {}).items()):
            times = {"start_date": STARTED, "end_date": STARTED + timedelta(seconds=took), "duration": took}
            session.execute(
                insert(TaskInstance).values(
                    id=f"019a0000-0000-7000-8000-{number:012}",
                    task_id=task_id,
                    dag_id=dag_id,
                    run_id=run_id,
                    map_index=-1,
                    pool="default_pool",
                    pool_slots=1,
                    try_number=1,
                    max_tries=0,
                    **times,
                )
            )
