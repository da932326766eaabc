"""What the matrix of feeds concludes: which feed cannot be trusted, why, and which is the worst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from pydantic import Field

from sqp_provider.core.period import Period, SyncType
from sqp_provider.status.filters import MatrixFilter
from sqp_provider.status.models import Activity, Freshness, Headline, Moment, PeriodStatus, Problem, Row

WEEKS = 8
"""How many weeks of each feed the matrix shows."""

LONGEST_WHY = 240
EXPECTED = frozenset({"arriving", "not yet", "running", "derived", "unknown"})
NAMED = 5
"""How many feeds the sentence names."""


class FeedHeadline(Headline):
    """The answer for one type, with the period's status in ``period_status``."""

    status: str = Field(description="how the period stands, as in `periods`")
    standing: str = Field(description="the same, but arriving, late, unknown or not yet where it is not complete")


class FeedRow(Row):
    """A feed in the matrix."""

    feed: str = Field(description="its name")
    status: str = Field(description="that of its newest due week, or `not readable` or `misconfigured`")
    is_trusted: bool = Field(description="whether its newest due week can be trusted")
    needs_a_look: bool = Field(description="whether week, month or quarter are in doubt, or a table is stale")
    why: str | None = Field(description="the first trouble, in a sentence or two")
    todo: str | None = Field(description="what a person should do, if anything is known")
    headlines: tuple[FeedHeadline, ...] = Field(default=(), description="the answer for each type")
    weeks: tuple[PeriodStatus | None, ...] = Field(default=(), description="the last eight, oldest first")
    stale_tables: tuple[str, ...] = Field(default=(), description="the summary tables that are older than allowed")
    last_sync_log_id: int | None = Field(default=None, description="its last run")
    last_status: str | None = Field(default=None, description="of that run: started, completed or failed")
    last_sync_at: Moment | None = Field(default=None, description="when that run finished, or started")
    bytes_processed: int | None = Field(default=None, description="what BigQuery read for its runs of the last 30 days")
    problem: Problem | None = Field(default=None, description="why it cannot be read")

    @property
    def standing(self) -> str:
        """How its newest due week stands, in the page's word."""
        return self.headlines[0].standing if self.headlines else self.status

    @property
    def is_alarming(self) -> bool:
        """Whether it is marked in red. What arrives, runs, or is too new to be judged, needs nobody."""
        if self.problem or self.stale_tables:
            return True
        return self.needs_a_look and any(
            line.verdict != "yes" and line.standing not in EXPECTED for line in self.headlines
        )


def feed_row(
    feed: str,
    headlines: Sequence[Headline],
    periods: Sequence[PeriodStatus],
    freshness: Sequence[Freshness],
    activity: Activity,
) -> FeedRow:
    """Sum up a feed that could be read."""
    found = {(row.sync_type, row.period_start): row for row in periods}
    lines = [_with_status(line, found.get((line.sync_type, line.period_start))) for line in headlines]
    stale = [row for row in freshness if row.is_stale]
    weekly = lines[0]
    bad = [line for line in lines if _is_bad(line, found.get((line.sync_type, line.period_start)))]
    why = _why(bad, found, stale)
    weeks = Period.containing(SyncType.WEEKLY, weekly.period_start).with_previous(WEEKS)
    return FeedRow(
        feed=feed,
        status=weekly.status,
        is_trusted=weekly.verdict == "yes",
        needs_a_look=why is not None,
        why=why and _cut(why),
        todo=bad[0].todo if bad else None,
        headlines=tuple(lines),
        weeks=tuple(found.get((SyncType.WEEKLY, week.first_day)) for week in reversed(weeks)),
        stale_tables=tuple(row.table_name for row in stale),
        **activity.model_dump(),
    )


def unreadable(feed: str, problem: Problem, status: str = "not readable") -> FeedRow:
    """Return the row of a feed of which nothing can be read."""
    why = _cut(problem.detail)
    return FeedRow(
        feed=feed, status=status, is_trusted=False, needs_a_look=True, why=why, todo=problem.remedy, problem=problem
    )


def _with_status(line: Headline, found: PeriodStatus | None) -> FeedHeadline:
    status, standing = (found.status, found.standing) if found else ("missing", "missing")
    return FeedHeadline(**line.model_dump(), status=status, standing=standing)


def _is_bad(line: FeedHeadline, found: PeriodStatus | None) -> bool:
    """A month or quarter may be summed, running, expected later, or have too few others to compare with; a week not."""
    if line.sync_type == SyncType.WEEKLY:
        return line.verdict != "yes"
    is_unknown = line.status == "synced" and found is not None and found.verdict in (None, "unknown")
    return line.verdict not in ("yes", "wait") and line.status != "derived" and not is_unknown


def _why(
    lines: Sequence[FeedHeadline], found: dict[tuple[SyncType, date], PeriodStatus], stale: Sequence[Freshness]
) -> str | None:
    for line in lines:
        period = found.get((line.sync_type, line.period_start))
        error = period.last_error if period and line.status == "failed" else None
        return error or f"{line.answer} {line.reason}"
    for table in stale:
        newest = f"its newest day is {table.newest_day}" if table.newest_day else "it has no finished period yet"
        return f"{table.table_name} is stale: {newest}; {table.days_allowed} days are allowed."
    return None


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_WHY else f"{text[: LONGEST_WHY - 1].rstrip()}…"


def worst_first(rows: Sequence[FeedRow]) -> list[FeedRow]:
    """Order the rows: not readable, week missing or failed, doubtful, running, other trouble, good; then by name."""
    return sorted(rows, key=lambda row: (_rank(row), -len(row.stale_tables), row.feed))


def _rank(row: FeedRow) -> int:
    if row.problem:
        return 0
    if row.is_trusted:
        return 4 if row.needs_a_look else 5
    return {"no": 1, "care": 2, "wait": 3}.get(row.headlines[0].verdict, 1)


def matching(rows: Sequence[FeedRow], asked: MatrixFilter) -> list[FeedRow]:
    """Return the rows that the filter shows."""
    find = (asked.find or "").strip().lower()
    return [
        row
        for row in rows
        if (asked.show != "untrusted" or row.needs_a_look) and find in f"{row.feed} {row.why or ''}".lower()
    ]


def verdict(rows: Sequence[FeedRow]) -> str:
    """Answer for all feeds in one sentence.

    ``38 of 40 feeds can be trusted for the week 2026-11-08 to 2026-11-14; acme_de (failed) and beta (missing)
    cannot.``
    """
    if not rows:
        return "There is no feed that you may read."
    bad = [f"{row.feed} ({row.standing})" for row in rows if not row.is_trusted]
    good = len(rows) - len(bad)
    what = "1 feed" if len(rows) == 1 else f"{len(rows)} feeds"
    how_many = ("The feed" if len(rows) == 1 else f"All {what}") if not bad else f"{good} of {what}"
    said = f"{how_many} can be trusted for {_week(rows)}"
    said += f"; {_listed(bad)} cannot." if bad else "."
    if other := [row.feed for row in rows if row.is_trusted and row.needs_a_look]:
        said += f" Another period or table needs a look in {_listed(other)}."
    return said


def _week(rows: Sequence[FeedRow]) -> str:
    """Name the week, unless the feeds' publication delays differ."""
    weeks = Counter((row.headlines[0].period_start, row.headlines[0].period_end) for row in rows if row.headlines)
    if len(weeks) == 1:
        ((first, last),) = weeks
        return f"the week {first} to {last}"
    return "the newest week that is due"


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:NAMED])
    if len(names) > NAMED:
        shown.append(f"{len(names) - NAMED} more")
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
