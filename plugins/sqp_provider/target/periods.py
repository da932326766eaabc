"""What Postgres knows of the periods of a window, and the totals that the last check found at the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.restatement import KnownPeriod
from sqp_provider.core.snapshot import PeriodTotals
from sqp_provider.hooks.postgres import Database


def doubted_periods(database: Database, sync_type: SyncType) -> list[Period]:
    """Return the periods that were written to, or a week of which changed, after they were published, newest first.

    A period whose partition somebody has dropped or detached is one of them.
    """
    database.run("restatements", "forget_lost", {"sync_type": sync_type.value})
    statement = database.statement("restatements", "doubted_periods")
    rows = database.connection.execute(statement, {"sync_type": sync_type.value})
    return [Period.starting(sync_type, row["period_start"]) for row in rows]


@dataclass(frozen=True)
class Periods:
    """The periods of one type that are checked, inside one transaction."""

    database: Database
    sync_type: SyncType
    window: Sequence[Period]

    def known(self) -> dict[Period, KnownPeriod]:
        """Return ledger row, running run and last failure of each period."""
        values = {"sync_type": self.sync_type.value, "period_starts": [period.first_day for period in self.window]}
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
