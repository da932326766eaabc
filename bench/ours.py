"""The sync: the real operators, each in its own process as Airflow runs them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from bench.child import in_child
from bench.memory import Measured
from bench.target import Target
from sqp_provider.core.contract import RATES, copied_of
from sqp_provider.core.period import SyncType
from sqp_provider.core.run import STAGES, TASKS
from sqp_provider.core.settings import Settings
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.source.snapshot_reader import SnapshotReader, as_it_is
from sqp_provider.target.encoding import END, HEADER, as_stored, encoded, stored_schema
from tests.fixtures import connection_to
from tests.stages import NO_OPTIONS, Run, Stages

RUNS_AT_ONCE = 4
"""``max_active_runs`` of the weekly Dag."""


EXTRACT = STAGES[0]

TakenSnapshot = dict[str, Any]
"""What the extract has returned, for the tasks that follow it."""


def go_on_from(run: Run, snapshot: TakenSnapshot) -> None:
    """Let a run use a snapshot that was taken before, as if its own extract had taken it."""
    run.states[EXTRACT] = "success"
    run.xcoms[EXTRACT, "return_value"] = snapshot


@dataclass(frozen=True)
class Ours:
    """One sync of one week, task by task."""

    target: Target
    settings: Settings

    def run(
        self, week: date, run_id: str, snapshot: TakenSnapshot | None = None
    ) -> Iterator[tuple[str, Callable[[], Measured]]]:
        """Yield each task's name and a function that runs it. Run a task before you take the next one.

        :param snapshot: what an extract of the same rows has returned: the run goes on from there.
        :raises RuntimeError: a task failed.
        """
        state = Run(run_id, NO_OPTIONS | {"period_start": str(week)})
        for task_id in TASKS:
            if task_id == EXTRACT and snapshot:
                go_on_from(state, snapshot)
            elif task_id not in STAGES or state.may_run(task_id):
                yield task_id, lambda task_id=task_id: self._task(state, task_id)  # type: ignore[misc]

    def sync(self, week: date, run_id: str, snapshot: TakenSnapshot | None = None) -> None:
        """Run the whole sync without measuring it."""
        for _, task in self.run(week, run_id, snapshot):
            task()

    def _task(self, state: Run, task_id: str) -> Measured:
        found = in_child(one_task, self.target.dsn, self.settings, state, task_id)
        after: Run = found.result
        vars(state).update(vars(after))
        if "failed" in state.states.values():
            raise RuntimeError(f"{task_id} failed: {state.errors}")
        return replace(found, result=state.xcoms.get((task_id, "return_value")))


def one_task(dsn: str, settings: Settings, state: Run, task_id: str) -> Callable[[], Run]:
    """Return the step that runs one task of a run and returns the run with its states and XComs."""
    os.environ["AIRFLOW_CONN_SQP_POSTGRES"] = connection_to(dsn)
    stages = Stages(settings, dsn)

    def step() -> Run:
        stages.run_task(state, task_id)
        return replace(state, events=None, errors={task: str(error) for task, error in state.errors.items()})  # type: ignore[misc]

    return step


class Backfilled(NamedTuple):
    """The seconds from each week's snapshot until the week is published, and the snapshots by week."""

    seconds: float
    snapshots: dict[date, TakenSnapshot]


def several_weeks(
    dsn: str, settings: Settings, weeks: list[date], taken: Mapping[date, TakenSnapshot]
) -> Callable[[], Backfilled]:
    """Return the step that syncs weeks as a backfill with one worker does: as many runs are open as the Dag allows.

    :param taken: snapshots that an earlier repeat took; only the other weeks are extracted.
    """
    os.environ["AIRFLOW_CONN_SQP_POSTGRES"] = connection_to(dsn)
    stages = Stages(settings, dsn)

    def opened_run(week: date) -> Run:
        run = Run(f"backfill {week}", NO_OPTIONS | {"period_start": str(week)})
        _run_tasks(stages, run, TASKS[:1])
        if week in taken:
            go_on_from(run, taken[week])
        else:
            _run_tasks(stages, run, [EXTRACT])
        return run

    def step() -> Backfilled:
        waiting = list(weeks)
        opened: list[tuple[date, Run]] = []
        snapshots: dict[date, TakenSnapshot] = {}
        seconds = 0.0
        while waiting or opened:
            while waiting and len(opened) < RUNS_AT_ONCE:
                week = waiting.pop(0)
                opened.append((week, opened_run(week)))
            week, run = opened.pop(0)
            snapshots[week] = run[EXTRACT]
            began = time.monotonic()
            _run_tasks(stages, run, STAGES[1:])
            seconds += time.monotonic() - began
            _run_tasks(stages, run, TASKS[-1:])
        return Backfilled(seconds, snapshots)

    return step


def _run_tasks(stages: Stages, run: Run, tasks: Sequence[str]) -> None:
    for task_id in tasks:
        if not stages.run_task(run, task_id):
            raise RuntimeError(f"{run.run_id} failed: {run.errors}")


def write_files(settings: Settings, snapshot: TakenSnapshot, folder: Path) -> Callable[[], int]:
    """Return the step that writes a snapshot's rows, as they are stored, into ``week.arrow`` and ``week.pgcopy``."""
    taken = Snapshot.model_validate(snapshot)
    types = dict.fromkeys(copied_of(SyncType.WEEKLY), "bigint") | {"query": "text", "asin": "text"}
    types |= {rate.column: "numeric(10,6)" for rate in RATES}
    schema = stored_schema(types)

    def step() -> int:
        rows = 0
        reader = SnapshotReader(SqpBigQueryHook(settings.source.conn_id, retry_seconds=60), taken.table)
        with (
            pa.OSFile(str(folder / "week.arrow"), "wb") as arrow_file,
            pa.ipc.new_file(arrow_file, schema) as arrow,
            (folder / "week.pgcopy").open("wb") as copy_file,
        ):
            copy_file.write(HEADER)
            for batch in reader.accepted(tuple(types), as_it_is):
                arrow.write_batch(as_stored(batch, schema))
                for piece in encoded(batch, types):
                    copy_file.write(piece)
                rows += batch.num_rows
            copy_file.write(END)
        return rows

    return step
