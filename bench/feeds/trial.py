"""One trial: land, start Airflow, run everything, compare; nothing is left of it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from bench.feeds.database import Watched
from bench.feeds.load import Load
from bench.feeds.metrics import Metrics
from bench.feeds.processes import listening
from bench.feeds.runs import Runs, StoppedWaiting
from bench.feeds.server import WORKERS, MeasuredServer, airflow, database, metadata_template
from bench.feeds.source import ManyClients
from bench.feeds.target import compared
from bench.target import Server
from sqp_provider.core.period import Period, SyncType

DAGS_OF_A_FEED = 4
DAGS_OF_ALL = 4


@dataclass(frozen=True)
class Trial:
    """What to measure; the arguments of the command line say what they mean."""

    feeds: int
    rows: int
    weeks: int
    executor: str
    parallelism: int
    minutes: float
    settings: dict[str, str]
    say: Callable[[str], None]

    def measured(self) -> dict[str, Any]:
        """Return all figures."""
        first_days, delay_days = newest_weeks(self.weeks, datetime.now(UTC).date())
        self.say(f"landing {self.rows:,} rows for each of {self.weeks} weeks of {self.feeds} feeds")
        with ExitStack() as stack:
            source = stack.enter_context(ManyClients.landed(self.feeds, self.rows, first_days[0], self.weeks))
            landed, expected = source.rows(), source.expected(self.weeks)
            dsn, name = Server().dsn, f"sqp_bench_{uuid4().hex[:8]}"
            databases = {"metadata": f"{name}_airflow", "target": name}
            target = stack.enter_context(database(dsn, databases["target"]))
            metadata = stack.enter_context(database(dsn, databases["metadata"], metadata_template(dsn)))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sqp_bench_")))
            metrics = stack.enter_context(Metrics())
            settings = metrics.environment | self.settings
            configuration = source.configuration() | {"schedule": {"delay_days": {"weekly": delay_days}}}
            server = airflow(folder, metadata, target, configuration, self.executor, self.parallelism, settings)
            self.say(f"{landed:,} rows have landed; starting Airflow")
            with server:
                runs = Runs(server, metadata, source.names, self.minutes, self.say)
                prepared = self._prepare(runs, first_days)
                watched = stack.enter_context(Watched(dsn, databases))
                metrics.forget()
                found = self._run(runs, Load(watched, *_groups(server, watched)))
                found |= {"prepared": prepared, "metrics": metrics.summary()}
            self.say("comparing every period with the source")
            return found | {"rows": landed, "compared": asdict(compared(target, expected, source.names))}

    def _prepare(self, runs: Runs, first_days: list[date]) -> dict[str, float]:
        """Wait for the Dags, migrate and queue the runs; return the seconds of each."""
        seconds = {}
        steps: dict[str, Callable[[], None]] = {
            "Dags found": partial(runs.wait_for_dags, DAGS_OF_A_FEED * self.feeds + DAGS_OF_ALL),
            "schemas migrated": runs.migrate,
            "runs queued": partial(runs.trigger, first_days[:-1]),
        }
        for name, step in steps.items():
            began = time.monotonic()
            step()
            seconds[name] = round(time.monotonic() - began, 1)
            self.say(f"{name} ({seconds[name]:.0f} s)")
        return seconds

    def _run(self, runs: Runs, load: Load) -> dict[str, Any]:
        count = self.feeds * self.weeks
        self.say(f"{count} runs start now")
        started_at = datetime.now(UTC)
        with load:
            runs.start()
            try:
                runs.wait(count, load.busy)
            except StoppedWaiting as error:  # what has finished is reported all the same
                self.say(str(error))
        found = runs.figures()
        ended_at = found["runs"]["ended_at"]
        seconds = (datetime.fromisoformat(ended_at) - started_at).total_seconds() if ended_at else load.seconds
        tasks = sum(task["tasks"] for task in found["tasks"])
        return {
            "runs_expected": count,
            "seconds": round(seconds, 1),
            "runs_per_minute": round(60 * found["runs"]["runs"] / seconds, 2),
            "tasks_per_minute": round(60 * tasks / seconds, 1),
            "airflow": found,
            "task_errors": runs.task_errors(),
            "load": load.found(),
        }


def newest_weeks(count: int, today: date) -> tuple[list[date], int]:
    """Return the Sundays of the newest weeks, and a delay with which the last of them fell due yesterday.

    ``newest_weeks(2, date(2026, 11, 27)) == ([date(2026, 11, 8), date(2026, 11, 15)], 4)``. No other week falls due
    while the runs run, even past midnight.
    """
    delay_days = (today.isoweekday() % 7 - 1) % 7
    newest = Period.latest_before(SyncType.WEEKLY, today - timedelta(days=delay_days)).first_day
    return [newest - timedelta(weeks=back) for back in reversed(range(count))], delay_days


def _groups(server: MeasuredServer, watched: Watched) -> tuple[dict[str, list[int]], dict[str, str]]:
    """Return the processes to watch: each component's own, tasks apart from what starts them."""
    roots = {name: [process.pid] for name, process in server.processes.items() if name not in WORKERS}
    emulator = urlsplit(os.environ["BIGQUERY_EMULATOR_HOST"]).port
    roots |= {"Postgres": [watched.postmaster], "BigQuery emulator": listening(emulator or 80)}
    if workers := [server.processes[name].pid for name in WORKERS if name in server.processes]:
        return roots | {"tasks and workers": workers}, {}
    return roots, {"scheduler": "tasks and workers"}
