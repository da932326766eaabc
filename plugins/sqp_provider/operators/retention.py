"""Deletes old runs, rejects and, where that is wanted, old periods."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context

from sqp_provider.core.errors import TargetUnreachable
from sqp_provider.core.settings import Settings
from sqp_provider.failures import fails_plainly
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.operators.airflow_name import airflow_name
from sqp_provider.target.retention import Retention
from sqp_provider.target.schema_state import SchemaState


class RetentionOperator(BaseOperator):
    """Delete what is older than ``retention`` in the configuration keeps, and return how many rows of each went.

    :param settings: the checked configuration file.
    """

    def __init__(self, *, settings: Settings, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = settings

    @fails_plainly
    def execute(self, context: Context) -> dict[str, int]:
        """Delete them, and say what went."""
        postgres = SqpPostgresHook(self.settings.target)
        with postgres.transaction() as database:
            SchemaState(database).claim(airflow_name(self.settings))
        retention = Retention(postgres, self.settings.retention)
        deleted = {"periods": 0, "summary_rows": 0}
        for sync_type, first_day, rows in retention.delete_periods():
            self.log.info("%s %s: %s rows deleted, older than summary_weeks", sync_type, first_day, f"{rows:,}")
            deleted["periods"] += 1
            deleted["summary_rows"] += rows
        self.drop_partitions(retention)
        deleted |= retention.delete_log()
        self.log.info("Deleted: %s", ", ".join(f"{count:,} {what}" for what, count in deleted.items()))
        return deleted

    def drop_partitions(self, retention: Retention) -> None:
        """Drop what deleted periods left; a table that is read for long keeps it until tomorrow."""
        try:
            for name in retention.drop_partitions():
                self.log.info("Empty partition %s dropped", name)
        except TargetUnreachable as error:
            self.log.warning("An empty partition stays until the next run: %s", error)
