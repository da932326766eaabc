"""The name of this Airflow and of the feed, which a schema stores as its owner."""

from __future__ import annotations

from airflow.sdk.configuration import conf

from sqp_provider.core.ownership import Owner
from sqp_provider.core.settings import Settings


def owner_of(settings: Settings) -> Owner:
    """Return the setting ``airflow``, else Airflow's own address ``https://airflow.example.com``, and the feed."""
    airflow = str(settings.airflow or conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
    return Owner(airflow, settings.feed)
