"""Whose the seconds of a run are: Airflow's scheduler, its executor, the start of the task's process, or ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from statistics import median
from typing import Any, NamedTuple


class TaskTimes(NamedTuple):
    """Three moments of a task, from Airflow's metadata database."""

    task_id: str
    queued_at: datetime
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True)
class Parts:
    """The seconds of one run, or of one of its tasks.

    :param scheduling: from the trigger, or from the end of the task before, until the task is given to the executor.
    :param starting: from then until the task's supervisor says that it runs.
    :param task_process: the rest of the task: it parses the Dag, imports, and says what it returned.
    :param execute: our operators.
    """

    scheduling: float
    starting: float
    task_process: float
    execute: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.scheduling + self.starting + self.task_process + self.execute


def parts_of(
    triggered_at: datetime, tasks: Sequence[TaskTimes], execute_seconds: Mapping[str, float]
) -> dict[str, Parts]:
    """Return the parts of each task of a run, in the order in which they ran; together they leave nothing out.

    :param execute_seconds: what the operators took, by task.
    """
    found, before = {}, triggered_at
    for task in sorted(tasks, key=lambda each: each.started_at):
        executed = execute_seconds[task.task_id]
        found[task.task_id] = Parts(
            scheduling=(task.queued_at - before).total_seconds(),
            starting=(task.started_at - task.queued_at).total_seconds(),
            task_process=(task.ended_at - task.started_at).total_seconds() - executed,
            execute=executed,
        )
        before = task.ended_at
    return found


def medians(runs: Sequence[Mapping[str, Parts]]) -> dict[str, Any]:
    """Return the medians over all runs, of whole runs and of each task."""
    sums = [_sum(list(run.values())) for run in runs]
    tasks = {task_id: _median([run[task_id] for run in runs]) for task_id in runs[0]}
    totals = sorted(each.total for each in sums)
    return {
        "seconds": {"median": round(median(totals), 2), "least": round(totals[0], 2), "most": round(totals[-1], 2)},
        "parts": _rounded(_median(sums)),
        "tasks": {task_id: _rounded(parts) for task_id, parts in tasks.items()},
    }


def _sum(parts: Sequence[Parts]) -> Parts:
    return Parts(*(sum(getattr(each, part.name) for each in parts) for part in fields(Parts)))


def _median(parts: Sequence[Parts]) -> Parts:
    return Parts(*(median(getattr(each, part.name) for each in parts) for part in fields(Parts)))


def _rounded(parts: Parts) -> dict[str, float]:
    return {name: round(value, 2) for name, value in asdict(parts).items()}
