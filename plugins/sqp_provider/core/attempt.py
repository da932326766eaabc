"""What an attempt came to when none of its stages said so: a clear leaves stages out, a person can mark any success."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from sqp_provider.core.errors import NothingPublished
from sqp_provider.core.fence import refuse_older_snapshot
from sqp_provider.core.publish import PublishResult
from sqp_provider.core.run import SyncRun


class SnapshotTaken(BaseModel):
    """What ``sync_log`` keeps of a snapshot, as far as it is compared with the ledger."""

    fingerprint: str
    snapshot_at: datetime


class PreviousAttempt(BaseModel):
    """How the attempt before the current one ended; ``outcome`` is None where it neither published nor had to."""

    attempt: int
    status: str
    outcome: str | None

    @property
    def finished_well(self) -> bool:
        """Whether the period was right when it ended, also where log_finish was killed before it could say so."""
        return self.status == "completed" or self.outcome is not None


class Attempt(BaseModel):
    """The current attempt of a run, as its row tells; built from a row of the statement ``read_attempt``."""

    model_config = ConfigDict(frozen=True)

    outcome: str | None
    snapshot: SnapshotTaken | None
    previous: PreviousAttempt | None


def settle(
    sync: SyncRun, attempt: Attempt, ledger: Mapping[str, Any] | None, *, intact: bool, extracted: bool
) -> PublishResult:
    """Return what an attempt came to in which no stage published, or found that there was nothing to publish.

    Stages that were not cleared keep the success they had, and it may be of another snapshot. So an attempt that took
    one is right only if exactly this one is published; one that took none, only if the attempt before was right.

    :param ledger: ``state``, ``fingerprint``, ``row_count`` and ``sync_log_id`` of the period, or None.
    :param intact: whether the target still has the rows that the ledger tells of.
    :param extracted: whether extract's result is there; it is gone when extract was marked while it ran again.
    :raises Superseded: another run has published a later snapshot, with other rows.
    :raises NothingPublished: says why the period is not known to be right.
    """
    if ledger is None or ledger["state"] != "synced":
        raise _nothing(sync, "no run of the period has published")
    if attempt.snapshot and ledger["fingerprint"] and attempt.snapshot.fingerprint != ledger["fingerprint"]:
        refuse_older_snapshot(sync, attempt.snapshot.snapshot_at, ledger)
        raise _nothing(
            sync,
            f"its snapshot, fingerprint {attempt.snapshot.fingerprint[:8]}, is not what sync_log "
            f"{ledger['sync_log_id']} has published, {ledger['fingerprint'][:8]}",
        )
    if not intact:
        raise _nothing(sync, f"the period was changed since sync_log {ledger['sync_log_id']} published it")
    if attempt.snapshot is None:
        _refuse_without_snapshot(sync, attempt.previous, extracted=extracted)
    mine = ledger["sync_log_id"] == sync.sync_log_id
    how = "already published" if mine else "unchanged"
    return PublishResult(how=how, inserted=0, unchanged=ledger["row_count"])


def _refuse_without_snapshot(sync: SyncRun, previous: PreviousAttempt | None, *, extracted: bool) -> None:
    if not extracted:
        raise _nothing(sync, "extract left no snapshot: it was marked while it was at work")
    if previous is None:
        raise _nothing(sync, "it took no snapshot")
    if not previous.finished_well:
        raise _nothing(sync, f"attempt {previous.attempt} before it ended as {previous.status} without publishing")


def _nothing(sync: SyncRun, why: str) -> NothingPublished:
    return NothingPublished(
        f"{sync}: every stage is marked success or skipped, but this attempt published nothing: {why}. "
        "The target is unchanged. Clear 'extract' together with what follows it (Downstream)."
    )
