"""Airflow's four components on this checkout's services: where they answer, and to whom."""

import json

from dev.checkout import AIRFLOW_HOME
from dev.services.ports import HOST, ask, remembered

USER = "admin"


def url() -> str:
    """Return the address of the UI and the REST API."""
    return f"http://{HOST}:{remembered()['airflow_api']}"


def password() -> str:
    """Return the one user's password, which the API server makes up at its first start."""
    return str(json.loads((AIRFLOW_HOME / "simple_auth_manager_passwords.json.generated").read_text())[USER])


def answers() -> bool:
    """Return whether the API server answers and the others have a heartbeat."""
    states = ask(remembered()["airflow_api"], "/api/v2/monitor/health") or {}
    parts = ("scheduler", "dag_processor", "triggerer")
    return all(states.get(part, {}).get("status") == "healthy" for part in parts)
