"""Airflow's own LocalExecutor, which imports what the tasks need before it forks the workers.

A task is a fork of a worker. So each of hundreds of tasks need not import its clients again, for seconds each. Nothing
else differs from the executor that a person runs.
"""

from importlib import import_module

from airflow.executors.local_executor import LocalExecutor

NEEDED = (
    "airflow.sdk.execution_time.task_runner",
    "sqp_provider.hooks.alert_channel",
    "sqp_provider.migrations",
    "sqp_provider.source.snapshot_reader",
    "sqp_provider.source.table",
    "sqp_provider.sync",
    "sqp_provider.target.encoding",
    "sqp_provider.triggers.bigquery_job",
)


class WarmLocalExecutor(LocalExecutor):
    """LocalExecutor with a head start."""

    def start(self) -> None:
        """Import, then fork."""
        for module in NEEDED:
            import_module(module)
        super().start()
