"""The views for dashboards: what adds up is added up, and the market of a query is counted once."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from sqp_provider.core.contract import FIGURES, RATES
from sqp_provider.core.period import SyncType
from sqp_provider.core.together import SUMS
from tests.logins import Login, logins
from tests.published import Publisher
from tests.several import several_in

Connection = psycopg.Connection[Any]

OWN = ("total_impressions", "total_clicks", "total_cart_adds", "total_purchases")
MARKET = ("market_impressions", "market_clicks", "market_cart_adds", "market_purchases")


@pytest.fixture
def login(database: str) -> Iterator[Login]:
    """Makes logins for ``database``."""
    with logins(database) as login:
        yield login


def rows(connection: Connection, statement: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.encode()).fetchall()


def row(connection: Connection, statement: str) -> dict[str, Any]:
    (found,) = rows(connection, statement)
    return found


def test_the_market_of_a_query_is_taken_once_where_the_sum_of_its_rows_is_wrong(
    committing: Connection, publisher: Publisher
) -> None:
    """Amazon's example: of 10,000 impressions of the market one ASIN has 765 and another 235, together a tenth."""
    market = {"market_impressions": 10_000, "query_volume": 15_000, "query_score": 5}
    publisher.week(
        "2026-11-08",
        [
            {"asin": "B000000001", "total_impressions": 765, **market},
            {"asin": "B000000002", "total_impressions": 235, **market},
        ],
    )
    wrong = row(committing, "select sum(market_impressions) as market from weekly_summary group by query")
    assert wrong["market"] == 20_000
    right = row(committing, "select * from weekly_query")
    assert (right["total_impressions"], right["market_impressions"]) == (1_000, 10_000)
    assert right["impression_share"] == Decimal("0.100000")
    assert (right["query_score"], right["query_volume"], right["asins"]) == (5, 15_000, 2)
    assert right["market_disagreements"] == 0
    monthly = row(committing, "select * from monthly_query")
    assert (monthly["market_impressions"], monthly["year"], monthly["month"], monthly["active_weeks"]) == (
        10_000,
        2026,
        11,
        1,
    )
    quarterly = row(committing, "select * from quarterly_query")
    assert (quarterly["market_impressions"], quarterly["year"], quarterly["quarter"]) == (10_000, 2026, 4)


def test_the_market_of_a_month_is_that_of_all_its_weeks_also_where_each_asin_has_but_one(
    committing: Connection, publisher: Publisher
) -> None:
    """The row of an ASIN has the market of the weeks that have this ASIN, and no row has all of it."""
    publisher.week("2026-11-08", [{"asin": "B000000001", "total_impressions": 60, "market_impressions": 100}])
    publisher.week("2026-11-15", [{"asin": "B000000002", "total_impressions": 60, "market_impressions": 100}])
    for view in ("monthly_query", "quarterly_query"):
        found = row(committing, f"select * from {view}")
        assert (found["total_impressions"], found["market_impressions"]) == (120, 200)
        assert (found["impression_share"], found["query_volume"]) == (Decimal("0.600000"), 30_000)
        assert (found["asins"], found["active_weeks"], found["market_disagreements"]) == (2, 2, 0)


@pytest.mark.parametrize("view", SUMS)
def test_a_dashboard_names_the_schema_and_needs_no_search_path(
    committing: Connection, publisher: Publisher, view: str
) -> None:
    publisher.week("2026-11-08")
    committing.execute("set search_path = ''")
    assert row(committing, f"select total_clicks from sqp.{view}")["total_clicks"] == 50
    assert committing.execute("select status from sqp.period_status where sync_type = 'weekly'").fetchone() == (
        "synced",
    )
    as_of = "select total_clicks from sqp.weekly_as_of('2026-11-08', clock_timestamp())"
    assert committing.execute(as_of).fetchone() == (50,)


OCTOBER = ("2026-10-04", "2026-10-11", "2026-10-18", "2026-10-25")
"""The weeks that begin in it."""


def sum_of_october(publisher: Publisher) -> None:
    """Publish October as BigQuery sums it up: the pan's ASIN was there in each week, the pot's in two of four."""
    publisher.period(
        SyncType.MONTHLY,
        "2026-10-01",
        [
            {"query": "pan", "total_impressions": 400, "market_impressions": 4_000, "active_weeks": 4},
            {"query": "pot", "total_impressions": 20, "market_impressions": 200, "active_weeks": 2},
            {"query": "pot", "asin": "B2", "total_impressions": 100, "market_impressions": 100, "active_weeks": 1},
        ],
    )


def market_of_october(connection: Connection) -> dict[str, tuple[Any, ...]]:
    found = rows(connection, "select * from monthly_query where period_start = '2026-10-01'")
    names = ("market_impressions", "impression_share", "query_volume", "active_weeks", "market_disagreements")
    return {each["query"]: tuple(each[name] for name in names) for each in found}


def test_a_month_that_bigquery_sums_has_the_market_of_its_weeks_once_they_are_all_here(
    committing: Connection, publisher: Publisher
) -> None:
    """Until then an ASIN that was there in each week knows the market, and of any other query nobody does."""
    sum_of_october(publisher)
    pan = (4_000, Decimal("0.100000"), 15_000, 4, None)
    assert market_of_october(committing) == {"pan": pan, "pot": (None,) * 5}
    for week in OCTOBER[:3]:
        publisher.week(week, [{"query": "pot", "market_impressions": 100, "query_volume": 1}])
        assert market_of_october(committing) == {"pan": pan, "pot": (None,) * 5}
    sum_of_october(publisher)
    pan_and_pot = [{"query": "pan", "market_impressions": 1_000}, {"query": "pot", "market_impressions": 100}]
    publisher.week(OCTOBER[3], pan_and_pot)
    assert market_of_october(committing) == {
        "pan": (1_000, Decimal("0.400000"), 15_000, 1, 0),
        "pot": (400, Decimal("0.300000"), 15_003, 4, 0),
    }


def test_a_month_of_somebody_else_keeps_its_market_while_its_weeks_arrive(
    committing: Connection, publisher: Publisher
) -> None:
    committing.execute(
        "insert into monthly_summary (period_start, period_end, year, month, query, asin, total_impressions, "
        "market_impressions, active_weeks) values ('2026-10-01', '2026-10-31', 2026, 10, 'pan', 'B1', 400, 4000, 4)"
    )
    pan = {"pan": (4_000, Decimal("0.100000"), None, 4, None)}
    assert market_of_october(committing) == pan
    publisher.week("2026-10-25", [{"query": "pan", "total_impressions": 100, "market_impressions": 1_000}])
    state = committing.execute("select state from synced_period where sync_type = 'monthly'").fetchone()
    assert state == ("adopted",)
    assert market_of_october(committing) == pan


def test_who_may_not_see_all_weeks_is_told_no_market_that_depends_on_them(
    committing: Connection, publisher: Publisher, login: Login
) -> None:
    publisher.week("2026-11-08", [{"asin": "B000000001", "total_impressions": 60, "market_impressions": 100}])
    publisher.week("2026-11-15", [{"asin": "B000000002", "total_impressions": 60, "market_impressions": 100}])
    asked = "select total_impressions, market_impressions, impression_share from monthly_query"
    assert committing.execute(asked).fetchall() == [(120, 200, Decimal("0.600000"))]
    committing.execute("alter table weekly_summary enable row level security")
    committing.execute("create policy one on weekly_summary for select to sqp_reader using (asin = 'B000000001')")
    with psycopg.connect(login("sqp_reader"), autocommit=True, options="-c search_path=sqp") as reader:
        assert reader.execute(asked).fetchall() == [(120, None, None)]


def test_a_month_of_amazons_own_has_its_own_market(committing: Connection, publisher: Publisher) -> None:
    publisher.week("2026-11-08", [{"market_impressions": 1_000}])
    publisher.period(SyncType.MONTHLY, "2026-11-01", [{"market_impressions": 4_000, "total_impressions": 1_000}])
    found = row(committing, "select * from monthly_query")
    assert (found["market_impressions"], found["impression_share"]) == (4_000, Decimal("0.250000"))


def test_where_asins_disagree_on_the_market_the_largest_is_taken_and_it_is_said(
    committing: Connection, publisher: Publisher
) -> None:
    publisher.week(
        "2026-11-08",
        [
            {"asin": "B000000001", "market_impressions": 900, "market_clicks": 30},
            {"asin": "B000000002", "market_impressions": 1_000, "market_clicks": 20},
            {"asin": "B000000003", "market_impressions": None, "market_clicks": 30},
        ],
    )
    found = row(committing, "select * from weekly_query")
    assert (found["market_impressions"], found["market_clicks"], found["market_disagreements"]) == (1_000, 30, 2)


def test_of_a_market_that_nobody_knows_there_is_no_share(committing: Connection, publisher: Publisher) -> None:
    publisher.week("2026-11-08", [{"asin": asin, "market_clicks": None} for asin in ("B000000001", "B000000002")])
    found = row(committing, "select * from weekly_query")
    assert (found["market_clicks"], found["click_share"], found["market_disagreements"]) == (None, None, 0)


def test_the_market_of_an_asin_is_that_of_its_queries(committing: Connection, publisher: Publisher) -> None:
    publisher.week(
        "2026-11-08",
        [
            {"query": "wireless mouse", "total_clicks": 10, "market_clicks": 100},
            {"query": "mouse", "total_clicks": 20, "market_clicks": 200, "market_purchases": None},
        ],
    )
    found = row(committing, "select * from weekly_asin")
    assert (found["asin"], found["queries"]) == ("B000000001", 2)
    assert (found["total_clicks"], found["market_clicks"], found["click_share"]) == (30, 300, Decimal("0.100000"))
    assert (found["market_purchases"], found["purchase_share"]) == (None, None)


def rounded(numerator: int, denominator: int | None) -> Decimal | None:
    if denominator is None:
        return None
    if denominator == 0:
        return Decimal(0)
    found = (Decimal(numerator) / denominator).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return found if found < 10_000 else None


def expected(group: list[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """What one row of a view has, computed without the database."""
    found: dict[str, Any] = {"asins" if key == "query" else "queries": len(group)}
    for figure in FIGURES:
        values = [row.get(figure.column) for row in group]
        known = [value for value in values if value is not None]
        if figure.column in OWN:
            found[figure.column] = sum(known)
        elif figure.over_weeks == "min":
            found |= {figure.column: min(known, default=None)} if key == "query" else {}
        elif key == "query":
            found[figure.column] = max(known, default=None)
        else:
            found[figure.column] = sum(known) if len(known) == len(values) else None
    for rate in RATES:
        found[rate.column] = rounded(found[rate.numerator], found[rate.denominator])
    if key == "query":
        different = [len({row[name] for row in group if row[name] is not None}) > 1 for name in MARKET]
        found["market_disagreements"] = sum(different)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_every_figure_is_what_adding_up_the_rows_by_hand_gives(
    committing: Connection, publisher: Publisher, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same rows each time
    week = [
        {
            "query": query,
            "asin": asin,
            **{name: chance.choice([0, 1, 7, 10**12]) for name in OWN},
            **{name: chance.choice([None, 0, 3, 3, 10**12]) for name in (*MARKET, "query_score", "query_volume")},
        }
        for query in ("mouse", "wireless mouse", "Maus\t", "'; drop", "\N{MOUSE FACE}")
        for asin in ("B000000001", "B000000002", "B000000003", "B000000004")
        if chance.random() < 0.7
    ]
    publisher.week("2026-11-08", week)
    for key in ("query", "asin"):
        groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for each in week:
            groups[str(each[key])].append(each)
        found = {each[key]: each for each in rows(committing, f"select * from weekly_{key}")}
        assert found.keys() == groups.keys()
        for name, group in groups.items():
            wanted = expected(group, key)
            assert {column: found[name][column] for column in wanted} == wanted, name


def partitions_read(connection: Connection, statement: str) -> set[str]:
    """The partitions of periods that a statement reads; the default one has no rows."""
    plan = [line for (line,) in connection.execute(f"explain (analyze, costs off, timing off) {statement}".encode())]
    scans = [line for line in plan if "never executed" not in line and "summary_2" in line]
    return {re.findall(r" on (\w+)", line)[0] for line in scans if "_default" not in line}


@pytest.mark.parametrize("view", SUMS)
def test_one_period_of_a_view_reads_one_partition(committing: Connection, publisher: Publisher, view: str) -> None:
    """Of a month or quarter by query those of its weeks, too."""
    sync_type = SyncType(view.partition("_")[0])
    for week in ("2026-04-05", "2026-07-05", "2026-10-04"):
        publisher.week(week)
    day, condition = {
        SyncType.WEEKLY: ("2026-07-05", "true"),
        SyncType.MONTHLY: ("2026-07-01", "year = 2026 and month = 7"),
        SyncType.QUARTERLY: ("2026-07-01", "year = 2026 and quarter = 3"),
    }[sync_type]
    wanted = {f"{sync_type.target_table}_{day.replace('-', '')}"}
    if view in ("monthly_query", "quarterly_query"):
        wanted.add("weekly_summary_20260705")
    assert partitions_read(committing, f"select * from {view} where period_start = '{day}'") == wanted
    if sync_type is not SyncType.WEEKLY:
        assert partitions_read(committing, f"select * from {view} where {condition}") == wanted


def test_a_policy_of_a_table_holds_for_the_sums_over_it(
    committing: Connection, publisher: Publisher, login: Login
) -> None:
    publisher.week("2026-11-08", [{"asin": "B000000001"}, {"asin": "B000000002"}])
    committing.execute("alter table weekly_summary enable row level security")
    committing.execute("create policy one on weekly_summary for select to sqp_reader using (asin = 'B000000001')")
    with psycopg.connect(login("sqp_reader"), autocommit=True, options="-c search_path=sqp") as reader:
        assert reader.execute("select asins, total_clicks from weekly_query").fetchall() == [(1, 50)]
        assert reader.execute("select asin from weekly_asin").fetchall() == [("B000000001",)]


def test_the_views_have_the_rows_of_an_adopted_table(adopt: Callable[[], Connection], seed: Connection) -> None:
    """Their types stay: a view over integers adds up as far as a bigint goes."""
    seed.execute(
        "insert into sqp.weekly_summary (period_start, period_end, query, asin, total_impressions) "
        "select '2026-11-01', '2026-11-07', 'mouse', asin, 2000000000 from unnest(array['B1', 'B2']) as asin"
    )
    found = row(adopt(), "select * from sqp.weekly_query where query = 'mouse'")
    assert (found["total_impressions"], found["asins"]) == (4_000_000_000, 2)


def test_the_views_over_all_feeds_have_the_sums_of_each(server_dsn: str) -> None:
    with several_in(server_dsn) as several:
        several.migrate(several.feeds({"us": {}, "ca": {}}))
        several.add_week("us", "shoe")
        several.add_week("ca", "shoe", "sock")
        assert several.execute("select feed, query, asins from sqp_all.weekly_query order by 1, 2") == [
            ("ca", "shoe", 1),
            ("ca", "sock", 1),
            ("us", "shoe", 1),
        ]
        assert several.execute("select feed, queries from sqp_all.monthly_asin order by 1") == [("ca", 2), ("us", 1)]
