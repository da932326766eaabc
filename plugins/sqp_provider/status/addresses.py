"""Where the page and Airflow's own pages are found, from Airflow's base URL."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from airflow.configuration import conf

URL_PREFIX = "/sqp-sync"
"""Where the API server answers for the page."""

RUN_TAB = "sqp-sync-run"
"""The tab among a Dag run's own that shows its sync."""


def base_path() -> str:
    """Return the path below which Airflow is served: ``/airflow`` of ``https://host/airflow/``, else nothing."""
    return urlsplit(conf.get("api", "base_url", fallback="/")).path.rstrip("/")


def run_address(airflow: str, dag_id: str, run_id: str) -> str:
    """Return the address of a run in the Airflow UI, below the path where Airflow is served."""
    return f"{airflow}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def sync_address(dag_id: str, run_id: str) -> str:
    """Return the address of a run's sync in the Airflow UI."""
    return f"{run_address(base_path(), dag_id, run_id)}/plugin/{RUN_TAB}"
