"""What can go wrong in a sync, and whether a retry can help.

Every message says what failed and where, what was found, that the target is unchanged, and what to do.
``heals`` says whether the same attempt can succeed later: a lost connection may come back, a missing column does not.
"""

from __future__ import annotations

import re

_FOR_A_TASK = [
    (
        re.compile(r"Airflow tries the task again\.( If it fails again, clear (it|the task)( when [^.]+)?\.)?"),
        r"Try again\3.",
    ),
    (re.compile(r"Clear the task to (try|run it) again\."), "Try again."),
    (re.compile(r"(,? (and|then))? clear the (failed )?task"), ""),
]
"""What only a task is told, and what a person is told instead."""

REPORT_IT = "Report this as a mistake of SQP Sync."


class SyncError(Exception):
    """The sync cannot continue."""

    heals = False


class InvalidSettings(SyncError):
    """The configuration file has a mistake."""


class InvalidTrigger(SyncError):
    """Whoever started the run asked for something that no run does, such as an unknown key."""


class InvalidPeriod(InvalidTrigger):
    """The requested date starts no period, or one that has not ended."""


class ConnectionMissing(SyncError):
    """Airflow has no connection of the configured name."""


class SourceUnusable(SyncError):
    """The source table does not fit the configuration: the table, a column, a type or a right is missing."""


class SourceEmpty(SyncError):
    """The source has no usable row for the period. An empty period is synced only with ``allow_empty``."""


class SourceUnreachable(SyncError):
    """BigQuery does not answer, or asks to try again later."""

    heals = True


class SnapshotExpired(SyncError):
    """The snapshot is gone before the stage could read it."""


class StagedMissing(SyncError):
    """The staged rows are gone, or they come from another snapshot."""


class TargetUnreachable(SyncError):
    """Postgres does not answer, or asks to try again later."""

    heals = True


class TargetBusy(TargetUnreachable):
    """Somebody holds a lock in Postgres for longer than we wait."""


class TargetUnusable(SyncError):
    """Postgres answers, but its schema or the rights on it do not fit."""


class SchemaMismatch(TargetUnusable):
    """The schema is older or newer than this code."""


class SchemaOwned(TargetUnusable):
    """The schema belongs to another Airflow."""


class ChecksFailed(SyncError):
    """A quality check found that the staged rows differ from the snapshot."""


class DeletesRefused(SyncError):
    """The publish would delete a larger part of the period than ``max_delete_fraction`` allows."""


class NothingPublished(SyncError):
    """Every stage is marked success or skipped, but none published, so the period may differ from the source."""


class Superseded(SyncError):
    """A newer attempt of the same run has taken over, or newer data is published already."""


class NewerRun(Exception):
    """A newer run of the same period does it, so this run is skipped."""


class RunClosed(SyncError):
    """The run's row was closed while one of its tasks was still running. No other run has taken over."""


def to_a_person(message: str) -> str:
    """Return an error's message for somebody at a command line, where no task is tried again or cleared."""
    for told, instead in _FOR_A_TASK:
        message = told.sub(instead, message)
    return message.strip()


def unforeseen(what: str, error: Exception) -> str:
    """Return the sentence for an error that nobody has foreseen, such as ``the proof broke: TypeError: …``."""
    return f"{what} broke: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
