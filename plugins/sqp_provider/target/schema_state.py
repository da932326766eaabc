"""The Airflow and the feed that own the schema, and what the settings say of each period type."""

from __future__ import annotations

from dataclasses import dataclass

from sqp_provider.core.ownership import Owner, refuse_other_owner
from sqp_provider.core.settings import Settings
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

    def write_settings(self, settings: Settings) -> None:
        """Write what the settings say of each period type, so that the SQL functions use it."""
        for values in settings.of_period_types():
            self.database.run("schema_state", "write_settings", values)
