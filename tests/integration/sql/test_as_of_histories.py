"""Random histories of publishes and of others who write: every period can be had as it was at every publish."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

import psycopg
import pytest

from sqp_provider.core.period import Period, SyncType
from tests.copies import Copies
from tests.published import Publisher

Connection = psycopg.Connection[Any]

WEEKLY, MONTHLY, QUARTERLY = SyncType.WEEKLY, SyncType.MONTHLY, SyncType.QUARTERLY
WEEKS = [Period.starting(WEEKLY, date(2026, 11, 1) + timedelta(weeks=n)) for n in range(3)]
MONTH, QUARTER = Period.starting(MONTHLY, date(2026, 11, 1)), Period.starting(QUARTERLY, date(2026, 10, 1))
STEPS = 30

WRITES = (
    "update {table} set total_clicks = total_clicks + 1 where period_start = %(first)s and query < %(query)s",
    "update {table} set total_impressions = null, currency = 'EUR', avg_ctr = 0.25 where period_start = %(first)s",
    "update {table} set asin = %(new)s where period_start = %(first)s and query = %(query)s and asin = 'B000000001'",
    "delete from {table} where period_start = %(first)s and query = %(query)s",
    "delete from {table} where period_start = %(first)s",
    "insert into {table} (period_start, period_end, query, asin, total_clicks)"
    " values (%(first)s, %(last)s, 'of theirs', 'B00THEIRS1', 7) on conflict (period_start, query, asin)"
    " do update set total_clicks = excluded.total_clicks + 1, market_clicks = 3",
)


class Past:
    """A history: what happens next is drawn."""

    def __init__(
        self, seed: int, connection: Connection, publishers: list[Publisher], *, has_keys: bool = True
    ) -> None:
        self.has_keys = has_keys
        self.random = Random(seed)  # noqa: S311 (nothing is kept secret)
        self.connection = connection
        self.publishers = publishers
        self.copies = Copies([*WEEKS, MONTH, QUARTER])
        self.moved = 0

    def happens(self) -> None:
        step = self.random.choice(["publish"] * 4 + ["others_write"] * 3 + ["partition", "sum_anew", "own_month"])
        getattr(self, step)()
        self.copies.look(self.connection)
        self.copies.compare(self.connection)

    def publish(self, period: Period | None = None) -> None:
        period = period or self.random.choice(WEEKS)
        self.random.choice(self.publishers).period(period.sync_type, period.first_day, self.rows())

    def own_month(self) -> None:
        if self.random.random() < 0.3:
            self.publish(MONTH)

    def others_write(self) -> None:
        period = self.random.choice([*WEEKS, MONTH, QUARTER])
        table = period.sync_type.target_table
        writes = WRITES if period.sync_type is WEEKLY and self.has_keys else WRITES[:-1]
        self.write(self.random.choice(writes), table, period)

    def partition(self) -> None:
        """Past the triggers of the table."""
        period = self.random.choice(WEEKS)
        name = f"weekly_summary_{period.first_day:%Y%m%d}"
        (found,) = self.connection.execute("select to_regclass(%s) is not null", [name]).fetchone() or (False,)
        if found:
            self.copies.excuse(self.connection, period)
            self.write(WRITES[1], name, period)

    def sum_anew(self) -> None:
        self.publishers[0].sum_anew(*self.random.choice([(MONTHLY, "2026-11-01"), (QUARTERLY, "2026-10-01")]))

    def write(self, statement: str, table: str, period: Period) -> None:
        self.moved += 1
        values = {"first": period.first_day, "last": period.last_day, "query": self.random.choice("abcd")}
        values["new"] = f"B00MOVED{self.moved:02}"
        self.connection.execute(statement.format(table=table).encode(), values)

    def rows(self) -> list[dict[str, Any]]:
        asins = ("B000000001", "B000000002")
        keys = [(query, asin) for query in "abcd" for asin in asins]
        return [
            {
                "query": query,
                "asin": asin,
                "total_clicks": self.random.choice([0, 7, 50]),
                "market_clicks": self.random.choice([None, 1000]),
                "market_one_day_clicks": self.random.choice([None, 3]),
            }
            for query, asin in self.random.sample(keys, self.random.randint(1, len(keys)))
        ]


@pytest.mark.parametrize("seed", range(4))
def test_every_period_can_be_had_as_it_was_at_every_publish(
    seed: int, committing: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    swapping = {"swap_above_rows": 0, "swap_above_fraction": 0}
    past = Past(seed, committing, [Publisher(database, monkeypatch), Publisher(database, monkeypatch, **swapping)])
    for _ in range(STEPS):
        past.happens()
    assert past.copies.tally["exact"] > STEPS * 5, past.copies.tally
    hows = {how for (how,) in committing.execute("select distinct how from period_version").fetchall()}
    assert hows >= {"attached", "swapped", "difference", "summed"}


def test_adopted_tables_can_be_had_as_they_were_at_every_publish(
    adopt: Callable[[], Connection], seed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = adopt()
    past = Past(11, connection, [Publisher(seed_database, monkeypatch)], has_keys=False)
    for _ in range(STEPS):
        past.happens()
    assert past.copies.tally["exact"] > STEPS * 5, past.copies.tally
    assert past.copies.tally["refused"] == 0
