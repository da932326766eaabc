"""The runs: started in one go, watched in Airflow's metadata database until all have finished."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import dict_row

from bench.statements import statement
from tests.e2e.airflow_server import AirflowServer
from tests.e2e.airflow_ui import AirflowUI

WEEKLY = "sqp_weekly_sync__%"
MIGRATE = "sqp_migrate"
AT_WORK = ("queued", "running")
PROGRESS_SECONDS = 30
MOST_ERRORS = 20
PAGE = 100
"""How many Dags one call takes: Airflow's default for [api] maximum_page_limit."""


class StoppedWaiting(Exception):
    """What was waited for did not come; the message says what there was instead."""


@dataclass(frozen=True)
class Runs:
    """The Dag runs of all feeds.

    :param minutes: after which nobody waits any longer.
    :param say: prints a line about the progress.
    """

    server: AirflowServer
    metadata_dsn: str
    feeds: Sequence[str]
    minutes: float
    say: Callable[[str], None]

    def wait_for_dags(self, count: int) -> None:
        """Wait until the Dag processor has found every Dag."""
        for _ in self._moments(f"{count} Dags"):
            if self._rows("dags_found")[0]["dags"] >= count:
                return

    def migrate(self) -> None:
        """Create the schemas of all feeds, by the Dag."""
        with AirflowUI(self.server, MIGRATE) as ui:
            ui.unpause()
            run_id = ui.trigger()
            for _ in self._moments(f"the end of {MIGRATE}"):
                state = ui.run(run_id)["state"]
                if state == "failed":
                    raise StoppedWaiting(f"{MIGRATE} failed: see {self.server.home}")
                if state == "success":
                    return

    def trigger(self, weeks: Sequence[date]) -> None:
        """Queue a run of each week for each feed; they wait, because the Dags are paused."""
        with AirflowUI(self.server, MIGRATE) as ui:
            for week in weeks:
                for feed in self.feeds:
                    _of(ui, f"{WEEKLY[:-1]}{feed}").trigger(period_start=str(week))

    def start(self) -> None:
        """Switch all weekly Dags on; the schedule adds the newest week that is due."""
        with AirflowUI(self.server, MIGRATE) as ui:
            for offset in range(0, len(self.feeds), PAGE):
                page = {"dag_id_pattern": WEEKLY, "limit": PAGE, "offset": offset}
                ui.call("PATCH", "/dags", params=page, json={"is_paused": False})

    def wait(self, count: int, busy: Callable[[], float]) -> None:
        """Wait until so many runs have finished, with a line about it now and then."""
        began = said = time.monotonic()
        tasks = 0
        for _ in self._moments(f"the end of {count} runs"):
            states = {row["state"]: row["runs"] for row in self._rows("run_states")}
            left = sum(states.get(state, 0) for state in AT_WORK)
            if sum(states.values()) >= count and not left:
                return
            if time.monotonic() - said >= PROGRESS_SECONDS:
                finished = self._rows("finished_tasks")[0]["tasks"]
                speed = (finished - tasks) / (time.monotonic() - said) * 60
                said, tasks = time.monotonic(), finished
                self.say(
                    f"  {said - began:5.0f} s: {states.get('success', 0)} of {count} runs synced, "
                    f"{states.get('failed', 0)} failed, {states.get('running', 0)} running; "
                    f"{speed:.0f} tasks a minute, processors {busy():.0%} busy"
                )

    def figures(self) -> dict[str, Any]:
        """Return what the metadata database says of all runs and tasks."""
        return {"runs": _plain(self._rows("runs")[0]), "tasks": [_plain(row) for row in self._rows("tasks")]}

    def task_errors(self) -> dict[str, int]:
        """Return the commonest errors in the logs of tasks, those that a retry has healed too."""
        found: Counter[str] = Counter()
        for log in (self.server.home / "logs").rglob("attempt=*.log"):
            for line in log.read_text(errors="replace").splitlines():
                if '"level":"error"' in line.replace(" ", ""):
                    found[_error(line)] += 1
        return dict(found.most_common(MOST_ERRORS))

    def _moments(self, what: str) -> Iterator[None]:
        end = time.monotonic() + self.minutes * 60
        while time.monotonic() < end:
            yield
            self.server.refuse_if_stopped()
            time.sleep(1)
        raise StoppedWaiting(f"waited {self.minutes:.0f} minutes for {what}\n{self.server.said()}")

    def _rows(self, block: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.metadata_dsn, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(statement("feeds", block), {"dags": WEEKLY}).fetchall()


def _of(ui: AirflowUI, dag_id: str) -> AirflowUI:
    """Return the same user at another Dag: nobody logs in hundreds of times."""
    ui.dag_id = dag_id
    return ui


def _error(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:  # its process was killed while it wrote
        return line[:300]
    raised = [f"{detail.get('exc_type')}: {detail.get('exc_value')}" for detail in entry.get("error_detail") or []]
    return " ".join([str(entry.get("event")), *raised[-1:]])[:300]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row for JSON: times as text, other numbers than counts with two places."""
    return {
        name: value
        if value is None or isinstance(value, int | str)
        else str(value)
        if name.endswith("_at")
        else round(float(value), 2)
        for name, value in row.items()
    }
