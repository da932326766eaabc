"""What Airflow itself knows of a run: whether it is still there, and how long its tasks took."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskTime:
    """When a task's last try started, and how long it took; None while it has not."""

    started_at: datetime | None
    seconds: float | None


@dataclass(frozen=True)
class AirflowRun:
    """A Dag run in Airflow's metadata database; ``times`` are those of its tasks."""

    is_deleted: bool
    times: dict[str, TaskTime] = field(default_factory=dict)


def airflow_run(dag_id: str | None, run_id: str | None) -> AirflowRun | None:
    """Ask Airflow's metadata database, which the API server is connected to. None: nobody knows.

    The page is there without the answer, so that a failure is logged and hidden.
    """
    if not (dag_id and run_id):
        return None
    try:
        with create_session() as session:
            own = select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
            if session.scalar(own) is None:
                return AirflowRun(is_deleted=True)
            columns = (TaskInstance.task_id, TaskInstance.start_date, TaskInstance.duration)
            found = session.execute(
                select(*columns).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
            ).all()
            return AirflowRun(False, {task: TaskTime(started, seconds) for task, started, seconds in found})
    except SQLAlchemyError:
        log.warning("Airflow did not say whether run %s of %s is there.", run_id, dag_id, exc_info=True)
        return None
