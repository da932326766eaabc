"""What this Airflow is called in the schema that belongs to it."""

from __future__ import annotations

from airflow.sdk.configuration import conf

from sqp_provider.core.settings import Settings


def airflow_name(settings: Settings) -> str:
    """Return the setting ``airflow``, else Airflow's own address, ``https://airflow.example.com``."""
    return str(settings.airflow or conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
