"""Any interleaving of writes ends in the months and quarters that one plain query makes of the weeks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.published import Publisher

Connection = psycopg.Connection[Any]

# Two quarters, three months, a week that reaches into the next month and year.
WEEKS = [date(2026, 9, 27), date(2026, 10, 25), date(2026, 11, 1), date(2026, 11, 8), date(2026, 12, 27)]
MEASURES = (
    "total_impressions, total_clicks, total_cart_adds, total_purchases,"
    " market_impressions, market_clicks, market_cart_adds, market_purchases, query_score, query_volume"
)
INSERT = f"insert into weekly_summary (period_start, period_end, query, asin, {MEASURES}) values "
FROM_WEEKS = """
    select
        date_trunc('{unit}', period_start)::date, (date_trunc('{unit}', period_start) + interval '{length}')::date - 1,
        extract(year from period_start)::integer, extract({unit} from period_start)::integer, query, asin,
        sum(total_impressions), sum(total_clicks), sum(total_cart_adds), sum(total_purchases),
        case when bool_and(market_impressions is not null) then sum(market_impressions) end,
        case when bool_and(market_clicks is not null) then sum(market_clicks) end,
        case when bool_and(market_cart_adds is not null) then sum(market_cart_adds) end,
        case when bool_and(market_purchases is not null) then sum(market_purchases) end,
        min(query_score), case when bool_and(query_volume is not null) then sum(query_volume) end,
        nullif(least(coalesce(round(1. * sum(total_clicks) / nullif(sum(total_impressions), 0), 6), 0), 10000), 10000),
        nullif(least(coalesce(round(1. * sum(total_purchases) / nullif(sum(total_clicks), 0), 6), 0), 10000), 10000),
        case when bool_and(market_impressions is not null) then
            nullif(
                least(
                    coalesce(round(1. * sum(total_impressions) / nullif(sum(market_impressions), 0), 6), 0), 10000
                ), 10000
            )
        end,
        case when bool_and(market_clicks is not null) then
            nullif(least(coalesce(round(1. * sum(total_clicks) / nullif(sum(market_clicks), 0), 6), 0), 10000), 10000)
        end,
        case when bool_and(market_cart_adds is not null) then
            nullif(least(
                coalesce(round(1. * sum(total_cart_adds) / nullif(sum(market_cart_adds), 0), 6), 0), 10000), 10000)
        end,
        case when bool_and(market_purchases is not null) then
            nullif(least(
                coalesce(round(1. * sum(total_purchases) / nullif(sum(market_purchases), 0), 6), 0), 10000), 10000)
        end,
        count(*)
    from weekly_summary
    group by 1, 2, 3, 4, 5, 6
    order by 1, 5, 6
"""
KEPT = f"""
    select
        period_start, period_end, year, {{unit}}, query, asin, {MEASURES},
        avg_ctr, avg_cvr, impression_share, click_share, cart_add_share, purchase_share, active_weeks
    from {{unit}}ly_summary
    order by 1, 5, 6
"""


def histories(largest: int) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Steps with counts up to the largest."""
    weeks = st.sampled_from(WEEKS)
    queries = st.sampled_from(["a", "ä 'quoted' %"])
    asins = st.sampled_from(["B000000001", "B000000002"])
    count = st.integers(0, 9) | st.sampled_from([128, largest])
    counts = st.tuples(count, count, count, count, *[st.none() | count] * 6)
    keys = st.tuples(weeks, queries, asins)
    inserts = st.tuples(st.just("insert"), st.dictionaries(keys, counts, min_size=1, max_size=6))
    updates = st.tuples(st.just("update"), queries, count)
    moves = st.tuples(st.just("move"), asins, weeks, weeks)
    deletes = st.tuples(st.just("delete"), st.sets(weeks), queries)
    publishes = st.tuples(st.just("publish"), weeks, st.dictionaries(st.tuples(queries, asins), counts, max_size=4))
    truncates = st.tuples(st.just("truncate"))
    return st.lists(inserts | inserts | updates | moves | deletes | publishes | truncates, max_size=8)


class Writer:
    """Carries out one step of a history on partitioned or on adopted plain tables."""

    def __init__(self, connection: Connection, publisher: Publisher | None = None) -> None:
        self.connection = connection
        self.publisher = publisher

    def insert(self, rows: dict[tuple[date, str, str], tuple[int | None, ...]]) -> None:
        values = [(week, week + timedelta(6), query, asin, *counts) for (week, query, asin), counts in rows.items()]
        statement = INSERT + ", ".join(["(" + ", ".join(["%s"] * 14) + ")"] * len(values))
        if self.publisher:
            changed = ", ".join(f"{name} = excluded.{name}" for name in MEASURES.split(", "))
            statement += f" on conflict (period_start, query, asin) do update set {changed}"
        self.connection.execute(statement.encode(), [value for row in values for value in row])

    def update(self, query: str, clicks: int) -> None:
        self.connection.execute("update weekly_summary set total_clicks = %s where query = %s", [clicks, query])

    def move(self, asin: str, source: date, target: date) -> None:
        """Move an ASIN's rows to another week unless that week has rows of it."""
        self.connection.execute(
            "update weekly_summary set period_start = %(target)s, period_end = %(target)s::date + 6"
            " where asin = %(asin)s and period_start = %(source)s"
            " and not exists (select from weekly_summary where period_start = %(target)s and asin = %(asin)s)",
            {"asin": asin, "source": source, "target": target},
        )

    def delete(self, weeks: set[date], query: str) -> None:
        self.connection.execute(
            "delete from weekly_summary where period_start = any(%s) and query = %s", [list(weeks), query]
        )

    def truncate(self) -> None:
        self.connection.execute("truncate weekly_summary")

    def publish(self, week: date, rows: dict[tuple[str, str], tuple[int | None, ...]]) -> None:
        """Publish a week as a sync does, whatever is there of it."""
        if self.publisher:
            names = MEASURES.split(", ")
            self.publisher.week(
                week,
                [
                    {"query": query, "asin": asin} | dict(zip(names, counts, strict=True))
                    for (query, asin), counts in rows.items()
                ],
            )


RATE_TYPES = [(10, 6)] * 6
"""Precision and scale of the six rates in the order of ``KEPT``."""
ADOPTED_RATE_TYPES = [(5, 4), (5, 4), (5, 4), (12, 4), (10, 6), (5, 4)]
"""The same in the specification's own tables, which keep theirs."""


def fitted(row: tuple[Any, ...], types: list[tuple[int, int]]) -> tuple[Any, ...]:
    """The row with its rates as columns of these types keep them: rounded, or null where there are too many digits."""
    return (*row[:-7], *(kept(rate, *each) for rate, each in zip(row[-7:-1], types, strict=True)), row[-1])


def kept(rate: Decimal | None, precision: int, scale: int) -> Decimal | None:
    rounded = rate if rate is None else rate.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    return rounded if rounded is not None and rounded < 10 ** (precision - scale) else None


def assert_rollups_equal_the_weeks(connection: Connection, types: list[tuple[int, int]]) -> None:
    for unit, length in (("month", "1 month"), ("quarter", "3 months")):
        found = connection.execute(FROM_WEEKS.format(unit=unit, length=length)).fetchall()
        expected = [fitted(row, types) for row in found]
        assert connection.execute(KEPT.format(unit=unit)).fetchall() == expected
        ledger = connection.execute(
            "select period_start from synced_period where sync_type = %s order by 1", [f"{unit}ly"]
        ).fetchall()
        assert ledger == sorted({row[:1] for row in expected})


def replay(connection: Connection, history: list[tuple[Any, ...]], publisher: Publisher | None = None) -> None:
    writer = Writer(connection, publisher)
    for name, *arguments in history:
        getattr(writer, name)(*arguments)
    assert_rollups_equal_the_weeks(connection, RATE_TYPES if publisher else ADOPTED_RATE_TYPES)


EMPTY = """
    do $$
    declare
        v_partition regclass;
    begin
        for v_partition in
            select p.partition from period_type as t, partitions_of(t.target_table::regclass) as p
            where p.first_day is not null
        loop
            execute format('drop table %s', v_partition);
        end loop;
    end
    $$;
    truncate weekly_summary, monthly_summary, quarterly_summary, synced_period, sync_log cascade;
"""


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(largest=2**31), swaps=st.booleans())
def test_any_history_of_partitioned_weeks(
    committing: Connection,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    history: list[tuple[Any, ...]],
    swaps: bool,
) -> None:
    """Weeks are published between the writes of others; what changes is written row by row, or replaces a partition."""
    committing.execute(EMPTY.encode())
    settings_of_target = {"swap_above_rows": 0, "swap_above_fraction": 0} if swaps else {}
    replay(committing, history, Publisher(database, monkeypatch, **settings_of_target))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(largest=2**24))
def test_any_history_of_adopted_plain_weeks(
    adopt: Callable[[], Connection], seed: Connection, history: list[tuple[Any, ...]]
) -> None:
    """The plain table allows a key twice; both rows count. Its counts are integers, and so are those of the months."""
    adopt()
    with seed.transaction(force_rollback=True):
        replay(seed, history)
