"""The Airflow and the feed that own the schema, and the days that the settings give each period type."""

from __future__ import annotations

from dataclasses import dataclass

from sqp_provider.core.ownership import Owner, refuse_other_owner
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import FreshnessSettings, ScheduleSettings
from sqp_provider.hooks.postgres import Database


@dataclass(frozen=True)
class SchemaState:
    """``schema_state`` and ``period_type`` inside one transaction."""

    database: Database

    def claim(self, asking: Owner) -> None:
        """Make this Airflow and feed the owner of a schema that has none yet.

        :param asking: who is about to write.
        :raises SchemaOwned: another one is the owner; the message says which, and how to take the schema over.
        """
        found = self.database.one("schema_state", "owner")
        if found["airflow"] is None or (found["feed"] is None and asking.feed is not None):
            self.database.run("schema_state", "claim", {"airflow": asking.airflow, "feed": asking.feed})
            found = self.database.one("schema_state", "owner")
        owner = Owner(found["airflow"], found["feed"])
        refuse_other_owner(self.database.settings.schema_name, asking, owner, found["airflow_since"])

    def take_over(self, owner: Owner) -> None:
        """Make this Airflow and feed the owner, in place of another."""
        self.database.run("schema_state", "take_over", {"airflow": owner.airflow, "feed": owner.feed})

    def write_days(self, schedule: ScheduleSettings, freshness: FreshnessSettings) -> None:
        """Write delays and allowed ages, so that the SQL functions use the settings."""
        for sync_type in SyncType:
            days = {"delay_days": schedule.delay(sync_type).days, "days_allowed": freshness.allowed(sync_type)}
            self.database.run("schema_state", "write_days", {"sync_type": sync_type.value} | days)

    def write_kept_changes(self, rows: int) -> None:
        """Write how many rows one statement may change for its changes to be kept: the triggers read it."""
        self.database.run("schema_state", "write_kept_changes", {"rows": rows})
