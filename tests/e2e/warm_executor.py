"""Airflow's own LocalExecutor, which imports what every task will before it forks the workers.

A task is a fork of a worker, so what the worker has imported need not be imported again by each of hundreds of tasks.
"""

from airflow.executors.local_executor import LocalExecutor


class WarmLocalExecutor(LocalExecutor):
    """LocalExecutor with a head start."""

    def start(self) -> None:
        """Import, then fork."""
        import airflow.sdk.execution_time.task_runner
        import google.cloud.bigquery_storage_v1
        import pgpq

        import sqp_provider.sync  # noqa: F401

        super().start()
