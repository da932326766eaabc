"""A checkout that a person starts with `docker compose`, and what they do with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from dev.checkout import ROOT
from tests.compose import daemon, images

OVERRIDE = Path(__file__).with_name("override.yaml")
UID = 12345
"""Whose checkout it is: nobody that an image knows."""
GUARD_SECONDS = 1800


@dataclass
class Project:
    """Its folder, which is a checkout, the daemon's address and the port of the UI."""

    folder: Path
    address: str
    port: int
    token: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """Where the UI is published."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Where Docker's programs find the daemon."""
        return daemon.environment(self.address)

    def prepare(self) -> None:
        """Check out, fill in .env and write the demo's secrets, as the header of docker-compose.yaml says."""
        for name in ("dags", "dev", "plugins", "sql"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in (ROOT / "docker-compose.yaml", *ROOT.glob("requirements*.txt")):
            shutil.copy(path, self.folder)
        settings = {"AIRFLOW_UID": UID, "SQP_UI_PORT": self.port, "SQP_WORKERS": 1, "SQP_WORKER_SLOTS": 2}
        (self.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        images.run([sys.executable, "-m", "dev.secrets_folder", "--demo", "--folder", str(self.folder / "secrets")])
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, UID, UID)

    def compose(self, *words: str) -> str:
        """Run `docker compose` in the checkout and return what it printed."""
        return images.run(self.command(*words), self.environment)

    def command(self, *words: str) -> list[str]:
        """Return the command line of `docker compose`."""
        files = ("--file", str(self.folder / "docker-compose.yaml"), "--file", str(OVERRIDE))
        return [str(images.compose()), *files, *words]

    def up(self, *words: str, profile: str = "") -> None:
        """Start it, wait until each service is healthy, and log in."""
        self.compose(*(("--profile", profile) if profile else ()), "up", "--detach", *words)
        self.wait_until(self.healthy, "healthy services")
        self.log_in()

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """Return what Docker knows of the services' containers, stopped ones too."""
        ids = self.compose("ps", "--all", "--quiet", *services).split()
        found: list[dict[str, Any]] = json.loads(images.run(["docker", "inspect", *ids], self.environment))
        return found

    def healthy(self) -> bool:
        """Return whether every container with a health check is healthy."""
        states = [container["State"] for container in self.containers()]
        return all(state["Health"]["Status"] == "healthy" for state in states if "Health" in state)

    def log_in(self) -> None:
        """Log in as admin, with the password that the header of docker-compose.yaml leads to."""
        kept = json.loads(self.compose("exec", "-T", "api-server", "cat", "auth/passwords.json"))
        login = {"username": "admin", "password": kept["admin"]}
        answer = httpx.post(f"{self.url}/auth/token", json=login, timeout=GUARD_SECONDS)
        self.token = answer.raise_for_status().json()["access_token"]

    def call(self, method: str, path: str, **request: Any) -> Any:
        """Make a call of the UI and return its JSON."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.request(method, f"{self.url}{path}", headers=headers, timeout=GUARD_SECONDS, **request)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def periods(self) -> dict[str, str]:
        """Return how each week stands, by its first day, as the status page has it."""
        found = self.call("GET", "/sqp-sync/api/periods", params={"type": "weekly", "periods": 100})
        return {period["period_start"]: period["status"] for period in found}

    def unpause(self, dag_id: str) -> None:
        """Switch a Dag on, as soon as it is there."""
        self.wait_until(lambda: dag_id in self.dags(), f"Dag {dag_id}")
        self.call("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def dags(self) -> dict[str, bool]:
        """Return whether each Dag is paused."""
        return {dag["dag_id"]: dag["is_paused"] for dag in self.call("GET", "/api/v2/dags")["dags"]}

    def sync(self, week: date) -> dict[str, Any]:
        """Trigger a sync of a week; return the finished run."""
        runs = "/api/v2/dags/sqp_weekly_sync/dagRuns"
        body = {"logical_date": None, "conf": {"period_start": str(week)}}
        run_id = self.call("POST", runs, json=body)["dag_run_id"]
        self.wait_until(lambda: self.run(run_id)["state"] in ("success", "failed"), f"end of {run_id}")
        return self.run(run_id)

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a run of the weekly Dag."""
        found: dict[str, Any] = self.call("GET", f"/api/v2/dags/sqp_weekly_sync/dagRuns/{run_id}")
        return found

    def tasks(self, run_id: str = "~", dag_id: str = "sqp_weekly_sync", **filters: Any) -> list[dict[str, Any]]:
        """Return task instances; each names its container as `hostname`."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found: list[dict[str, Any]] = self.call("GET", path, params={"limit": 100} | filters)["task_instances"]
        return found

    def query(self, statement: str) -> str:
        """Ask the target; return its answer without a frame."""
        return self.compose("exec", "-T", "target", *PSQL, "--command", statement).strip()

    @contextmanager
    def publishes_wait(self) -> Iterator[None]:
        """Hold the ledger, as a person's forgotten transaction does: `publish` has changed the target and waits."""
        command = self.command("exec", "-T", "target", *PSQL)
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=self.environment, stdin=pipe, stdout=pipe, text=True) as psql:
            assert psql.stdin
            assert psql.stdout
            psql.stdin.write("begin; lock table sqp.synced_period in share row exclusive mode; select 'held';\n")
            psql.stdin.flush()
            assert psql.stdout.readline() == "held\n"
            yield
            psql.stdin.close()

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until it holds, however long the machine takes; then show what the services said."""
        end = time.monotonic() + GUARD_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"waited for {what}\n{self.compose('logs', '--no-color', '--tail', '30')}")
            time.sleep(1)


PSQL = ("psql", "--username", "sqp", "--no-psqlrc", "--tuples-only", "--no-align", "--quiet")
