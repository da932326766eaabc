"""Stop a stage whose attempt, run or snapshot is not the newest of its period."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqp_provider.core.errors import NewerRun, RunClosed, Superseded
from sqp_provider.core.run import SyncRun


def refuse_replaced_attempt(sync: SyncRun, current: Mapping[str, Any]) -> None:
    """Stop a stage of an earlier attempt, or of a run that was closed while the stage was running.

    :param current: ``attempt`` and ``sync_status`` of the run's row.
    :raises Superseded: a newer attempt of the same run has taken over.
    :raises RunClosed: the run's row was closed, and no other attempt has taken over.
    """
    if current["attempt"] != sync.attempt:
        raise Superseded(
            f"{sync}: attempt {current['attempt']} of the same run has taken over from attempt {sync.attempt}. "
            "The target is unchanged. There is nothing to do: the newer attempt continues."
        )
    if current["sync_status"] != "started":
        raise RunClosed(
            f"{sync}: the run was closed as {current['sync_status']} while this task was still running. "
            "The target is unchanged. Clear the task to try again."
        )


def refuse_finished_task(sync: SyncRun, task_id: str, state: str | None) -> None:
    """Stop a task whose run was closed before the task began, unless Airflow is running the task now.

    :param state: the task's state in Airflow; ``running`` if the task was cleared after the run had finished.
    :raises RunClosed: a person marked the task, or Airflow gave it up.
    """
    if state != "running":
        raise RunClosed(
            f"{sync}: the run was closed as {sync.sync_status} and {task_id} is {state}. The target is unchanged. "
            "Clear the task to try again."
        )


def refuse_older_run(sync: SyncRun, newer: Mapping[str, Any] | None) -> None:
    """Stop a run if a later run of the same period has started: the later one has the newer data.

    :param newer: ``id``, ``run_id``, ``started_at`` and ``sync_status`` of the newest later run, or None.
    :raises NewerRun: names the later run.
    """
    if newer:
        raise NewerRun(
            f"{sync}: run {newer['run_id']} (sync_log {newer['id']}) does it. It is of the same period, started later, "
            f"at {newer['started_at']:%Y-%m-%d %H:%M:%S %Z}, and is {newer['sync_status']}. "
            "This run has published nothing."
        )


def refuse_older_snapshot(sync: SyncRun, snapshot_at: datetime, ledger: Mapping[str, Any] | None) -> None:
    """Stop a publish of a snapshot that is older than the published one.

    A run that is cleared a week later may still have last week's snapshot.

    :param ledger: ``snapshot_at`` and ``sync_log_id`` of the period's row, or None.
    :raises Superseded: names both times.
    """
    published_at = ledger and ledger["snapshot_at"]
    if ledger and published_at and published_at > snapshot_at:
        raise Superseded(
            f"{sync}: its snapshot was taken at {snapshot_at:%Y-%m-%d %H:%M:%S %Z}, but sync_log "
            f"{ledger['sync_log_id']} has published a newer one, of {published_at:%Y-%m-%d %H:%M:%S %Z}. "
            "The target is unchanged. "
            "Clear 'extract' together with what follows it (Downstream) to take a new snapshot."
        )
