"""Check that the schema belongs to this Airflow. Two would undo each other's syncs and close each other's runs."""

from __future__ import annotations

from datetime import datetime

from sqp_provider.core.errors import SchemaOwned


def refuse_other_airflow(schema: str, airflow: str, owner: str, since: datetime) -> None:
    """Stop a task of an Airflow that does not own the schema.

    ``refuse_other_airflow("sqp", "https://airflow.example.com", "https://airflow.example.com", since)`` passes.

    :raises SchemaOwned: names the owner, and how to take the schema over.
    """
    if airflow == owner:
        return
    raise SchemaOwned(
        f"schema {schema} belongs to Airflow {owner} since {since:%Y-%m-%d}, but this is {airflow}. "
        "The target is unchanged. Pause this Airflow's sqp Dags, or name another target.schema in sqp_config.yaml. "
        f"To move the schema here, pause them there, run 'sqp take-over --airflow {airflow}' (or trigger the Dag "
        "sqp_migrate with take_over), and clear the failed task."
    )
