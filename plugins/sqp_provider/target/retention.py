"""Delete rows that are older than the settings allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqp_provider.core.settings import RetentionSettings
from sqp_provider.hooks.postgres import SqpPostgresHook


@dataclass(frozen=True)
class Retention:
    """The log and the summaries of one schema. Each period and each partition is deleted in its own transaction."""

    postgres: SqpPostgresHook
    settings: RetentionSettings

    def delete_log(self) -> dict[str, int]:
        """Delete rejects, runs with their checks, sent alerts, what checks found at the source, and old changes.

        :return: how many rows of each kind,
            ``{"rejects": 13, "runs": 2, "alerts": 0, "source_periods": 1, "changes": 120}``.
        """
        log, rejects = timedelta(weeks=self.settings.log_weeks), timedelta(weeks=self.settings.rejects_weeks)
        changes = timedelta(days=self.settings.changes_days)
        with self.postgres.transaction() as database:
            return {
                "rejects": database.run("retention", "delete_rejects", {"keep": rejects}),
                "runs": database.one("retention", "delete_runs", {"keep": log})["deleted"],
                "alerts": database.run("retention", "delete_alerts", {"keep": log}),
                "source_periods": database.run("retention", "delete_seen", {"keep": log}),
                "changes": database.one("retention", "delete_changes", {"keep": changes})["deleted"],
            }

    def delete_periods(self) -> Iterator[tuple[str, date, int]]:
        """Delete the periods that are older than ``summary_weeks``, and yield each with its number of rows."""
        if self.settings.summary_weeks is None:
            return
        keep = {"keep": timedelta(weeks=self.settings.summary_weeks)}
        with self.postgres.transaction() as database:
            old = database.connection.execute(database.statement("retention", "old_periods"), keep).fetchall()
        for period in old:
            with self.postgres.transaction() as database:
                database.wait_patiently()
                deleted = database.one("retention", "delete_period", period)["deleted"]
            yield period["sync_type"], period["period_start"], deleted

    def drop_partitions(self) -> Iterator[str]:
        """Drop the empty partitions of deleted periods, and yield their names. One that is in use again stays.

        :raises TargetBusy: somebody reads the table, and would have to wait. The partition stays
            until the next call.
        """
        with self.postgres.transaction() as database:
            left = database.connection.execute(database.statement("retention", "deleted_partitions")).fetchall()
        for partition in left:
            with self.postgres.transaction() as database:
                database.wait_a_moment()
                dropped = database.one("retention", "drop_partition", partition)["dropped"]
            if dropped:
                yield partition["partition_name"]
