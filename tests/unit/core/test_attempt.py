"""The outcome of an attempt in which no stage published."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from sqp_provider.core.attempt import Attempt, settle
from sqp_provider.core.errors import NothingPublished, Superseded, SyncError
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncRun

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
SYNC = SyncRun(
    sync_log_id=7,
    attempt=2,
    period=Period.starting(SyncType.WEEKLY, date(2026, 11, 8)),
    started_at=NOON,
    dag_id="sqp_weekly_sync",
    run_id="manual__1",
    partition_name="weekly_summary_20261108",
)
LEDGER = {"state": "synced", "fingerprint": "a" * 32, "row_count": 3, "sync_log_id": 7, "snapshot_at": NOON}
COMPLETED = {"attempt": 1, "status": "completed", "outcome": "attached"}


def attempt(snapshot: str | None = None, hour: int = 13, previous: dict[str, Any] | None = None) -> Attempt:
    taken = {"fingerprint": snapshot * 32, "snapshot_at": NOON.replace(hour=hour)} if snapshot else None
    return Attempt.model_validate({"outcome": None, "snapshot": taken, "previous": previous})


@pytest.mark.parametrize(
    ("finished", "ledger", "how"),
    [
        (attempt("a"), LEDGER, "already published"),
        (attempt("a"), LEDGER | {"sync_log_id": 8}, "unchanged"),
        (attempt("a", hour=11), LEDGER, "already published"),
        (attempt(previous=COMPLETED), LEDGER, "already published"),
        (attempt(previous={"attempt": 1, "status": "started", "outcome": "attached"}), LEDGER, "already published"),
        (attempt(previous=COMPLETED | {"outcome": "unchanged"}), LEDGER | {"sync_log_id": 8}, "unchanged"),
    ],
)
def test_an_attempt_is_right_if_its_snapshot_is_published_or_the_previous_attempt_was_right(
    finished: Attempt, ledger: dict[str, Any], how: str
) -> None:
    result = settle(SYNC, finished, ledger, intact=True, extracted=True)
    assert (result.how, result.unchanged) == (how, 3)


@pytest.mark.parametrize(
    ("finished", "ledger", "given", "error", "why"),
    [
        (attempt("b"), LEDGER, {}, NothingPublished, "fingerprint bbbbbbbb, but sync_log 7 published aaaaaaaa"),
        (attempt("b", previous=COMPLETED), LEDGER, {}, NothingPublished, "but sync_log 7 published aaaaaaaa"),
        (attempt("b", hour=11), LEDGER, {}, Superseded, "its snapshot was taken at 2026-11-19 11:00:00"),
        (attempt("a"), None, {}, NothingPublished, "no run of this period has published"),
        (attempt("a"), LEDGER | {"state": "derived"}, {}, NothingPublished, "no run of this period has published"),
        (attempt("a"), LEDGER, {"intact": False}, NothingPublished, "changed the period after sync_log 7"),
        (attempt("a"), LEDGER | {"fingerprint": None}, {"intact": False}, NothingPublished, "changed the period after"),
        (
            attempt(previous=COMPLETED),
            LEDGER,
            {"intact": False},
            NothingPublished,
            "changed the period after sync_log 7",
        ),
        (attempt(previous=COMPLETED), LEDGER, {"extracted": False}, NothingPublished, "extract left no snapshot"),
        (attempt(), LEDGER, {}, NothingPublished, "it took no snapshot"),
        (
            attempt(previous={"attempt": 1, "status": "failed", "outcome": None}),
            LEDGER,
            {},
            NothingPublished,
            r"the previous attempt \(1\) finished as failed and published nothing",
        ),
    ],
)
def test_an_attempt_that_is_not_known_to_be_right_says_why(
    finished: Attempt, ledger: dict[str, Any] | None, given: dict[str, bool], error: type[SyncError], why: str
) -> None:
    with pytest.raises(error, match=why) as raised:
        settle(SYNC, finished, ledger, **{"intact": True, "extracted": True} | given)
    assert "Clear 'extract' together with what follows it (Downstream)" in str(raised.value)
