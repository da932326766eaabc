"""The demo's source table: several weeks, and everything that goes wrong with such data."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from dev.sample_data.market import Market
from dev.sample_data.source import SampleSource


@dataclass(frozen=True)
class Scenario:
    """Weeks up to the one that starts on `last_week`, a Sunday: `Scenario(Market(), date(2026, 11, 8), weeks=6)`."""

    market: Market
    last_week: date
    weeks: int
    malformed: int = 1

    def __post_init__(self) -> None:
        if self.last_week.isoweekday() != 7:
            raise ValueError(f"last_week {self.last_week} is a {self.last_week:%A}; a week starts on Sunday.")
        if self.weeks < 1:
            raise ValueError(f"weeks must be 1 or more, not {self.weeks}.")

    def week(self, weeks_ago: int) -> date:
        """Return the Sunday of a week, counted back from the last week, which is 0."""
        return self.last_week - timedelta(weeks=weeks_ago)

    def land(self, source: SampleSource) -> Iterator[str]:
        """Land everything into an empty table, and yield a line about each step."""
        source.create()
        for weeks_ago in reversed(range(self.weeks)):
            week = self.week(weeks_ago)
            late_asins = self.late_asins if weeks_ago == 1 else 0
            yield f"{week} on time: {source.land_weeks(self.market, week, late_asins=late_asins):,} rows"
            if weeks_ago == 1:
                yield from self._land_again(source, week)
            if self.malformed:
                kinds = source.land_malformed(week, self.malformed)
                yield f"{week} malformed: {sum(kinds.values()):,} rows of {len(kinds)} kinds"
        yield f"{self.last_week} other spellings: {source.land_spellings(self.last_week):,} rows"
        yield f"{self.last_week} unusual queries: {source.land_unusual(self.last_week):,} rows"

    @property
    def late_asins(self) -> int:
        """Return how many ASINs of the last week but one arrive late: one in twenty, at least one."""
        return max(1, self.market.asins // 20)

    def _land_again(self, source: SampleSource, week: date) -> Iterator[str]:
        late = source.land_late(self.market, week, late_asins=self.late_asins)
        yield f"{week} late: {late:,} rows of {self.late_asins} ASINs"
        yield f"{week} landed again a day later: {source.reland(week):,} rows"
        yield f"{week} landed twice at once: {source.reland(week, percent=1, hours=0):,} rows"
        restated = source.restate(week)
        yield f"{week} restated: {restated.landed:,} rows changed, {restated.deleted:,} deleted"
