"""What a person does in the Airflow UI, by the calls of the public REST API that the UI makes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import httpx

from tests.e2e.airflow_server import GUARD_SECONDS, AirflowServer

FINISHED = {"success", "failed", "skipped", "upstream_failed", "removed"}
"""Task states that do not change any more."""


class AirflowUI:
    """One user of one Dag.

    :param user: a name of :data:`tests.e2e.airflow_server.USERS`.
    """

    def __init__(self, server: AirflowServer, dag_id: str, user: str = "admin") -> None:
        self.server = server
        self.dag_id = dag_id
        password = {"username": user, "password": user}
        login = httpx.post(f"{server.url}/auth/token", json=password, timeout=GUARD_SECONDS).raise_for_status()
        self.token: str = login.json()["access_token"]
        headers = {"Authorization": f"Bearer {self.token}"}
        self.http = httpx.Client(base_url=f"{server.url}/api/v2", headers=headers, timeout=GUARD_SECONDS)

    def __enter__(self) -> AirflowUI:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def call(self, method: str, path: str, **request: Any) -> Any:
        """Make a call and return its JSON; an answer that is an error is shown with what it says."""
        answer = self.http.request(method, path, **request)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def unpause(self) -> None:
        """Switch the Dag on, as soon as the Dag processor has found it."""
        parsed = f"/dags/{self.dag_id}"
        self.server.wait_until(lambda: self.http.get(parsed).is_success, f"Dag {self.dag_id}")
        self.call("PATCH", parsed, json={"is_paused": False})

    def unpause_and_wait(self) -> None:
        """Switch the Dag on, and wait for the run that its schedule starts at once, whatever it ends in."""
        self.unpause()
        self.server.wait_until(lambda: self.runs(run_type="scheduled"), f"scheduled run of {self.dag_id}")
        self.wait(self.runs(run_type="scheduled")[0]["dag_run_id"])

    def pause(self) -> None:
        """Switch the Dag off."""
        self.call("PATCH", f"/dags/{self.dag_id}", json={"is_paused": True})

    def trigger(self, logical_date: str | None = None, **conf: Any) -> str:
        """Fill in the form and trigger; return the run id."""
        body = {"logical_date": logical_date, "conf": conf}
        run_id: str = self.call("POST", self._runs(), json=body)["dag_run_id"]
        return run_id

    def run(self, run_id: str) -> dict[str, Any]:
        """A run."""
        found: dict[str, Any] = self.call("GET", self._runs(run_id))
        return found

    def runs(self, **filters: Any) -> list[dict[str, Any]]:
        """The newest runs, filtered by query parameters such as ``run_type``."""
        found: list[dict[str, Any]] = self.call("GET", self._runs(), params={"limit": 100} | filters)["dag_runs"]
        return found

    def tasks(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The run's task instances by task id."""
        found = self.call("GET", f"{self._runs(run_id)}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def states(self, run_id: str) -> dict[str, str | None]:
        """The states of the run's tasks."""
        return {task_id: task["state"] for task_id, task in self.tasks(run_id).items()}

    def task_log(self, run_id: str, task_id: str) -> str:
        """The log of a task's newest try."""
        try_number = self.tasks(run_id)[task_id]["try_number"]
        log = self.call("GET", f"{self._runs(run_id)}/taskInstances/{task_id}/logs/{try_number}")
        return "\n".join(str(line.get("event", line)) for line in log["content"])

    def wait(self, *run_ids: str) -> list[dict[str, Any]]:
        """Wait until the runs and all their tasks have finished; return the runs."""

        def finished(run_id: str) -> bool:
            return self.run(run_id)["state"] in FINISHED and set(self.states(run_id).values()) <= FINISHED

        self._wait(lambda: all(finished(run_id) for run_id in run_ids), "end", *run_ids)
        return [self.run(run_id) for run_id in run_ids]

    def wait_for(self, run_id: str, task_id: str, state: str = "running") -> dict[str, Any]:
        """Wait until a task is in a state; return the task."""
        self._wait(lambda: self.states(run_id)[task_id] == state, f"{task_id} {state}", run_id)
        return self.tasks(run_id)[task_id]

    def clear(self, run_id: str, *task_ids: str, downstream: bool = False, only_failed: bool = False) -> None:
        """Clear tasks of a run; the flags are the dialog's."""
        body = {
            "dag_run_id": run_id,
            "dry_run": False,
            "include_downstream": downstream,
            "include_future": False,
            "include_past": False,
            "include_upstream": False,
            "only_failed": only_failed,
            "run_on_latest_version": False,
            "task_ids": list(task_ids),
        }
        self.call("POST", f"/dags/{self.dag_id}/clearTaskInstances", json=body)

    def clear_run(self, run_id: str, *, only_failed: bool = False) -> None:
        """Clear a run."""
        body = {"dry_run": False, "only_failed": only_failed, "run_on_latest_version": False}
        self.call("POST", f"{self._runs(run_id)}/clear", json=body)

    def clear_runs(self, *run_ids: str) -> None:
        """Select several runs in the list and clear them."""
        body = {"dry_run": False, "only_failed": False, "dag_runs": [{"dag_run_id": run_id} for run_id in run_ids]}
        self.call("POST", f"/dags/{self.dag_id}/clearDagRuns", json=body)

    def mark_run(self, run_id: str, state: str) -> None:
        """Mark a run as success or failed."""
        self.call("PATCH", self._runs(run_id), json={"state": state})

    def mark_task(self, run_id: str, task_id: str, state: str) -> None:
        """Mark a task as success or failed."""
        self.call("PATCH", f"{self._runs(run_id)}/taskInstances/{task_id}", json={"new_state": state})

    def delete_run(self, run_id: str) -> None:
        """Delete a run."""
        self.call("DELETE", self._runs(run_id))

    def backfill(self, first: date, last: date, reprocess: str = "none", max_active_runs: int = 4) -> int:
        """Create a backfill of the periods that start on these days or between them; return its id."""
        body = {
            "dag_id": self.dag_id,
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T00:00:00Z",
            "reprocess_behavior": reprocess,
            "max_active_runs": max_active_runs,
        }
        backfill_id: int = self.call("POST", "/backfills", json=body)["id"]
        return backfill_id

    def wait_for_backfill(self, backfill_id: int) -> None:
        """Wait until Airflow has closed it: none of its runs is left to do."""
        path = f"/backfills/{backfill_id}"
        self.server.wait_until(lambda: self.call("GET", path)["completed_at"], "backfill's end")

    def _runs(self, run_id: str | None = None) -> str:
        return f"/dags/{self.dag_id}/dagRuns" + (f"/{run_id}" if run_id else "")

    def _wait(self, condition: Callable[[], object], what: str, *run_ids: str) -> None:
        self.server.wait_until(condition, what, lambda: "\n".join(map(self._describe, run_ids)))

    def _describe(self, run_id: str) -> str:
        lines = [f"=== {run_id}: {self.run(run_id)['state']} {self.states(run_id)}"]
        for task_id, state in self.states(run_id).items():
            if state not in (None, "success", "skipped", "upstream_failed"):
                lines += [f"--- {task_id}", *self.task_log(run_id, task_id).splitlines()[-25:]]
        return "\n".join(lines)
