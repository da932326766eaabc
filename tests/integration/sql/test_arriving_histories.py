"""Random histories of weeks that arrive ASIN by ASIN: how often the verdict on them is wrong.

Too early is a week that is called complete on any day on which a tenth of its ASINs is still to come. Too late is a
week that has all its ASINs on the first day after it was expected, and is not called complete then. Each verdict is
also asked for as if a connector had lost nine rows of ten: then it should never be complete.

All histories live in one ledger, one after the other in the calendar, and move on together, one day a step. Of each the
first eight weeks are known, and the later ones are judged every day as the daily check sees them.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

FIRST = date(2000, 1, 2)
KNOWN, JUDGED, APART = 8, 8, 20
"""Weeks that are known, weeks that are judged, and weeks from one history's first week to the next one's."""

HISTORIES = 40
LAST_DAY = 21
"""Each week is followed for so many days after its end."""

JUDGE = """
select asked.history, asked.week, asked.day,
    verdict_on(
        compared.found, compared.expected, 0.95, asked.quiet >= 2, due.day, asked.today, asked.today,
        lacks_rows(ledger.row_count, around.row_count)
    ) as verdict,
    asked.today > due.day as is_after,
    verdict_on(
        compared.found, compared.expected, 0.95, asked.quiet >= 2, due.day, asked.today, asked.today,
        lacks_rows(ledger.row_count / 10, around.row_count)
    ) as verdict_if_cut
from json_to_recordset(%s) as asked (history integer, week integer, day integer, first date, quiet integer,
    today date)
join synced_period as ledger on ledger.sync_type = 'weekly' and ledger.period_start = asked.first
cross join lateral compare_asins('weekly', asked.first, ledger.asins) as compared
cross join lateral (select expected_by('weekly', asked.first) as day) as due
join rows_around() as around on around.sync_type = 'weekly' and around.period_start = asked.first
"""

WRITE = """
with wrote as (
    select * from json_to_recordset(%s) as w (first date, at timestamptz, asins text[], rows bigint)
),

version as (
    insert into period_version (sync_type, period_start, version, how, snapshot_at, inserted, updated, deleted, totals,
        is_kept, is_healing)
    select 'weekly', first, nextval('period_change_id_seq'), 'difference', at, 0, 0, 0,
        jsonb_build_object('asins', cardinality(asins)), true, false
    from wrote
)

insert into synced_period (sync_type, period_start, period_end, state, fingerprint, snapshot_at, row_count, asins)
select 'weekly', first, first + 6, 'synced', 'x', at, rows, asins
from wrote
on conflict (sync_type, period_start) do update set
    snapshot_at = excluded.snapshot_at, row_count = excluded.row_count, asins = excluded.asins
"""


@dataclass
class Feed:
    """A catalogue, and the days on which each week's ASINs arrive."""

    number: int
    seed: int
    weeks: list[dict[str, int]] = field(default_factory=list)
    """Of each week: its ASINs, and how many days after its end each arrives."""
    rows: list[dict[str, int]] = field(default_factory=list)
    """Of each week: its ASINs, and how many queries each is found for."""

    def __post_init__(self) -> None:
        draw = random.Random(self.seed)  # noqa: S311 - nothing secret
        count = draw.randint(20, 400)
        sporadic = draw.uniform(0, 0.3)
        catalogue = [self._asin(draw, n, sporadic) for n in range(count)]
        churn, start, spread = draw.uniform(0, 0.02), draw.randint(2, 4), draw.randint(1, 5)
        for _ in range(KNOWN + JUDGED):
            kept = [each for each in catalogue if draw.random() >= churn]
            new = [self._asin(draw, count + n, sporadic) for n in range(len(catalogue) - len(kept))]
            count += len(new)
            catalogue = kept + new
            self.weeks.append(self._arrivals(draw, catalogue, start, spread))
        self.rows = self._rows(random.Random(-1 - self.seed))  # noqa: S311 - nothing secret

    @staticmethod
    def _asin(draw: random.Random, number: int, sporadic: float) -> tuple[str, float]:
        """An ASIN, and how often a week has it."""
        is_sporadic = draw.random() < sporadic
        return f"B{number:09d}", draw.uniform(0.2, 0.8) if is_sporadic else draw.uniform(0.97, 1)

    @staticmethod
    def _arrivals(draw: random.Random, catalogue: list[tuple[str, float]], start: int, spread: int) -> dict[str, int]:
        """Draw the day of each ASIN of a week: in batches, now and then late, or stopped for some days on the way."""
        there = [asin for asin, often in catalogue if draw.random() < often] or [catalogue[0][0]]
        first = start + (draw.randint(1, 3) if draw.random() < 0.15 else 0)
        stop = draw.uniform(0.3, 0.95) if draw.random() < 0.15 else 1.0
        pause = draw.randint(2, 7)
        days = {}
        for place, asin in enumerate(there):
            part = place / len(there)
            days[asin] = first + int(part * spread) + (pause if part >= stop else 0)
            if draw.random() < 0.01:
                days[asin] += draw.randint(1, 4)
        return days

    def _rows(self, draw: random.Random) -> list[dict[str, int]]:
        """Draw the rows of each week: a few ASINs have most, and all differ from week to week by a third and more."""
        usually: dict[str, float] = {}
        weeks = []
        for arrivals in self.weeks:
            season = draw.lognormvariate(0, 0.33)
            rows = {}
            for asin in arrivals:
                often = usually.setdefault(asin, draw.lognormvariate(2, 1))
                rows[asin] = max(1, round(often * season * draw.lognormvariate(0, 0.33)))
            weeks.append(rows)
        return weeks

    def first_day(self, week: int) -> date:
        return FIRST + timedelta(weeks=self.number * APART + week)

    def asins(self, week: int, day: int) -> list[str]:
        """What has arrived of a week so many days after its end."""
        return sorted(asin for asin, arrives in self.weeks[week].items() if arrives <= day)

    def changed(self, week: int, day: int) -> int:
        """The last day up to that one on which something arrived."""
        return max(arrives for arrives in self.weeks[week].values() if arrives <= day)


@dataclass
class Seen:
    """What was said of one week."""

    missed_tenth: bool = False
    called_complete_then: bool = False
    called_complete_if_cut: bool = False
    complete_when_due: bool | None = None
    """None: it did not have all its ASINs then."""


def play(connection: Connection, feeds: list[Feed]) -> dict[tuple[int, int], Seen]:
    """Let all feeds live day by day, and judge every day; return what was said of each judged week."""
    seen: dict[tuple[int, int], Seen] = {}
    for step in range((KNOWN + JUDGED) * 7 + LAST_DAY):
        wrote, asked = [], []
        for feed in feeds:
            for week in range(KNOWN + JUDGED):
                day = step - 7 * week - 6
                if not 0 <= day <= LAST_DAY or not (asins := feed.asins(week, day)):
                    continue
                first, changed = feed.first_day(week), feed.changed(week, day)
                today = first + timedelta(days=6 + day)
                if changed == day:
                    rows = sum(feed.rows[week][asin] for asin in asins)
                    wrote.append({"first": str(first), "at": f"{today} 06:00Z", "asins": asins, "rows": rows})
                if week >= KNOWN:
                    asked.append(
                        {
                            "history": feed.number,
                            "week": week,
                            "day": day,
                            "first": str(first),
                            "quiet": day - changed + 1,  # as soon as can be: published just before the day's check
                            "today": str(today),
                        }
                    )
        connection.execute(WRITE, [json.dumps(wrote)])
        for history, week, day, verdict, is_after, if_cut in connection.execute(JUDGE, [json.dumps(asked)]):
            known = seen.setdefault((history, week), Seen())
            known.called_complete_if_cut |= if_cut == "complete"
            note(known, feeds[history].weeks[week], day, verdict, is_after)
    return seen


def note(seen: Seen, arrivals: dict[str, int], day: int, verdict: str, is_after: bool) -> None:
    """Compare a verdict with what is still to come."""
    missing = sum(arrives > day for arrives in arrivals.values())
    if missing >= 0.1 * len(arrivals):
        seen.missed_tenth = True
        seen.called_complete_then |= verdict == "complete"
    if is_after and seen.complete_when_due is None and not missing:
        seen.complete_when_due = verdict == "complete"


def test_with_eight_weeks_known_few_verdicts_are_wrong(
    connection: Connection,
) -> None:
    seen = play(connection, [Feed(number, seed=number) for number in range(HISTORIES)])
    missed = [each for each in seen.values() if each.missed_tenth]
    due = [each for each in seen.values() if each.complete_when_due is not None]
    too_early = sum(each.called_complete_then for each in missed) / len(missed)
    too_late = sum(not each.complete_when_due for each in due) / len(due)
    cut = sum(each.called_complete_if_cut for each in seen.values()) / len(seen)
    print(f"too early {too_early:.2%} of {len(missed)}, too late {too_late:.2%} of {len(due)}, cut {cut:.2%}")
    assert too_early <= 0.01
    assert too_late <= 0.05
    assert cut <= 0.01
