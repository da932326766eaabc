"""How often a sync connects to Postgres and waits for its answers: each costs a round trip, over any distance."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqp_provider.core.run import STAGES, TASKS
from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages
from tests.wire import Wire, wire

FIRST_LOAD = {
    "log_start": (1, 11),
    "extract": (2, 9),  # none is idle while BigQuery works
    "load": (1, 43),
    "validate": (1, 26),
    "publish": (2, 199),  # month and quarter are copied from one connection to another
    "log_finish": (1, 13),
}
UNCHANGED = {"log_start": (1, 9), "extract": (2, 9), "load": (1, 17), "log_finish": (1, 12)}
RESTATED = {
    "log_start": (1, 9),
    "extract": (2, 9),
    "load": (1, 43),
    "validate": (1, 26),
    "publish": (1, 98),
    "log_finish": (1, 14),
}


def test_a_stage_connects_once_and_asks_no_more_than_it_has_to(
    landing: Landing, stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wire(tmp_path, monkeypatch) as sent:
        landing.land(report_row("q"), report_row("r"))
        assert_at_most(by_stage(stages, sent), FIRST_LOAD)
        assert_at_most(by_stage(stages, sent), UNCHANGED)
        landing.replace(report_row("q"), report_row("r", asin_click_count=51))
        assert_at_most(by_stage(stages, sent), RESTATED)


def test_a_transaction_begins_with_one_message(stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = stages.operator(Run("manual__1", {}), "log_start")
    with wire(tmp_path, monkeypatch) as sent, operator.postgres.transaction():
        connections, (begin, message) = sent.taken()
    assert connections == 1
    assert begin.startswith("BEGIN")
    places = [message.find(part) for part in ("'search_path'", "'role'", "alembic_version", "row_security_active")]
    assert places[0] > 0
    assert places == sorted(places)


def by_stage(stages: Stages, sent: Wire) -> dict[str, tuple[int, int]]:
    """Sync the week; return how often each stage connects, and how many messages it sends."""
    run, found = stages.new_run(WEEK), {}
    sent.taken()
    for task in TASKS:
        if task not in STAGES or run.may_run(task):
            stages.run_task(run, task)
            connections, messages = sent.taken()
            found[task] = connections, len(messages)
    assert run.errors == {}
    return found


def assert_at_most(found: dict[str, tuple[int, int]], allowed: dict[str, tuple[int, int]]) -> None:
    """Compare connections exactly, and messages as a limit."""
    assert {task: connections for task, (connections, _) in found.items()} == {
        task: connections for task, (connections, _) in allowed.items()
    }
    assert {task: messages for task, (_, messages) in found.items() if messages > allowed[task][1]} == {}
