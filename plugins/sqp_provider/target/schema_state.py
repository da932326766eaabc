"""The Airflow that owns the schema, and the days that the settings give each period type."""

from __future__ import annotations

from dataclasses import dataclass

from sqp_provider.core.ownership import refuse_other_airflow
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import FreshnessSettings, ScheduleSettings
from sqp_provider.hooks.postgres import Database


@dataclass(frozen=True)
class SchemaState:
    """``schema_state`` and ``period_type`` inside one transaction."""

    database: Database

    def claim(self, airflow: str) -> None:
        """Make this Airflow the owner of a schema that has none yet.

        :param airflow: the name of this Airflow, ``https://airflow.example.com``.
        :raises SchemaOwned: another Airflow is the owner; the message says which, and how to take the schema over.
        """
        owner = self.database.one("schema_state", "owner")
        if owner["airflow"] is None:
            self.database.run("schema_state", "claim", {"airflow": airflow})
            owner = self.database.one("schema_state", "owner")
        refuse_other_airflow(self.database.settings.schema_name, airflow, owner["airflow"], owner["airflow_since"])

    def take_over(self, airflow: str) -> None:
        """Make this Airflow the owner, in place of another."""
        self.database.run("schema_state", "take_over", {"airflow": airflow})

    def write_days(self, schedule: ScheduleSettings, freshness: FreshnessSettings) -> None:
        """Write delays and allowed ages, so that the SQL functions use the settings."""
        for sync_type in SyncType:
            days = {"delay_days": schedule.delay(sync_type).days, "days_allowed": freshness.allowed(sync_type)}
            self.database.run("schema_state", "write_days", {"sync_type": sync_type.value} | days)
