"""The name of this Airflow, which a schema stores as its owner."""

from __future__ import annotations

from airflow.sdk.configuration import conf

from sqp_provider.core.settings import Settings


def airflow_name(settings: Settings) -> str:
    """Return the setting ``airflow``, else Airflow's own address, ``https://airflow.example.com``."""
    return str(settings.airflow or conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
