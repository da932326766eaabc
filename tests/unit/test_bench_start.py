"""`python -m bench start`: every second of a run belongs to somebody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bench.start.parts import Parts, TaskTimes, medians, parts_of

TRIGGERED = datetime(2026, 11, 19, 6, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return TRIGGERED + timedelta(seconds=seconds)


def test_the_parts_of_all_tasks_are_the_time_from_trigger_to_published() -> None:
    tasks = [
        TaskTimes("publish", queued_at=at(6), started_at=at(6.5), ended_at=at(9)),
        TaskTimes("load", queued_at=at(1), started_at=at(3), ended_at=at(5)),
    ]
    found = parts_of(TRIGGERED, tasks, {"load": 1.5, "publish": 2.0})
    assert list(found.items()) == [
        ("load", Parts(scheduling=1, starting=2, task_process=0.5, execute=1.5)),
        ("publish", Parts(scheduling=1, starting=0.5, task_process=0.5, execute=2)),
    ]
    assert sum(parts.total for parts in found.values()) == pytest.approx(9)


def test_medians_are_those_of_whole_runs_and_of_each_task() -> None:
    runs = [{"load": Parts(1, 1, 1, seconds), "publish": Parts(0, 0, 0, 1)} for seconds in (1, 2, 9)]
    found = medians(runs)
    assert found["seconds"] == {"median": 6, "least": 5, "most": 13}
    assert found["parts"] == {"scheduling": 1, "starting": 1, "task_process": 1, "execute": 3}
    assert found["tasks"]["load"] == {"scheduling": 1, "starting": 1, "task_process": 1, "execute": 2}
