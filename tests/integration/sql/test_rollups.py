"""Months and quarters follow the weeks; what their own sync published stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.published import ROW, Publisher

Connection = psycopg.Connection[Any]

WEEK = (
    "insert into weekly_summary (period_start, period_end, query, asin, total_impressions, total_clicks,"
    " total_cart_adds, total_purchases, market_impressions, market_clicks, market_cart_adds, market_purchases,"
    " query_score, query_volume) values (%(week)s, %(week)s::date + 6, %(query)s, %(asin)s, %(impressions)s,"
    " %(clicks)s, %(cart_adds)s, %(purchases)s, %(market)s, %(market)s, %(market)s, %(market)s, %(score)s, %(volume)s)"
)
DEFAULTS = {
    "query": "wireless headphones",
    "asin": "B000000001",
    "impressions": 765,
    "clicks": 50,
    "cart_adds": 10,
    "purchases": 5,
    "market": 1000,
    "score": 5,
    "volume": 15000,
}


def insert_week(connection: Connection, week: str, **values: Any) -> None:
    connection.execute(WEEK, DEFAULTS | {"week": week} | values)


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def versions(connection: Connection, table: str) -> list[tuple[Any, ...]]:
    return rows(connection, f"select query, asin, tableoid, ctid, xmin from {table} order by 1, 2")


def test_two_weeks_make_one_month_and_one_quarter(connection: Connection) -> None:
    insert_week(connection, "2026-11-08")
    insert_week(connection, "2026-11-15", impressions=235, clicks=0, market=3000, score=3, volume=5000)
    figures = (
        "query, asin, total_impressions, total_clicks, total_cart_adds, total_purchases, market_impressions,"
        " query_score, query_volume, avg_ctr, avg_cvr, impression_share, click_share, cart_add_share, purchase_share,"
        " active_weeks, bigquery_sync_id, sync_log_id, last_synced_at"
    )
    shares = ("0.050000", "0.200000", "0.250000", "0.012500", "0.005000", "0.002500")
    expected = (
        *("wireless headphones", "B000000001", 1000, 50, 20, 10, 4000, 3, 20000),
        *(Decimal(share) for share in shares),
        *(2, None, None, None),
    )
    assert rows(connection, f"select {figures} from monthly_summary") == [expected]
    assert rows(connection, f"select {figures} from quarterly_summary") == [expected]
    assert rows(connection, "select period_start::text, period_end::text, year, month from monthly_summary") == [
        ("2026-11-01", "2026-11-30", 2026, 11)
    ]


def test_a_week_belongs_to_the_month_and_quarter_of_its_first_day(connection: Connection) -> None:
    insert_week(connection, "2026-12-27")
    assert rows(connection, "select period_start::text, year, month from monthly_summary") == [("2026-12-01", 2026, 12)]
    assert rows(connection, "select period_end::text, year, quarter from quarterly_summary") == [
        ("2026-12-31", 2026, 4)
    ]


def test_a_rate_of_nothing_is_zero_and_a_share_of_the_unknown_is_unknown(connection: Connection) -> None:
    insert_week(connection, "2026-11-08", impressions=0, clicks=0, purchases=0, market=0)
    rates = "select avg_ctr, avg_cvr, impression_share, purchase_share, market_clicks from monthly_summary"
    assert rows(connection, rates) == [(0, 0, 0, 0, 0)]
    insert_week(connection, "2026-11-15", impressions=0, clicks=0, purchases=0, market=None, volume=None)
    assert rows(connection, rates) == [(0, 0, None, None, None)]
    assert rows(connection, "select query_volume from monthly_summary") == [(None,)]


def test_a_rate_that_its_column_cannot_hold_is_unknown_and_does_not_refuse_the_week(connection: Connection) -> None:
    insert_week(connection, "2026-11-08", impressions=2**31, market=1)
    assert rows(connection, "select impression_share, cart_add_share from quarterly_summary") == [
        (None, Decimal("10.000000"))
    ]


@pytest.mark.parametrize(
    ("count", "of", "rate"),
    [
        (9_999, 1, "9999.000000"),
        (19_999_999_998, 2_000_000, "9999.999999"),
        (19_999_999_998_999, 2_000_000_000, "9999.999999"),
        (19_999_999_999_000, 2_000_000_000, None),  # a tie, which would round to 10,000
        (10_000, 1, None),
        (2**62, 1, None),
        (1, 2**62, "0.000000"),
        (7, 0, "0"),
        (7, None, None),
    ],
)
def test_a_rate_is_kept_up_to_the_largest_that_its_column_holds(
    count: int, of: int | None, rate: str | None, connection: Connection
) -> None:
    found = connection.execute("select rate(%s::bigint, %s::bigint)", [count, of]).fetchone()
    assert found == (rate and Decimal(rate),)


def test_a_tie_rounds_away_from_zero(connection: Connection) -> None:
    insert_week(connection, "2026-11-08", impressions=128, clicks=1)
    assert rows(connection, "select avg_ctr from monthly_summary") == [(Decimal("0.007813"),)]


def test_moving_a_row_to_another_week_recomputes_both_months(connection: Connection) -> None:
    insert_week(connection, "2026-10-25")
    insert_week(connection, "2026-11-08")
    connection.execute("update weekly_summary set period_start = '2026-11-15' where period_start = '2026-10-25'")
    assert rows(connection, "select month, active_weeks from monthly_summary") == [(11, 2)]
    assert rows(connection, "select period_start::text from synced_period where sync_type = 'monthly'") == [
        ("2026-11-01",)
    ]


def test_changing_a_key_recomputes_the_old_and_the_new_one(connection: Connection) -> None:
    insert_week(connection, "2026-11-08")
    connection.execute("update weekly_summary set asin = 'B000000002'")
    assert rows(connection, "select asin from monthly_summary") == [("B000000002",)]


def test_on_conflict_do_update_counts_once(connection: Connection) -> None:
    insert_week(connection, "2026-11-08")
    connection.execute(
        f"{WEEK} on conflict (period_start, query, asin) do update set total_clicks = excluded.total_clicks",
        DEFAULTS | {"week": "2026-11-08", "clicks": 51},
    )
    assert rows(connection, "select total_clicks, active_weeks from monthly_summary") == [(51, 1)]


def test_copying_rows_in_rolls_them_up_too(connection: Connection) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy("copy weekly_summary (period_start, period_end, query, asin, total_clicks) from stdin") as copy,
    ):
        copy.write_row(("2026-11-08", "2026-11-14", "a", "B000000001", 7))
    assert rows(connection, "select total_clicks from quarterly_summary") == [(7,)]


def test_rows_that_stay_right_are_not_written(committing: Connection) -> None:
    for asin in ("B000000001", "B000000002"):
        insert_week(committing, "2026-11-08", asin=asin)
    before = {table: versions(committing, table) for table in ("monthly_summary", "quarterly_summary")}
    committing.execute("update weekly_summary set last_synced_at = now()")
    committing.execute("update weekly_summary set total_clicks = total_clicks")
    committing.execute("delete from weekly_summary where query = 'no such query'")
    assert {table: versions(committing, table) for table in before} == before
    committing.execute("update weekly_summary set total_clicks = 51 where asin = 'B000000002'")
    for table, old in before.items():
        new = versions(committing, table)
        assert new[0] == old[0]
        assert new[1] != old[1]


def test_a_changed_row_keeps_created_at_and_renews_updated_at(connection: Connection) -> None:
    insert_week(connection, "2026-11-08")
    connection.execute("update monthly_summary set created_at = '2026-01-01', updated_at = '2026-01-01'")
    connection.execute("update weekly_summary set total_clicks = 51")
    assert rows(
        connection, "select created_at = '2026-01-01', updated_at > now() - interval '1 hour' from monthly_summary"
    ) == [(True, True)]


def test_the_ledger_names_derived_periods_while_they_have_rows(connection: Connection) -> None:
    insert_week(connection, "2026-11-08")
    ledger = (
        "select sync_type, period_start::text, period_end::text, state, fingerprint, row_count, sync_log_id"
        " from synced_period order by 1"
    )
    assert rows(connection, ledger) == [
        ("monthly", "2026-11-01", "2026-11-30", "derived", "the sum of its weeks", None, None),
        ("quarterly", "2026-10-01", "2026-12-31", "derived", "the sum of its weeks", None, None),
    ]
    connection.execute("delete from weekly_summary")
    assert rows(connection, ledger) == []


def test_a_period_published_by_its_own_sync_is_never_touched(connection: Connection) -> None:
    insert_week(connection, "2026-11-08")
    connection.execute("update monthly_summary set total_clicks = 999")
    connection.execute("update synced_period set state = 'synced', fingerprint = 'f' where sync_type = 'monthly'")
    before = versions(connection, "monthly_summary")
    insert_week(connection, "2026-11-15")
    insert_week(connection, "2026-11-15", asin="B000000002")
    connection.execute("delete from weekly_summary where period_start = '2026-11-08'")
    connection.execute("truncate weekly_summary")
    assert versions(connection, "monthly_summary") == before
    assert rows(connection, "select sync_type, state, fingerprint from synced_period") == [("monthly", "synced", "f")]
    assert rows(connection, "select count(*) from quarterly_summary") == [(0,)]


def test_truncating_the_weeks_takes_what_was_derived_from_them(connection: Connection) -> None:
    insert_week(connection, "2026-10-25")
    insert_week(connection, "2026-11-08")
    connection.execute("truncate weekly_summary")
    for table in ("monthly_summary", "quarterly_summary", "synced_period"):
        assert rows(connection, f"select count(*) from {table}") == [(0,)]


def test_a_published_week_counts_in_its_month_and_quarter(committing: Connection, publisher: Publisher) -> None:
    insert_week(committing, "2026-11-08")
    publisher.week("2026-11-15")
    assert rows(committing, "select total_clicks, active_weeks from monthly_summary") == [(100, 2)]
    insert_week(committing, "2026-11-22")
    assert rows(committing, "select total_clicks, active_weeks from quarterly_summary") == [(150, 3)]


PARTITIONS = {
    "weekly_summary": "weekly_summary_20261108",
    "monthly_summary": "monthly_summary_20261101",
    "quarterly_summary": "quarterly_summary_20261001",
}
"""The partitions of the week from 2026-11-08."""
STAGED = "select relname from pg_class where relnamespace = 'sqp_staging'::regnamespace and relkind = 'r'"


def assert_it_has_what_its_table_has(connection: Connection, table: str, partition: str) -> None:
    """Each index and key of the table, built and proved; the checks of its period; nobody else's rights."""
    of_table = (
        "select (select count(*) from pg_index where indrelid = c.oid and indisvalid),"
        " (select count(*) from pg_constraint where conrelid = c.oid and contype = 'p' and convalidated),"
        " (select count(*) from pg_constraint where conrelid = c.oid and contype = 'f' and convalidated)"
        " from pg_class as c where oid = '{}'::regclass"
    )
    assert rows(connection, of_table.format(partition)) == rows(connection, of_table.format(table))
    assert rows(
        connection,
        "select count(*), bool_and(c.relispartition) from pg_index as i join pg_class as c on c.oid = i.indexrelid"
        f" where i.indrelid = '{partition}'::regclass",
    ) == [(3 if table == "weekly_summary" else 2, True)]
    assert rows(
        connection,
        "select relpersistence::text, relrowsecurity, relispartition, relacl, relnamespace::regnamespace::text,"
        " relowner = (select relowner from pg_class where oid = inhparent)"
        f" from pg_class join pg_inherits on inhrelid = oid where oid = '{partition}'::regclass",
    ) == [("p", True, True, None, "sqp", True)]
    assert rows(
        connection,
        "select (select array_agg(conname::text) from pg_constraint where conrelid = c.oid and contype = 'c'),"
        " (select array_agg(tgname::text) from pg_trigger where tgrelid = c.oid and not tgisinternal)"
        f" from pg_class as c where oid = '{partition}'::regclass",
    ) == [([f"{partition}_period_check"], ["forget_period"])]


def partition_of(connection: Connection, table: str) -> list[tuple[Any, ...]]:
    return rows(connection, f"select distinct tableoid::regclass::text, tableoid from {table}")


def test_a_month_without_rows_is_built_apart_and_attached_with_all_that_its_table_has(
    committing: Connection, publisher: Publisher
) -> None:
    assert publisher.week("2026-11-08").how == "attached"
    for table, partition in PARTITIONS.items():
        assert rows(committing, f"select tableoid::regclass::text, total_clicks from {table}") == [(partition, 50)]
        assert_it_has_what_its_table_has(committing, table, partition)
    for table in ("monthly_summary", "quarterly_summary"):
        assert rows(committing, f"select active_weeks, sync_log_id, last_synced_at from {table}") == [(1, None, None)]
        assert rows(committing, f"select state from synced_period where sync_type || '_summary' = '{table}'") == [
            ("derived",)
        ]
    assert rows(committing, STAGED) == []


def test_a_second_week_replaces_month_and_quarter_with_all_that_their_tables_have(
    committing: Connection, publisher: Publisher
) -> None:
    publisher.week("2026-11-08")
    before = {table: partition_of(committing, table) for table in PARTITIONS}
    publisher.week("2026-11-15", [{"total_clicks": 1}])
    for table in ("monthly_summary", "quarterly_summary"):
        ((name, oid),), ((name_before, oid_before),) = partition_of(committing, table), before[table]
        assert (name, oid != oid_before) == (name_before, True)
        assert_it_has_what_its_table_has(committing, table, name)
        assert rows(committing, f"select active_weeks, total_clicks from {table}") == [(2, 51)]
    assert rows(committing, STAGED) == []


def columns(connection: Connection, table: str, query: str) -> dict[str, Any]:
    """Every column of a table's one row with that query."""
    cursor = connection.execute(f"select * from {table} where query = %s", [query])
    assert cursor.description is not None
    (row,) = cursor.fetchall()
    return dict(zip([column.name for column in cursor.description], row, strict=True))


def changed(connection: Connection, before: dict[str, dict[str, Any]], query: str) -> dict[str, set[str]]:
    """The columns in which each table's row with that query differs from before."""
    now = {table: columns(connection, table, query) for table in before}
    return {table: {name for name in now[table] if now[table][name] != before[table][name]} for table in before}


def test_what_a_second_week_does_not_change_keeps_every_column(committing: Connection, publisher: Publisher) -> None:
    publisher.week("2026-11-08", [{"query": "only then"}, {"query": "again"}])
    tables = ("monthly_summary", "quarterly_summary")
    before = {query: {t: columns(committing, t, query) for t in tables} for query in ("only then", "again")}
    publisher.week("2026-11-15", [{"query": "again", "total_clicks": 1}, {"query": "new"}])
    assert changed(committing, before["only then"], "only then") == {table: set() for table in tables}
    counts = ROW.keys() - {"query", "asin", "query_score"}
    rates = {"avg_ctr", "avg_cvr", "click_share"}
    assert changed(committing, before["again"], "again") == {
        table: {*counts, *rates, "active_weeks", "updated_at"} for table in tables
    }
    for table in tables:
        found = columns(committing, table, "new")
        assert found["created_at"] == found["updated_at"] > before["again"][table]["created_at"]


@pytest.mark.parametrize("swap", [{"swap_above_rows": 0, "swap_above_fraction": 0}, {}], ids=["swapped", "row by row"])
def test_what_a_restatement_of_a_week_does_not_change_keeps_every_column(
    committing: Connection, database: str, monkeypatch: pytest.MonkeyPatch, swap: dict[str, Any]
) -> None:
    """Also a column that somebody has added, in the rows that change, too."""
    committing.execute("alter table weekly_summary add column note text default 'none yet'")
    publisher = Publisher(database, monkeypatch, **swap)
    publisher.week("2026-11-08", [{"query": query} for query in ("same", "changes", "goes")])
    committing.execute("update weekly_summary set note = query")
    before = {query: {t: columns(committing, t, query) for t in PARTITIONS} for query in ("same", "changes")}
    result = publisher.week(
        "2026-11-08", [{"query": "same"}, {"query": "changes", "total_cart_adds": 9}, {"query": "comes"}]
    )
    assert (result.how, result.inserted, result.updated, result.deleted, result.unchanged) == (
        "swapped" if swap else "difference", 1, 1, 1, 1,
    )  # fmt: skip
    assert changed(committing, before["same"], "same") == {table: set() for table in PARTITIONS}
    figures = {"total_cart_adds", "cart_add_share", "updated_at"}
    assert changed(committing, before["changes"], "changes") == {
        "weekly_summary": {*figures, "sync_log_id", "bigquery_sync_id", "last_synced_at"},
        "monthly_summary": figures,
        "quarterly_summary": figures,
    }
    for table, partition in PARTITIONS.items():
        assert_it_has_what_its_table_has(committing, table, partition)
        assert rows(committing, f"select query from {table} order by 1") == [("changes",), ("comes",), ("same",)]
    assert rows(committing, "select note from weekly_summary order by query") == [
        ("changes",),
        ("none yet",),
        ("same",),
    ]


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize(
    "lost",
    [
        "drop table monthly_summary_20261101, quarterly_summary_20261001",
        "truncate monthly_summary_20261101, quarterly_summary_20261001",
        "truncate monthly_summary, quarterly_summary",
        "alter table monthly_summary detach partition monthly_summary_20261101; drop table quarterly_summary_20261001;"
        " alter table monthly_summary_20261101 set schema public",
        "delete from monthly_summary where query = 'only before'; delete from quarterly_summary where query <> ''",
        "update monthly_summary set total_clicks = 0; update quarterly_summary set total_clicks = 0",
    ],
)
def test_a_month_that_somebody_emptied_or_changed_is_summed_from_all_its_weeks(
    committing: Connection, publisher: Publisher, lost: str, published: bool
) -> None:
    publisher.week("2026-11-08")
    insert_week(committing, "2026-11-08", query="only before")
    committing.execute(lost.encode())
    if published:
        publisher.week("2026-11-15", [{"total_clicks": 1}])
    else:
        insert_week(committing, "2026-11-15", clicks=1)
    for table in ("monthly_summary", "quarterly_summary"):
        found = f"select query, active_weeks, total_clicks from {table} order by 1"
        assert rows(committing, found) == [("only before", 1, 50), ("wireless headphones", 2, 51)]


def test_rows_of_a_month_that_nobody_of_us_made_are_left_alone(connection: Connection) -> None:
    connection.execute(
        "insert into monthly_summary (period_start, period_end, query, asin)"
        " values ('2026-11-01', '2026-11-30', 'a', 'b')"
    )
    insert_week(connection, "2026-11-08")
    assert rows(connection, "select query, total_clicks from monthly_summary") == [("a", 0)]
    assert rows(connection, "select sync_type, state from synced_period order by 1") == [
        ("monthly", "adopted"),
        ("quarterly", "derived"),
    ]


def test_a_month_with_rows_in_the_default_partition_gets_its_own(committing: Connection, publisher: Publisher) -> None:
    insert_week(committing, "2026-11-08")
    publisher.week("2026-11-15")
    assert rows(committing, "select tableoid::regclass::text, active_weeks from monthly_summary") == [
        ("monthly_summary_20261101", 2)
    ]


def test_a_month_whose_partition_another_covers_is_merged_into_that(
    committing: Connection, publisher: Publisher
) -> None:
    committing.execute(
        "create table autumn partition of monthly_summary for values from ('2026-10-01') to ('2026-12-01')"
    )
    publisher.week("2026-11-08")
    assert rows(committing, "select tableoid::regclass::text, active_weeks from monthly_summary") == [("autumn", 1)]


def test_an_empty_week_changes_no_month(committing: Connection, publisher: Publisher) -> None:
    publisher.week("2026-11-08", [])
    assert rows(committing, "select sync_type, state, row_count from synced_period") == [("weekly", "synced", 0)]
    insert_week(committing, "2026-11-15")
    before = {table: versions(committing, table) for table in ("monthly_summary", "quarterly_summary")}
    publisher.week("2026-11-22", [])
    assert {table: versions(committing, table) for table in before} == before


def test_two_sessions_that_write_one_month_both_count(committing: Connection, other: Connection) -> None:
    with ThreadPoolExecutor(1) as threads:
        with committing.transaction():
            insert_week(committing, "2026-11-08")
            waiting = threads.submit(insert_week, other, "2026-11-15")
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
        waiting.result()
    assert rows(committing, "select active_weeks from monthly_summary") == [(2,)]


def test_months_are_locked_oldest_first_whatever_the_order_of_rows(committing: Connection, other: Connection) -> None:
    """Both statements touch October and November, in opposite order; without an order of locks this deadlocks."""
    committing.execute("insert into synced_period values ('monthly', '2026-10-01', '2026-10-31', 'derived')")
    insert = "insert into weekly_summary (period_start, period_end, query, asin) select w, w + 6, 'a', %s from {}"
    forth = insert.format("unnest(array['2026-10-11', '2026-11-08']::date[]) as w")
    back = insert.format("unnest(array['2026-11-15', '2026-10-18']::date[]) as w")

    def repeat(session: Connection, statement: str, letter: str) -> None:
        for number in range(20):
            session.execute(statement, [f"{letter}{number}"])

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(repeat, committing, forth, "f"), threads.submit(repeat, other, back, "b")]:
            done.result()
    assert rows(committing, "select count(*) from monthly_summary") == [(80,)]


def test_whoever_may_insert_a_week_needs_no_rights_on_months_or_ledger(connection: Connection) -> None:
    role = connection.execute("select 'writer_' || replace(gen_random_uuid()::text, '-', '')").fetchone()
    assert role is not None
    connection.execute(f"create role {role[0]}")
    try:
        connection.execute(f"grant usage on schema sqp to {role[0]}; grant insert on weekly_summary to {role[0]}")
        connection.execute(f"set role {role[0]}")
        insert_week(connection, "2026-11-08")
    finally:
        connection.execute("reset role")
        connection.execute(f"drop owned by {role[0]}; drop role {role[0]}")
    assert rows(connection, "select active_weeks from monthly_summary") == [(1,)]


def test_a_session_with_another_search_path_and_date_style_gets_the_same(committing: Connection, database: str) -> None:
    with psycopg.connect(database, autocommit=True, options="-c datestyle=SQL,DMY") as stranger:
        stranger.execute(
            "insert into sqp.weekly_summary (period_start, period_end, query, asin)"
            " values ('08/11/2026', '14/11/2026', '%_''\"\\ ￼', 'B000000001')"
        )
    assert rows(committing, "select period_start::text, period_end::text, query from monthly_summary") == [
        ("2026-11-01", "2026-11-30", "%_'\"\\ ￼")
    ]


def test_only_the_partitions_of_the_period_are_opened(committing: Connection) -> None:
    committing.execute("select ensure_period_partition('weekly_summary', '2026-11-08', '2026-11-14')")
    committing.execute("select ensure_period_partition('weekly_summary', '2025-11-09', '2025-11-15')")
    with committing.transaction():
        insert_week(committing, "2026-11-08")
        locked = rows(committing, "select relation::regclass::text from pg_locks where relation is not null")
    assert ("weekly_summary_20261108",) in locked
    assert ("weekly_summary_20251109",) not in locked
