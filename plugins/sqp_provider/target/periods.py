"""What Postgres knows of the periods of a window, and the totals that the last check found at the source."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.publish import PublishResult
from sqp_provider.core.restatement import KnownPeriod
from sqp_provider.core.run import SyncRun
from sqp_provider.core.snapshot import PeriodTotals
from sqp_provider.hooks.postgres import Database, SqpPostgresHook
from sqp_provider.target.checks import Checks
from sqp_provider.target.publication import Publication
from sqp_provider.target.target import Target


class _NotDerived(Exception):
    """The period is no sum of weeks any more."""


def doubted_periods(database: Database, sync_type: SyncType) -> list[Period]:
    """Return the periods that were written to, or a week of which changed, after they were published, newest first."""
    statement = database.statement("restatements", "doubted_periods")
    rows = database.connection.execute(statement, {"sync_type": sync_type.value})
    return [Period.starting(sync_type, row["period_start"]) for row in rows]


@dataclass(frozen=True)
class Accounted:
    """A period of which the ledger knows what its rows must be: a snapshot, or the sum of its weeks.

    :param fingerprint: of the snapshot; none if somebody else has written to the period.
    """

    period: Period
    state: str
    row_count: int | None
    row_hash: int | None
    fingerprint: str | None
    published_at: datetime | None
    must_be_summed: bool

    def is_intact(self, database: Database) -> bool:
        """Return whether its rows are those that were published; if not, write that into the ledger.

        This finds what no trigger noticed: a partition that was dropped or detached, a disabled trigger.
        """
        found = Checks(database, _nobody(self.period)).stored_hash()
        if (found["row_count"], found["row_hash"]) == (self.row_count, self.row_hash):
            return True
        values = {
            "sync_type": self.period.sync_type.value,
            "period_start": self.period.first_day,
            "fingerprint": self.fingerprint,
            "published_at": self.published_at,
        }
        database.run("restatements", "forget_overwritten", values)
        return False

    def sum_anew(self, postgres: SqpPostgresHook, log: Any, seconds: float) -> PublishResult:
        """Make a month or quarter the sum of its weeks again, and return what was wrong.

        One that its own sync has published meanwhile, or that was deleted, is left alone.
        """
        give_up_at = time.monotonic() + seconds
        publication = Publication(
            postgres, _nobody(self.period), log, give_up_at, is_sum=True, check=_refuse_unless_derived
        )
        try:
            return publication.publish()
        except _NotDerived:
            return PublishResult(how="unchanged", inserted=0)


def accounted_periods(database: Database, sync_type: SyncType) -> list[Accounted]:
    """Return the periods of which the ledger knows what their rows must be, newest first."""
    statement = database.statement("restatements", "accounted_periods")
    rows = database.connection.execute(statement, {"sync_type": sync_type.value})
    return [Accounted(Period.starting(sync_type, row.pop("period_start")), **row) for row in rows]


def _refuse_unless_derived(target: Target) -> None:
    ledger = target.ledger()
    if ledger is None or ledger["state"] != "derived":
        raise _NotDerived


def _nobody(period: Period) -> SyncRun:
    """Return a run that has no row in ``sync_log``: the daily check reads and sums for none."""
    now = datetime.now(UTC)
    run = SyncRun(
        sync_log_id=0, attempt=0, period=period, started_at=now, dag_id="", run_id="the daily check", partition_name=""
    )
    return run.of(period)


@dataclass(frozen=True)
class Periods:
    """The periods of one type that are checked, inside one transaction."""

    database: Database
    sync_type: SyncType
    window: Sequence[Period]

    def known(self, day: date) -> dict[Period, KnownPeriod]:
        """Return ledger row, running run and last failure of each period, and whether it should be there on a day."""
        firsts = [period.first_day for period in self.window]
        values = {"sync_type": self.sync_type.value, "period_starts": firsts, "day": day}
        rows = self.database.connection.execute(self.database.statement("restatements", "known_periods"), values)
        return {Period.starting(self.sync_type, row.pop("period_start")): KnownPeriod(**row) for row in rows}

    def record_seen(self, source: Mapping[Period, PeriodTotals], seen_at: datetime) -> None:
        """Write what the source had at ``seen_at``. A period that is not in ``source`` had no rows."""
        rows = [
            {
                "sync_type": self.sync_type.value,
                "period_start": period.first_day,
                "period_end": period.last_day,
                "fingerprint": seen and seen.fingerprint,
                "row_count": seen.totals.row_count if seen else 0,
                "reject_count": seen.reject_count if seen else 0,
                "seen_at": seen_at,
            }
            for period in self.window
            for seen in [source.get(period)]
        ]
        with self.database.connection.cursor() as cursor:
            cursor.executemany(self.database.statement("restatements", "record_seen"), rows)
        self.database.run("restatements", "settle_outdated", {"sync_type": self.sync_type.value})
