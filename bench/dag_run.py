"""Measure the wall time of a whole Dag run, with Airflow's task runner and the services' metadata database."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import yaml

from sqp_provider.core.settings import Settings
from tests.fixtures import connection_to

DAGS = Path(__file__).parents[1] / "dags"


def prepare(dsn: str, settings: Settings, warm_up: date, week: date) -> Callable[[], None]:
    """Return the step after a run of an unchanged week, so that imports and caches are not measured."""
    config = Path(tempfile.mkdtemp()) / "sqp_config.yaml"
    config.write_text(
        yaml.safe_dump({"source": settings.source.model_dump(include={"table", "staging_dataset", "columns"})})
    )
    os.environ |= {"AIRFLOW_CONN_SQP_POSTGRES": connection_to(dsn), "SQP_CONFIG": str(config)}
    from airflow.dag_processing.dagbag import DagBag  # reads SQP_CONFIG through the Dags

    dag = DagBag(DAGS).dags["sqp_weekly_sync"]

    def run(first_day: date) -> None:
        finished = dag.test(run_after=datetime.now(UTC), run_conf={"period_start": str(first_day)})
        if finished.state != "success":
            raise RuntimeError(f"the Dag run of {first_day} is {finished.state}; see build/bench.log")

    run(warm_up)
    return lambda: run(week)
