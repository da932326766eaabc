"""What an attempt came to when no stage of it said so."""

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
    ("ended", "ledger", "how"),
    [
        (attempt("a"), LEDGER, "already published"),
        (attempt("a"), LEDGER | {"sync_log_id": 8}, "unchanged"),
        (attempt("a", hour=11), LEDGER, "already published"),
        (attempt(previous=COMPLETED), LEDGER, "already published"),
        (attempt(previous={"attempt": 1, "status": "started", "outcome": "attached"}), LEDGER, "already published"),
        (attempt(previous=COMPLETED | {"outcome": "unchanged"}), LEDGER | {"sync_log_id": 8}, "unchanged"),
    ],
)
def test_an_attempt_is_right_when_its_snapshot_or_the_one_before_is_published(
    ended: Attempt, ledger: dict[str, Any], how: str
) -> None:
    result = settle(SYNC, ended, ledger, intact=True, extracted=True)
    assert (result.how, result.unchanged) == (how, 3)


@pytest.mark.parametrize(
    ("ended", "ledger", "given", "error", "why"),
    [
        (attempt("b"), LEDGER, {}, NothingPublished, "fingerprint bbbbbbbb, is not what sync_log 7"),
        (attempt("b", previous=COMPLETED), LEDGER, {}, NothingPublished, "is not what sync_log 7 has published"),
        (attempt("b", hour=11), LEDGER, {}, Superseded, "its snapshot is of 2026-11-19 11:00:00"),
        (attempt("a"), None, {}, NothingPublished, "no run of the period has published"),
        (attempt("a"), LEDGER | {"state": "derived"}, {}, NothingPublished, "no run of the period has published"),
        (attempt("a"), LEDGER, {"intact": False}, NothingPublished, "was changed since sync_log 7"),
        (attempt("a"), LEDGER | {"fingerprint": None}, {"intact": False}, NothingPublished, "was changed since"),
        (attempt(previous=COMPLETED), LEDGER, {"intact": False}, NothingPublished, "was changed since sync_log 7"),
        (attempt(previous=COMPLETED), LEDGER, {"extracted": False}, NothingPublished, "extract left no snapshot"),
        (attempt(), LEDGER, {}, NothingPublished, "it took no snapshot"),
        (
            attempt(previous={"attempt": 1, "status": "failed", "outcome": None}),
            LEDGER,
            {},
            NothingPublished,
            "attempt 1 before it ended as failed without publishing",
        ),
    ],
)
def test_an_attempt_that_is_not_known_to_be_right_says_why(
    ended: Attempt, ledger: dict[str, Any] | None, given: dict[str, bool], error: type[SyncError], why: str
) -> None:
    with pytest.raises(error, match=why) as raised:
        settle(SYNC, ended, ledger, **{"intact": True, "extracted": True} | given)
    assert "Clear 'extract' together with what follows it (Downstream)" in str(raised.value)
