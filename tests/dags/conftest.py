"""The project's Dags in Airflow itself, run by its task runner on the services' metadata database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.models.dagrun import DagRun

from tests.landing import Landing
from tests.stages import Stages

DAGS = Path(__file__).parents[2] / "dags"


@dataclass
class AirflowRuns:
    """Runs of the weekly Dag, and what they left."""

    config: Path
    stages: Stages

    def parse(self) -> DagBag:
        """Parse dags/ with the test's configuration."""
        return DagBag(DAGS)

    def map_columns(self, **columns: str) -> None:
        """Map further columns of the source."""
        content = yaml.safe_load(self.config.read_text())
        content["source"]["columns"] |= columns
        self.config.write_text(yaml.safe_dump(content))

    def run(self, dag_id: str = "sqp_weekly_sync", *, due: datetime | None = None, **conf: Any) -> DagRun:
        """Run a Dag to its end; ``due`` gives it a logical date, as a scheduled run has."""
        bag = self.parse()
        assert bag.import_errors == {}
        more = {"logical_date": due} if due else {}
        run: DagRun = bag.dags[dag_id].test(run_after=datetime.now(UTC), run_conf=conf, **more)
        return run

    def states(self, run: DagRun) -> dict[str, str | None]:
        """The states of the run's tasks."""
        return {ti.task_id: ti.state for ti in run.get_task_instances()}

    def log(self, run: DagRun) -> dict[str, Any]:
        """The run's row of sync_log."""
        (row,) = self.stages.query("select * from sync_log where run_id = %s", run.run_id)
        return row


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, Any]], Path]:
    """Write a configuration file and name it in SQP_CONFIG."""

    def write(content: Mapping[str, Any]) -> Path:
        path = tmp_path / "sqp_config.yaml"
        path.write_text(yaml.safe_dump(dict(content)))
        monkeypatch.setenv("SQP_CONFIG", str(path))
        return path

    return write


@pytest.fixture
def airflow(
    landing: Landing,
    dataset: str,
    stages: Stages,
    configure: Callable[[Mapping[str, Any]], Path],
) -> AirflowRuns:
    """The Dags, configured for one test's source and target."""
    source = {
        "table": landing.table,
        "staging_dataset": dataset,
        "retry_seconds": 1,
        "columns": {"ingested_at": "ingested_at"},
    }
    config = configure({"source": source, "schedule": {"retries": 1, "retry_delay_seconds": 0}})
    return AirflowRuns(config, stages)
