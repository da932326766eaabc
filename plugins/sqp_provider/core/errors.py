"""What can go wrong, said so that the reader knows what to do.

Every message names what failed and where, what was found, that the data is untouched, and the way out.
``heals`` tells whether trying the same again later can help: a lost connection may, a missing column may not.
"""

from __future__ import annotations


class SyncError(Exception):
    """A sync could not go on."""

    heals = False


class InvalidSettings(SyncError):
    """The configuration file has a mistake."""


class InvalidPeriod(SyncError):
    """The requested period is not one that the report has."""


class SourceUnusable(SyncError):
    """The source table, a column, its type or the rights on it do not fit the configuration."""


class SourceEmpty(SyncError):
    """The source has no rows for the period, which is never a success by itself."""


class SourceUnreachable(SyncError):
    """BigQuery did not answer, or asked to try later."""

    heals = True


class SnapshotExpired(SyncError):
    """The snapshot that a stage should read is no longer there."""


class StagedMissing(SyncError):
    """The staged rows that a stage should read are no longer there, or are those of another snapshot."""


class TargetUnreachable(SyncError):
    """Postgres did not answer, or asked to try later."""

    heals = True


class TargetUnusable(SyncError):
    """Postgres answered, but the schema or the rights on it do not fit."""


class SchemaMismatch(TargetUnusable):
    """The schema is older or newer than the code that wants to use it."""


class SchemaOwned(TargetUnusable):
    """The schema belongs to another Airflow."""


class ChecksFailed(SyncError):
    """A quality check found the staged rows different from the snapshot."""


class DeletesRefused(SyncError):
    """Publishing would delete a larger part of the period than the guard allows."""


class NothingPublished(SyncError):
    """Every stage is marked success or skipped, but the period is not known to hold what the source had."""


class Superseded(SyncError):
    """A newer attempt of the same period has taken over, or has published newer data: the period is in good hands."""


class RunClosed(Superseded):
    """The run was closed while a task of it was still at work; nobody else has taken over."""
