"""What Postgres' errors mean for a sync: what happened, whether a retry may help, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from sqp_provider.core.errors import SyncError, TargetBusy, TargetUnreachable, TargetUnusable

_REFUSED_LOGIN = re.compile(r"authentication failed|(role|database) \"[^\"]*\" does not exist|no password supplied")

_AGAIN = "Airflow tries the task again. If it fails again, clear "

_EXPLAINED: tuple[tuple[tuple[type[psycopg.Error], ...], type[SyncError], str, str], ...] = (
    (
        (errors.InsufficientPrivilege,),
        TargetUnusable,
        "is not permitted",
        "Grant the connection's role the right that the error names.",
    ),
    (
        (
            errors.UndefinedTable,
            errors.UndefinedColumn,
            errors.UndefinedFunction,
            errors.InvalidSchemaName,
        ),
        TargetUnusable,
        "found the schema incomplete",
        "Run the Dag sqp_migrate (or 'sqp migrate').",
    ),
    (
        (errors.LockNotAvailable, errors.DeadlockDetected),
        TargetBusy,
        "did not get a lock",
        f"{_AGAIN}it.",
    ),
    (
        (psycopg.OperationalError, psycopg.InterfaceError),
        TargetUnreachable,
        "did not succeed",
        f"{_AGAIN}the task when Postgres is back.",
    ),
    ((psycopg.Error,), TargetUnusable, "was refused", "Remove the cause that the error names, then clear the task."),
)
"""What an exception becomes, what happened, and what to do. The first line that fits counts."""


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn psycopg's exceptions into ours; other exceptions pass."""
    try:
        yield
    except psycopg.Error as error:
        raise _explanation(what, error) from error


def _explanation(what: str, error: psycopg.Error) -> SyncError:
    if isinstance(error, errors.NumericValueOutOfRange):
        return _too_large(what, error)
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) and _REFUSED_LOGIN.search(str(error)):
        remedy = "Check login, password and database of the connection that target.conn_id names."
        return TargetUnusable(_message(what, "was refused", error, remedy))
    meant = next(line for line in _EXPLAINED if isinstance(error, line[0]))
    _, becomes, outcome, remedy = meant
    return becomes(_message(what, outcome, error, remedy))


def _too_large(what: str, error: psycopg.Error) -> TargetUnusable:
    # Of a sum Postgres names no column, of a copied row it does.
    where = next((f" ({line})" for line in (error.diag.context or "").splitlines()[:1] if "COPY" in line), "")
    return TargetUnusable(
        f"{what} was refused: {error.diag.message_primary}{where}. A figure, or a sum of weeks in a month or "
        "quarter, is too large for its column. The target is unchanged. Make the column bigint (alter table … "
        "alter column … type bigint), then clear the task."
    )


def _message(what: str, outcome: str, error: psycopg.Error, remedy: str) -> str:
    return f"{what} {outcome}: {found_in(error)}. The target is unchanged. {remedy}"


def found_in(error: psycopg.Error) -> str:
    """Return what Postgres said, in one line, without the question that its client adds: is the server running?"""
    said = [line for line in str(error).splitlines() if not line.endswith("?")]
    return " ".join(" ".join(said).split())[:600] or type(error).__name__
