"""Parse one Dag file as Airflow does: by its own code, in a process that has imported Airflow and nothing of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.child import in_child

DAGS = Path(__file__).parents[2] / "dags"
BUNDLE = "dags-folder"
PRELOADED = ("airflow.dag_processing.processor", "airflow.sdk.execution_time.task_runner", "bench.parsing.steps")
"""What the Dag processor, or the supervisor of a task, has imported before it starts a process."""


@dataclass(frozen=True)
class Parsed:
    """What one parse took and made."""

    file: str
    dags: int
    seconds: float
    peak_bytes: int
    """Of the process, with what it has imported."""
    serialized_bytes: int = 0
    largest_bytes: int = 0
    """The largest serialized Dag."""


def by_dag_processor(file: Path, config: Path) -> Parsed:
    """Parse a file and serialize its Dags."""
    found = in_child(_processor, file, config)
    sizes: list[int] = found.result
    peak = found.idle_bytes + found.memory_bytes
    return Parsed(file.name, len(sizes), found.seconds, peak, sum(sizes), max(sizes, default=0))


def by_task(file: Path, config: Path, dag_id: str) -> Parsed:
    """Parse a file as a task of one of its Dags does before it runs."""
    found = in_child(_task, file, config, dag_id)
    dag_ids: list[str] = found.result
    if dag_ids != [dag_id]:
        raise RuntimeError(f"{file.name}: a task of {dag_id} found {', '.join(dag_ids) or 'no Dag'} instead of its own")
    return Parsed(file.name, 1, found.seconds, found.idle_bytes + found.memory_bytes)


def _processor(file: Path, config: Path) -> Callable[[], list[int]]:
    import structlog
    from airflow.dag_processing import processor

    os.environ["SQP_CONFIG"] = str(config)
    log = structlog.get_logger()
    request = processor.DagFileParseRequest(
        file=str(file), bundle_path=DAGS, bundle_name=BUNDLE, callback_requests=[], type="DagFileParseRequest"
    )
    processor._pre_import_airflow_modules(str(file), log)

    def step() -> list[int]:
        result = processor._parse_file(request, log)
        if result is None or result.import_errors:
            raise RuntimeError(f"{file.name} cannot be parsed: {result and result.import_errors}")
        result.model_dump_json()  # as it goes to the processor's own process
        return [len(json.dumps(dag.data)) for dag in result.serialized_dags]

    return step


def _task(file: Path, config: Path, dag_id: str) -> Callable[[], list[str]]:
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

    os.environ["SQP_CONFIG"] = str(config)

    def step() -> list[str]:
        with _airflow_parsing_context_manager(dag_id=dag_id, task_id="load"):
            bag = BundleDagBag(
                dag_folder=str(file), safe_mode=False, load_op_links=False, bundle_path=DAGS, bundle_name=BUNDLE
            )
        return list(bag.dags)

    return step
