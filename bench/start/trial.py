"""One trial: land weeks, start Airflow, trigger one week after the other, read when what happened."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row

from bench.feeds.metrics import Metrics
from bench.feeds.runs import Runs, StoppedWaiting
from bench.feeds.server import airflow, database, metadata_template
from bench.feeds.source import market
from bench.feeds.trial import DAGS_OF_A_FEED, DAGS_OF_ALL, newest_weeks
from bench.start.parts import Parts, TaskTimes, medians, parts_of
from bench.statements import statement
from bench.target import Server
from dev import emulator
from dev.sample_data.source import SampleSource
from sqp_provider.core.period import SyncType
from tests.e2e.airflow_ui import AirflowUI

EXECUTORS = {"local": {"AIRFLOW__CORE__EXECUTOR": "LocalExecutor"}, "warm": {}, "celery": {}}
"""What is set for each.

``local`` is Airflow's own LocalExecutor, in which each task imports the clients itself; ``warm`` is ``make up``'s,
which imports before it forks. Celery's workers import once too.
"""

DAG = SyncType.WEEKLY.dag_id
DURATION = "sqp.stage.duration"
PARALLELISM = 4
UNTIL_PUBLISHED = ("log_start", "extract", "load", "validate", "publish")


@dataclass(frozen=True)
class Trial:
    """What to measure; the arguments of the command line say what they mean."""

    rows: int
    runs: int
    executor: str
    minutes: float
    say: Callable[[str], None]

    def measured(self) -> dict[str, Any]:
        """Return the medians over all runs but the first, which the schedule starts."""
        weeks, delay_days = newest_weeks(self.runs + 1, datetime.now(UTC).date())
        with ExitStack() as stack:
            client, name = emulator.client(), f"sqp_bench_{uuid4().hex[:8]}"
            client.create_dataset(name)
            stack.callback(client.delete_dataset, name, delete_contents=True)
            source = SampleSource(client, f"{name}.landed")
            source.create()
            landed = source.land_weeks(market(self.rows), weeks[0], len(weeks))
            dsn = Server().dsn
            target = stack.enter_context(database(dsn, name))
            metadata = stack.enter_context(database(dsn, f"{name}_airflow", metadata_template(dsn)))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sqp_bench_")))
            metrics = stack.enter_context(Metrics(wanted=(DURATION,), tagged=True))
            configuration = {
                "source": {
                    "table": source.table,
                    "staging_dataset": name,
                    "columns": {"ingested_at": "ingested_at"},
                },
                "schedule": {"delay_days": {"weekly": delay_days}},
            }
            given = metrics.environment | EXECUTORS[self.executor]
            self.say(f"{self.executor}: starting Airflow")
            executor = "celery" if self.executor == "celery" else "local"
            with airflow(folder, metadata, target, configuration, executor, PARALLELISM, given) as server:
                runs = Runs(server, metadata, [], self.minutes, self.say)
                runs.wait_for_dags(DAGS_OF_A_FEED + DAGS_OF_ALL)
                runs.migrate()
                with AirflowUI(server, DAG) as ui:
                    ui.unpause_and_wait()
                    found = [self._run(ui, metadata, metrics, week) for week in weeks[:-1]]
        return {"rows": landed // len(weeks), "runs": len(found), **medians(found)}

    def _run(self, ui: AirflowUI, metadata: str, metrics: Metrics, week: date) -> dict[str, Parts]:
        metrics.forget()
        run_id = ui.trigger(period_start=str(week))
        (run,) = ui.wait(run_id)
        if run["state"] != "success":
            raise StoppedWaiting(f"the run of {week} is {run['state']}: see {ui.server.home}")
        with psycopg.connect(metadata, row_factory=dict_row) as connection:
            values = {"dag_id": DAG, "run_id": run_id}
            (triggered,) = connection.execute(statement("start", "run"), values).fetchall()
            rows = connection.execute(statement("start", "tasks"), values).fetchall()
        tasks = [TaskTimes(**row) for row in rows if row["task_id"] in UNTIL_PUBLISHED]
        parts = parts_of(triggered["queued_at"], tasks, executed(metrics))
        self.say(f"  {week}: {sum((each.total for each in parts.values()), 0.0):.1f} s until published")
        return parts


def executed(metrics: Metrics) -> dict[str, float]:
    """Return the seconds of each stage: ``{"load": 0.61}`` of ``sqp.stage.duration,stage=load,sync_type=weekly``."""
    found: dict[str, float] = {}
    for name, milliseconds in metrics.values.items():
        tags = dict(tag.split("=", 1) for tag in name.split(",")[1:])
        found[tags["stage"]] = timedelta(milliseconds=sum(milliseconds)).total_seconds()
    return found
