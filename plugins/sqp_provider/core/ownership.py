"""Check that a schema belongs to this Airflow and feed. Two would undo each other's syncs and close their runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqp_provider.core.errors import SchemaOwned


@dataclass(frozen=True)
class Owner:
    """Who syncs into a schema.

    :param airflow: the name of an Airflow, ``https://airflow.example.com``.
    :param feed: one of its feeds, or None for the only one.
    """

    airflow: str
    feed: str | None = None

    def __str__(self) -> str:
        return f"feed {self.feed} of Airflow {self.airflow}" if self.feed else f"Airflow {self.airflow}"

    @property
    def as_arguments(self) -> str:
        """``--airflow https://airflow.example.com --feed acme_us``."""
        return f"--airflow {self.airflow}" + (f" --feed {self.feed}" if self.feed else "")


def refuse_other_owner(schema: str, asking: Owner, owner: Owner, since: datetime) -> None:
    """Stop a task of an Airflow or a feed that does not own the schema.

    ``refuse_other_owner("sqp", Owner("https://airflow.example.com"), Owner("https://airflow.example.com"), since)``
    passes.

    :raises SchemaOwned: names the owner, and how to take the schema over.
    """
    if asking == owner:
        return
    found = (
        f"schema {schema} belongs to {owner} since {since:%Y-%m-%d}, but this is {asking}. The target is unchanged. "
    )
    # With the schema: without a configuration the command takes sqp, which may be another feed's.
    command = f"sqp take-over {asking.as_arguments} --schema {schema}"
    # Without feeds the Dag takes every schema of the configuration over, also one that another Airflow is to keep.
    form = f"take_over and feeds [{asking.feed}]" if asking.feed else "take_over"
    take_over = f"run '{command}' (or trigger the Dag sqp_migrate with {form})"
    if asking.airflow != owner.airflow:
        raise SchemaOwned(
            f"{found}Pause this Airflow's sqp Dags, or name another target.schema in sqp_config.yaml. "
            f"To move the schema here, pause them there, {take_over}, and clear the failed task."
        )
    raise SchemaOwned(
        f"{found}If that feed was renamed, {take_over}, and clear the failed task. If both are wanted, give this one "
        "another target.schema in sqp_config.yaml."
    )
