"""The addresses of the page and of Airflow's own pages, built from Airflow's base URL."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from airflow.configuration import conf

URL_PREFIX = "/sqp-sync"
"""The path of the page in Airflow's API server."""

RUN_TAB = "sqp-sync-run"
"""The tab of a Dag run that shows its sync."""


def base_path() -> str:
    """Return the path below which Airflow is served: ``/airflow`` for ``https://host/airflow/``, else an empty text."""
    return urlsplit(conf.get("api", "base_url", fallback="/")).path.rstrip("/")


def feed_path(feed: str | None) -> str:
    """``feed_path("acme_us") == "/feeds/acme_us"``; an empty text for the only feed, whose pages have no prefix."""
    return f"/feeds/{quote(feed, safe='')}" if feed else ""


def run_address(airflow: str, dag_id: str, run_id: str) -> str:
    """Return the address of a run in the Airflow UI; ``airflow`` is the path below which Airflow is served."""
    return f"{airflow}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def sync_address(dag_id: str, run_id: str) -> str:
    """Return the address of a run's sync in the Airflow UI."""
    return f"{run_address(base_path(), dag_id, run_id)}/plugin/{RUN_TAB}"
