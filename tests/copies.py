"""Copies of periods as they were published, kept by a test, to be compared with what ``…_as_of()`` returns later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.errors import RaiseException

from sqp_provider.core.period import Period

Rows = list[tuple[str]]
Connection = psycopg.Connection[Any]


@dataclass
class Copies:
    """All columns of each period at each of its publishes after which a test has looked.

    :param excused: up to which version a period need not be had, because somebody wrote past the triggers.
    """

    periods: Iterable[Period]
    copies: dict[Period, dict[int, tuple[datetime, Rows]]] = field(default_factory=dict)
    excused: dict[Period, int] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)

    def excuse(self, connection: Connection, period: Period) -> None:
        """Note that somebody writes to the period in a way that no trigger of its table sees."""
        self.excused[period] = _last_version(connection, period) or 0

    def look(self, connection: Connection) -> None:
        """Copy each period that was published since, unless somebody else has written to it meanwhile."""
        for period in self.periods:
            version = _last_version(connection, period)
            if version is None or version in self.copies.get(period, {}):
                continue
            if not _was_written_to(connection, period, version):
                (at,) = _row(
                    connection,
                    "select published_at from period_version"
                    " where sync_type = %s and period_start = %s and version = %s",
                    period,
                    version,
                )
                self.copies.setdefault(period, {})[version] = (at, stored(connection, period))

    def compare(self, connection: Connection, newest: int | None = None) -> None:
        """Have each period as it was at each publish, or the newest of them; it is its copy, or an excuse is known."""
        for period, copies in self.copies.items():
            for version, (at, copy) in sorted(copies.items())[-(newest or 0) :]:
                found = had(connection, period, at)
                if isinstance(found, RaiseException):
                    assert version <= self.excused.get(period, -1), (period, version, str(found))
                    self.tally["refused"] += 1
                else:
                    missing, wrong = sorted(set(copy) - set(found)), sorted(set(found) - set(copy))
                    assert not missing, (period, version, missing, wrong)
                    assert not wrong, (period, version, wrong)
                    assert len(found) == len(copy), (period, version)
                    self.tally["exact"] += 1


def stored(connection: Connection, period: Period) -> Rows:
    """Return the rows of a period as the table has them, as texts."""
    statement = f"select t::text from {period.sync_type.target_table} as t where period_start = %s order by query, asin"
    return connection.execute(statement.encode(), [period.first_day]).fetchall()


def had(connection: Connection, period: Period, at: datetime) -> Rows | RaiseException:
    """Return the rows of a period as they were published, as texts, or why they cannot be had."""
    statement = f"select t::text from {period.sync_type.value}_as_of(%s, %s) as t order by query, asin"
    try:
        return connection.execute(statement.encode(), [period.first_day, at]).fetchall()
    except RaiseException as refused:
        return refused


def _last_version(connection: Connection, period: Period) -> int | None:
    statement = (
        "select max(version) from period_version where sync_type = %s and period_start = %s and how <> 'deleted'"
    )
    (version,) = _row(connection, statement, period)
    return version if version is None else int(version)


def _was_written_to(connection: Connection, period: Period, version: int) -> bool:
    statement = (
        "select exists (select from period_change where sync_type = %s and period_start = %s and version is null"
        " and id > %s) or not exists (select from synced_period where sync_type = %s and period_start = %s"
        " and fingerprint is not null)"
    )
    key = period.sync_type.value, period.first_day
    return bool(_row(connection, statement, period, version, *key)[0])


def _row(connection: Connection, statement: str, period: Period, *values: Any) -> tuple[Any, ...]:
    found = connection.execute(statement.encode(), [period.sync_type.value, period.first_day, *values]).fetchone()
    assert found is not None
    return tuple(found)
