"""The outcome of an attempt in which no stage published."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sqp_provider.core.attempt import Attempt, settle
from sqp_provider.core.errors import NothingPublished, Superseded
from sqp_provider.core.publish import PublishResult
from tests.unit.core.runs import SYNC

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
PUBLISHED, OTHER = "a1b2c3d4" * 4, "b5c6d7e8" * 4
LEDGER = {"state": "synced", "fingerprint": PUBLISHED, "row_count": 3, "sync_log_id": 12, "snapshot_at": NOON}
COMPLETED = {"attempt": 1, "status": "completed", "outcome": "attached"}


def attempt(snapshot: str | None = None, hour: int = 13, previous: dict[str, Any] | None = None) -> Attempt:
    taken = {"fingerprint": snapshot, "snapshot_at": NOON.replace(hour=hour)} if snapshot else None
    return Attempt.model_validate({"outcome": None, "snapshot": taken, "previous": previous})


@pytest.mark.parametrize(
    ("finished", "ledger", "how"),
    [
        (attempt(PUBLISHED), LEDGER, "already published"),
        (attempt(PUBLISHED), LEDGER | {"sync_log_id": 13}, "unchanged"),
        (attempt(PUBLISHED, hour=11), LEDGER, "already published"),
        (attempt(previous=COMPLETED), LEDGER, "already published"),
        (attempt(previous={"attempt": 1, "status": "started", "outcome": "attached"}), LEDGER, "already published"),
        (attempt(previous={"attempt": 1, "status": "completed", "outcome": None}), LEDGER, "already published"),
        (attempt(previous=COMPLETED | {"outcome": "unchanged"}), LEDGER | {"sync_log_id": 13}, "unchanged"),
    ],
)
def test_an_attempt_is_right_if_its_snapshot_is_published_or_the_previous_attempt_was_right(
    finished: Attempt, ledger: dict[str, Any], how: str
) -> None:
    result = settle(SYNC, finished, ledger, intact=True, extracted=True)
    assert result == PublishResult(how=how, inserted=0, updated=0, deleted=0, unchanged=3)


@pytest.mark.parametrize("ledger", [None, LEDGER])
@pytest.mark.parametrize("outcome", ["skipped", "held"])
def test_an_attempt_after_one_that_was_skipped_or_held_is_so_too(outcome: str, ledger: dict[str, Any] | None) -> None:
    finished = attempt(previous=COMPLETED | {"outcome": outcome})
    assert settle(SYNC, finished, ledger, intact=True, extracted=False) == PublishResult(how=outcome, inserted=0)


@pytest.mark.parametrize(
    ("finished", "ledger", "given", "why"),
    [
        (
            attempt(OTHER),
            LEDGER,
            {},
            "its snapshot has fingerprint b5c6d7e8, but sync_log 12 published a1b2c3d4",
        ),
        (
            attempt(OTHER, previous=COMPLETED),
            LEDGER,
            {},
            "its snapshot has fingerprint b5c6d7e8, but sync_log 12 published a1b2c3d4",
        ),
        (attempt(PUBLISHED), None, {}, "no run of this period has published"),
        (attempt(PUBLISHED), LEDGER | {"state": "derived"}, {}, "no run of this period has published"),
        (attempt(PUBLISHED), LEDGER, {"intact": False}, "somebody changed the period after sync_log 12 published it"),
        (
            attempt(PUBLISHED),
            LEDGER | {"fingerprint": None},
            {"intact": False},
            "somebody changed the period after sync_log 12 published it",
        ),
        (
            attempt(previous=COMPLETED),
            LEDGER,
            {"intact": False},
            "somebody changed the period after sync_log 12 published it",
        ),
        (
            attempt(previous=COMPLETED),
            LEDGER,
            {"extracted": False},
            "extract left no snapshot, because a person marked it while it was running",
        ),
        (attempt(), LEDGER, {}, "it took no snapshot"),
        (
            attempt(previous={"attempt": 1, "status": "failed", "outcome": None}),
            LEDGER,
            {},
            "the previous attempt (1) finished as failed and published nothing",
        ),
        (
            attempt(previous={"attempt": 1, "status": "failed", "outcome": "skipped"}),
            LEDGER,
            {},
            "the previous attempt (1) finished as failed and published nothing",
        ),
    ],
)
def test_an_attempt_that_is_not_known_to_be_right_says_why(
    finished: Attempt, ledger: dict[str, Any] | None, given: dict[str, bool], why: str
) -> None:
    with pytest.raises(NothingPublished) as raised:
        settle(SYNC, finished, ledger, **{"intact": True, "extracted": True} | given)
    assert str(raised.value) == (
        "weekly 2026-11-08..2026-11-14 (sync_log 12, attempt 2): every stage is marked success or skipped, but this "
        f"attempt published nothing: {why}. The target is unchanged. "
        "Clear 'extract' together with what follows it (Downstream)."
    )


def test_an_attempt_with_an_older_snapshot_than_the_published_one_is_superseded() -> None:
    with pytest.raises(Superseded) as raised:
        settle(SYNC, attempt(OTHER, hour=11), LEDGER, intact=True, extracted=True)
    assert str(raised.value) == (
        "weekly 2026-11-08..2026-11-14 (sync_log 12, attempt 2): its snapshot was taken at 2026-11-19 11:00:00 UTC, "
        "but sync_log 12 has published a newer one, of 2026-11-19 12:00:00 UTC. The target is unchanged. "
        "Clear 'extract' together with what follows it (Downstream) to take a new snapshot."
    )
