"""Only the newest attempt, run and snapshot of a period goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sqp_provider.core.errors import NewerRun, RunClosed, Superseded
from sqp_provider.core.fence import (
    refuse_finished_task,
    refuse_older_run,
    refuse_older_snapshot,
    refuse_replaced_attempt,
)
from tests.unit.core.runs import SYNC

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
LATER_RUN = {
    "id": 13,
    "run_id": "manual__2",
    "started_at": datetime(2026, 11, 19, 12, 30, 5, tzinfo=UTC),
    "sync_status": "completed",
}


@pytest.mark.parametrize(
    ("refuse", "given"),
    [
        (refuse_replaced_attempt, ({"attempt": 2, "sync_status": "started"},)),
        (refuse_finished_task, ("load", "running")),
        (refuse_older_run, (None,)),
        (refuse_older_snapshot, (NOON, None)),
        (refuse_older_snapshot, (NOON, {"snapshot_at": None, "sync_log_id": 11})),
        (refuse_older_snapshot, (NOON, {"snapshot_at": NOON, "sync_log_id": 11})),
        (refuse_older_snapshot, (NOON, {"snapshot_at": NOON.replace(hour=11), "sync_log_id": 11})),
    ],
)
def test_the_newest_goes_on(refuse: Callable[..., None], given: tuple[Any, ...]) -> None:
    refuse(SYNC, *given)


@pytest.mark.parametrize(
    ("refuse", "given", "error", "said"),
    [
        (
            refuse_replaced_attempt,
            ({"attempt": 3, "sync_status": "started"},),
            Superseded,
            "attempt 3 of the same run has taken over from attempt 2. The target is unchanged. "
            "There is nothing to do: the newer attempt continues.",
        ),
        (
            refuse_replaced_attempt,
            ({"attempt": 2, "sync_status": "failed"},),
            RunClosed,
            "the run was closed as failed while this task was still running. The target is unchanged. "
            "Clear the task to try again.",
        ),
        (
            refuse_finished_task,
            ("load", "failed"),
            RunClosed,
            "the run was closed as failed and load is failed. The target is unchanged. Clear the task to try again.",
        ),
        (
            refuse_older_run,
            (LATER_RUN,),
            NewerRun,
            "run manual__2 (sync_log 13) does it. It is of the same period, started later, at 2026-11-19 12:30:05 UTC, "
            "and is completed. This run has published nothing.",
        ),
        (
            refuse_older_snapshot,
            (NOON, {"snapshot_at": NOON.replace(second=1), "sync_log_id": 11}),
            Superseded,
            "its snapshot was taken at 2026-11-19 12:00:00 UTC, but sync_log 11 has published a newer one, of "
            "2026-11-19 12:00:01 UTC. The target is unchanged. "
            "Clear 'extract' together with what follows it (Downstream) to take a new snapshot.",
        ),
    ],
)
def test_what_is_not_the_newest_stops_and_says_what_is(
    refuse: Callable[..., None], given: tuple[Any, ...], error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as stopped:
        refuse(SYNC.model_copy(update={"sync_status": "failed"}), *given)
    assert str(stopped.value) == f"weekly 2026-11-08..2026-11-14 (sync_log 12, attempt 2): {said}"
