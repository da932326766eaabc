"""What the statements of a sync would read, by dry runs, which cost nothing and change nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from sqp_provider.core.cost import cost, size
from sqp_provider.core.doctor import Answer, failed, good
from sqp_provider.core.feed_share import Reading
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncRun
from sqp_provider.core.settings import Settings
from sqp_provider.source.table import Source

WEEKS_OF_A_YEAR = 52


class DryRuns:
    """The statements of one source, run dry.

    :param now: decides which periods are due.
    :param price_per_tib: what BigQuery asks for a TiB, if money is wanted.
    """

    def __init__(self, source: Source, settings: Settings, now: datetime, price_per_tib: float | None) -> None:
        self.source = source
        self.settings = settings
        self.now = now
        self.price_per_tib = price_per_tib
        self._known: dict[Period, int] = {}

    def week(self) -> Answer:
        """What the extract of one week reads, against what is allowed."""
        (week,) = self._due(SyncType.WEEKLY, 1)
        found, allowed = self.week_bytes(), self.settings.source.maximum_bytes_billed
        if allowed is not None and found > allowed:
            return failed(
                f"{size(found)} for {week.dates}, more than source.maximum_bytes_billed allows ({size(allowed)})",
                "Partition the table by its date, or raise source.maximum_bytes_billed.",
            )
        return good(f"{cost(found, self.price_per_tib)} for {week.dates}")

    def year(self) -> Answer:
        """What 52 weekly extracts read, at most: 52 times the newest week, or all of the year if that is more."""
        weeks = self._due(SyncType.WEEKLY, WEEKS_OF_A_YEAR)
        told = cost(self.year_bytes(), self.price_per_tib, WEEKS_OF_A_YEAR)
        return good(f"{told} for {WEEKS_OF_A_YEAR} extracts since {weeks[-1].first_day}, at most")

    def daily(self) -> Answer:
        """What the daily check for restatements reads."""
        windows = self._windows()
        found = cost(self.daily_bytes(), self.price_per_tib, len(windows))
        told = ", ".join(f"{len(window)} {window[0].sync_type}" for window in windows) or "no"
        return good(f"{found} a day for {told} periods")

    def week_bytes(self) -> int:
        """Return what the extract of the newest week that is due reads."""
        return self.extract(*self._due(SyncType.WEEKLY, 1))

    def year_bytes(self) -> int:
        """Return what 52 weekly extracts read, at most."""
        weeks = self._due(SyncType.WEEKLY, WEEKS_OF_A_YEAR)
        return max(WEEKS_OF_A_YEAR * self.extract(weeks[0]), self.window(weeks))

    def daily_bytes(self) -> int:
        """Return what the daily check reads."""
        return sum(self.window(window) for window in self._windows())

    def reading(self) -> Reading:
        """Return all three."""
        bytes_of = {
            "a week": (self.week_bytes(), 1),
            "a year": (self.year_bytes(), WEEKS_OF_A_YEAR),
            "a daily check": (self.daily_bytes(), len(self._windows())),
        }
        return Reading(bytes_of, self.price_per_tib)

    def _windows(self) -> list[list[Period]]:
        """Return the periods of a daily check, by type."""
        return [
            self._due(sync_type, periods)
            for sync_type in SyncType
            if (periods := self.settings.restatements.periods_of(sync_type))
        ]

    def _due(self, sync_type: SyncType, periods: int) -> list[Period]:
        """Return the newest periods that are due, newest first."""
        delay = self.settings.schedule.delay(sync_type)
        return Period.latest_due(sync_type, self.now, delay).with_previous(periods)

    def extract(self, period: Period) -> int:
        """Return the bytes of an extract that would write a snapshot."""
        if period not in self._known:
            sync = SyncRun(
                sync_log_id=0,
                attempt=1,
                period=period,
                started_at=self.now.astimezone(UTC),
                dag_id="sqp_doctor",
                run_id="sqp_doctor",
                partition_name="",
            )
            snapshot = self.source.snapshot_table(f"{self.settings.target.schema_name}_dry_run")
            statement = self.source.extract_statement(sync, snapshot)
            parameters = self.source.parameters(period)
            self._known[period] = self.source.hook.bytes_of(statement, parameters, self.source.location)
        return self._known[period]

    def window(self, periods: list[Period]) -> int:
        """Return the bytes of a check that reads the totals of several periods."""
        first, last = min(periods), max(periods)
        statement = self.source.totals_statement(first.sync_type)
        return self.source.hook.bytes_of(statement, self.source.parameters(first, last), self.source.location)
