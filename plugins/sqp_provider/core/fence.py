"""Who may go on: only the newest attempt of the newest run, and only with data as new as what is published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqp_provider.core.errors import RunClosed, Superseded
from sqp_provider.core.run import SyncRun


def refuse_replaced_attempt(sync: SyncRun, current: Mapping[str, Any]) -> None:
    """Stop an attempt that is not the run's current one, or whose run was closed meanwhile.

    :param current: ``attempt`` and ``sync_status`` of the run's row.
    :raises Superseded: says who has taken over.
    :raises RunClosed: nobody has.
    """
    if current["attempt"] != sync.attempt:
        raise Superseded(
            f"{sync}: attempt {current['attempt']} of the same run has taken over, this one is attempt "
            f"{sync.attempt}. The target is unchanged. There is nothing to do: the newer attempt goes on."
        )
    if current["sync_status"] != "started":
        raise RunClosed(
            f"{sync}: the run was closed as {current['sync_status']} while this task was still at work. "
            "The target is unchanged. Clear the task to try again."
        )


def refuse_finished_task(sync: SyncRun, task_id: str, state: str | None) -> None:
    """Stop a task whose run was closed before it had begun, unless Airflow still wants it.

    :param state: what Airflow says of the task now; one that was cleared after the run's end is running.
    :raises RunClosed: a person marked the task, or Airflow gave it up.
    """
    if state != "running":
        raise RunClosed(
            f"{sync}: the run was closed as {sync.sync_status} and {task_id} is {state}. The target is unchanged. "
            "Clear the task to try again."
        )


def refuse_older_run(sync: SyncRun, newer: Mapping[str, Any] | None) -> None:
    """Stop a run of a period that a later run has taken on.

    :param newer: ``id``, ``run_id``, ``started_at`` and ``sync_status`` of the newest later run, or None.
    :raises Superseded: says which run.
    """
    if newer:
        raise Superseded(
            f"{sync}: run {newer['run_id']} (sync_log {newer['id']}) of the same period started later, at "
            f"{newer['started_at']:%Y-%m-%d %H:%M:%S %Z}, and is {newer['sync_status']}. The target is unchanged. "
            "There is nothing to do unless that run fails; then clear it, or this one."
        )


def refuse_older_snapshot(sync: SyncRun, snapshot_at: datetime, ledger: Mapping[str, Any] | None) -> None:
    """Stop a publish of data older than what is published: a cleared run may hold a snapshot of last week.

    :param ledger: ``snapshot_at`` and ``sync_log_id`` of the period's row, or None.
    :raises Superseded: says both times.
    """
    published_at = ledger and ledger["snapshot_at"]
    if ledger and published_at and published_at > snapshot_at:
        raise Superseded(
            f"{sync}: its snapshot is of {snapshot_at:%Y-%m-%d %H:%M:%S %Z}, but sync_log "
            f"{ledger['sync_log_id']} has published one of {published_at:%Y-%m-%d %H:%M:%S %Z}. "
            "The target is unchanged. "
            "Clear 'extract' together with what follows it (Downstream) to take a new snapshot."
        )
