"""CeleryExecutor for :class:`tests.e2e.airflow_server.AirflowServer`: a Redis and two workers, on this machine."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dev.up.warm_executor import NEEDED
from tests.e2e.airflow_server import airflow, free_ports
from tests.e2e.airflow_ui import AirflowUI

EXECUTOR = "CeleryExecutor"
WORKERS = ("worker-1", "worker-2")
SLOTS = 2
"""How many tasks a worker of the tests runs at once."""
PASSWORD = "only-these-tests-ask-for-it"
VISIBILITY_SECONDS = 30
"""After how long Redis gives a task that a worker has taken and not finished to another one."""


def redis_path() -> str:
    """Where Redis is; without it the tests are skipped, unless SQP_REQUIRE_REDIS=1 makes that a failure."""
    if found := shutil.which("redis-server"):
        return found
    missing = "MANY WORKERS ARE NOT TESTED: there is no redis-server (Debian: apt-get install redis-server)"
    if os.environ.get("SQP_REQUIRE_REDIS") == "1":
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@dataclass(frozen=True)
class Workers:
    """What a Redis and two workers need.

    :param folder: an existing directory for their files.
    :param slots: how many tasks each of the workers runs at once.
    """

    folder: Path
    port: int
    slots: int = SLOTS

    @classmethod
    def on_a_free_port(cls, folder: Path, slots: int = SLOTS) -> Workers:
        """Choose the broker's port."""
        folder.mkdir()
        (port,) = free_ports(1)
        return cls(folder, port, slots)

    @property
    def commands(self) -> dict[str, Sequence[str]]:
        """The broker's command line, then the workers'."""
        # Their logs are in a folder they share with the API server: nobody needs to serve them.
        options = ("--skip-serve-logs", "--concurrency", str(self.slots))
        workers = {
            name: airflow(
                "celery", "worker", *options, "--celery-hostname", name, "--pid", str(self.folder / f"{name}.pid")
            )
            for name in WORKERS
        }
        return {"redis": self._redis(), **workers}

    @property
    def environment(self) -> dict[str, str]:
        """Settings for all components. The time-outs are short, docs/deployment.md has those for production."""
        settings: dict[str, Any] = {
            "CELERY__BROKER_URL": f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0",
            "CELERY__EXTRA_CELERY_CONFIG": json.dumps({"imports": NEEDED}),
            "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": VISIBILITY_SECONDS,
            # Check every second for tasks to give to another worker, not every tenth time of every tenth second.
            "CELERY_BROKER_TRANSPORT_OPTIONS__UNACKED_RESTORE_INTERVAL": 1,
            "CELERY_BROKER_TRANSPORT_OPTIONS__UNACKED_RESTORE_THROTTLE": 1,
            "SCHEDULER__TASK_QUEUED_TIMEOUT": 60,
            "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": 5,
        }
        return {f"AIRFLOW__{key}": str(value) for key, value in settings.items()}

    def _redis(self) -> list[str]:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "requirepass": PASSWORD,
            "dir": str(self.folder),
            "save": "",
            "appendonly": "no",
        }
        return [redis_path(), *(word for name, value in options.items() for word in (f"--{name}", value))]


def running_on(ui: AirflowUI, worker: str) -> dict[tuple[str, str], int]:
    """The process ids of the tasks that a worker is at, by run and task."""
    tasks = ui.call("GET", f"/dags/{ui.dag_id}/dagRuns/~/taskInstances", params={"state": "running", "limit": 100})
    session = ui.server.processes[worker].pid
    return {
        (task["dag_run_id"], task["task_id"]): task["pid"]
        for task in tasks["task_instances"]
        if task["pid"] and session_of(task["pid"]) == session
    }


def session_of(pid: int) -> int | None:
    """The session of a process; None if it has stopped."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
