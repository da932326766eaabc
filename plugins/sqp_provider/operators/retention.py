"""Delete old runs and rejects, old periods if the settings say so, and keep the tables' statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Context

from sqp_provider.core.errors import TargetUnreachable
from sqp_provider.failures import fails_plainly
from sqp_provider.operators.feed import FeedOperator
from sqp_provider.operators.owner import owner_of

if TYPE_CHECKING:
    from sqp_provider.target.planner import Statistics
    from sqp_provider.target.retention import Retention


class RetentionOperator(FeedOperator):
    """Delete rows that are older than the ``retention`` of the configuration, and return how many of each kind.

    Then analyze the summary tables that have grown: autovacuum analyzes partitions, never the table that they make.
    """

    @fails_plainly
    def execute(self, context: Context) -> dict[str, int]:
        """Delete these rows and log how many."""
        from sqp_provider.hooks.postgres import SqpPostgresHook
        from sqp_provider.target.planner import Statistics
        from sqp_provider.target.retention import Retention
        from sqp_provider.target.schema_state import SchemaState

        postgres = SqpPostgresHook(self.settings.target)
        with postgres.transaction() as database:
            SchemaState(database).claim(owner_of(self.settings))
        retention = Retention(postgres, self.settings.retention)
        deleted = {"periods": 0, "summary_rows": 0}
        for sync_type, first_day, rows in retention.delete_periods():
            self.log.info("%s %s: %s rows deleted, older than summary_weeks", sync_type, first_day, f"{rows:,}")
            deleted["periods"] += 1
            deleted["summary_rows"] += rows
        self.drop_partitions(retention)
        deleted |= retention.delete_log()
        self.log.info("Deleted: %s", ", ".join(f"{count:,} {what}" for what, count in deleted.items()))
        self.refresh_statistics(Statistics(postgres))
        return deleted

    def drop_partitions(self, retention: Retention) -> None:
        """Drop the empty partitions of deleted periods. If the table is being read, they stay until the next run."""
        try:
            for name in retention.drop_partitions():
                self.log.info("Empty partition %s dropped", name)
        except TargetUnreachable as error:
            self.log.warning("An empty partition stays until the next run: %s", error)

    def refresh_statistics(self, statistics: Statistics) -> None:
        """Analyze the tables that have grown. If one is locked, its statistics stay until the next run."""
        try:
            for table in statistics.refresh():
                self.log.info("%s analyzed", table)
        except TargetUnreachable as error:
            self.log.warning("Statistics stay until the next run: %s", error)
