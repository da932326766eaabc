"""The client of `make up`: it calls Airflow's public REST API and reads the status page."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import httpx

from dev.services import airflow
from dev.services.errors import ServiceError

ANSWER_SECONDS = 120
"""How long one answer may take while everything else on the machine is at work."""


class Client:
    """The user of this checkout's Airflow, logged in."""

    def __init__(self) -> None:
        self.http = httpx.Client(
            base_url=airflow.url(), timeout=ANSWER_SECONDS, trust_env=False
        )  # no proxy for loopback
        login = {"username": airflow.USER, "password": airflow.password()}
        token = self.http.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.http.close()

    def unpause(self, dag_id: str, seconds: float = 600) -> None:
        """Switch a Dag on as soon as the Dag processor has found it."""
        path = f"/api/v2/dags/{dag_id}"
        wait_until(lambda: self.http.get(path).is_success, seconds, f"Dag {dag_id}")
        self.http.patch(path, json={"is_paused": False}).raise_for_status()

    def headlines(self, feed: str | None) -> list[dict[str, Any]]:
        """Return the status page's answer for each type: whether its newest period can be trusted."""
        path = f"feeds/{feed}/headlines" if feed else "headlines"
        answers: list[dict[str, Any]] = self.http.get(f"/sqp-sync/api/{path}").raise_for_status().json()
        return answers


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Return when ``holds()`` is true.

    :raises ServiceError: it was not true in time.
    """
    deadline = time.monotonic() + seconds
    while not _holds(holds):
        if time.monotonic() > deadline:
            raise ServiceError(
                f"no {what} within {seconds:.0f} s. Airflow keeps running; see .dev/log/scheduler.log and "
                ".dev/log/dag-processor.log, then run 'make up' again."
            )
        time.sleep(1)


def _holds(holds: Callable[[], bool]) -> bool:
    """Ask once. On a busy machine Airflow may answer late or not at all, and is asked again."""
    try:
        return holds()
    except httpx.TransportError:
        return False
    except httpx.HTTPStatusError as error:
        if error.response.is_server_error:
            return False
        raise
