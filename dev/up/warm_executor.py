"""Airflow's own LocalExecutor, which imports what every task will before it forks the workers.

A task is a fork of a worker, so what the worker has imported need not be imported again by each of hundreds of tasks.
Nothing else is different from what a person runs.
"""

from importlib import import_module

from airflow.executors.local_executor import LocalExecutor

NEEDED = (
    "airflow.sdk.execution_time.task_runner",
    "google.cloud.bigquery_storage_v1",
    "pgpq",
    "sqp_provider.sync",
)


class WarmLocalExecutor(LocalExecutor):
    """LocalExecutor with a head start."""

    def start(self) -> None:
        """Import, then fork."""
        for module in NEEDED:
            import_module(module)
        super().start()
