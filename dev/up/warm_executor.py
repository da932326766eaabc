"""Airflow's own LocalExecutor, which imports the modules of every task before it forks the workers.

A task is a fork of a worker. So each of hundreds of tasks need not import the modules again. Nothing else differs from
the executor that a person runs.
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
