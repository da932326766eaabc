"""Decide the outcome of an attempt in which no stage published.

This happens when a person clears only some stages, or marks a stage as success.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from sqp_provider.core.errors import NothingPublished
from sqp_provider.core.fence import refuse_older_snapshot
from sqp_provider.core.publish import NOT_YET, PublishResult
from sqp_provider.core.run import SyncRun


class SnapshotTaken(BaseModel):
    """The parts of a snapshot in ``sync_log`` that are compared with the ledger."""

    fingerprint: str
    snapshot_at: datetime


class PreviousAttempt(BaseModel):
    """How the previous attempt finished.

    ``outcome`` is ``attached``, ``difference`` or ``unchanged``, for example; ``skipped`` if a newer run did it or it
    came too early, ``held`` if it is still arriving. It is None if no stage published or found the period unchanged.
    """

    attempt: int
    status: str
    outcome: str | None

    @property
    def finished_well(self) -> bool:
        """Whether the period was right after that attempt, even if log_finish was killed before it wrote so."""
        return self.outcome not in NOT_YET and (self.status == "completed" or self.outcome is not None)

    @property
    def made_way(self) -> bool:
        """Whether there was nothing to publish yet: it was skipped or held."""
        return self.outcome in NOT_YET and self.status == "completed"


class Attempt(BaseModel):
    """The current attempt of a run; built from a row of the statement ``read_attempt``."""

    model_config = ConfigDict(frozen=True)

    outcome: str | None
    snapshot: SnapshotTaken | None
    previous: PreviousAttempt | None


def settle(
    sync: SyncRun, attempt: Attempt, ledger: Mapping[str, Any] | None, *, intact: bool, extracted: bool
) -> PublishResult:
    """Return the outcome of an attempt in which no stage published or found the period unchanged.

    A stage that was not cleared keeps its old success, which may be of another snapshot. So states alone prove nothing:

    - An attempt with a snapshot is right if the ledger has exactly this snapshot.
    - An attempt without a snapshot is right if the previous attempt was right and nobody wrote to the period since.

    - An attempt without a snapshot is what the previous attempt was if that one was skipped or held.

    :param ledger: ``state``, ``fingerprint``, ``row_count`` and ``sync_log_id`` of the period, or None.
    :param intact: whether the target still has the rows that the ledger counts.
    :param extracted: whether extract's result exists; Airflow deletes it when a person marks extract while it runs.
    :raises Superseded: another run has published a later snapshot with other rows.
    :raises NothingPublished: says why the period may differ from the source.
    """
    if attempt.snapshot is None and attempt.previous and attempt.previous.made_way:
        return PublishResult(how=str(attempt.previous.outcome), inserted=0)
    if ledger is None or ledger["state"] != "synced":
        raise _nothing(sync, "no run of this period has published")
    if attempt.snapshot and ledger["fingerprint"] and attempt.snapshot.fingerprint != ledger["fingerprint"]:
        refuse_older_snapshot(sync, attempt.snapshot.snapshot_at, ledger)
        raise _nothing(
            sync,
            f"its snapshot has fingerprint {attempt.snapshot.fingerprint[:8]}, but sync_log {ledger['sync_log_id']} "
            f"published {ledger['fingerprint'][:8]}",
        )
    if not intact:
        raise _nothing(sync, f"somebody changed the period after sync_log {ledger['sync_log_id']} published it")
    if attempt.snapshot is None:
        _refuse_without_snapshot(sync, attempt.previous, extracted=extracted)
    mine = ledger["sync_log_id"] == sync.sync_log_id
    how = "already published" if mine else "unchanged"
    return PublishResult(how=how, inserted=0, unchanged=ledger["row_count"])


def _refuse_without_snapshot(sync: SyncRun, previous: PreviousAttempt | None, *, extracted: bool) -> None:
    if not extracted:
        raise _nothing(sync, "extract left no snapshot, because a person marked it while it was running")
    if previous is None:
        raise _nothing(sync, "it took no snapshot")
    if not previous.finished_well:
        raise _nothing(
            sync, f"the previous attempt ({previous.attempt}) finished as {previous.status} and published nothing"
        )


def _nothing(sync: SyncRun, why: str) -> NothingPublished:
    return NothingPublished(
        f"{sync}: every stage is marked success or skipped, but this attempt published nothing: {why}. "
        "The target is unchanged. Clear 'extract' together with what follows it (Downstream)."
    )
