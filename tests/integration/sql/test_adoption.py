"""A database that already has plain summary tables is adopted: no row lost, none changed but for what was missing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from sqp_provider.core.period import SyncType
from sqp_provider.migrations import migrate
from tests.published import Publisher

Connection = psycopg.Connection[Any]
Adopt = Callable[[], Connection]

FIGURES = (
    "id, period_start, period_end, query, asin, total_impressions, total_clicks, total_purchases,"
    " avg_ctr, avg_cvr, impression_share, click_share, purchase_share, created_at, updated_at"
)
TABLES = {
    "weekly_summary": FIGURES,
    "monthly_summary": f"{FIGURES}, year, month",
    "quarterly_summary": f"{FIGURES}, year, quarter",
}
INSERT_WEEKS = """
    insert into weekly_summary
        (period_start, period_end, query, asin, total_impressions, total_clicks, avg_ctr, click_share, updated_at)
    values
        ('2026-10-25', '2026-10-31', 'Wireless Headphones', 'B000000001', 1000, 10, 0.01, 12345678.1234, '2026-11-03'),
        ('2026-11-08', '2026-11-14', 'wireless headphones', 'B000000001', 2147483647, 20, 0.2000, 0, null),
        ('2026-11-15', '2026-11-21', 'emoji 🎧 ￼', 'B000000002', null, null, null, null, '2026-11-23')
"""
INSERT_LOG = (
    "insert into sync_log (sync_type, sync_status, source_table, target_table) values ('weekly', 'x', 's', 't')"
)
INSERT_CHECK = (
    "insert into data_quality_checks (sync_log_id, check_type, check_status) values (1, 'row_count', 'passed')"
)


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def contents(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {table: rows(connection, f"select {columns} from {table} order by id") for table, columns in TABLES.items()}


def types(connection: Connection, table: str) -> dict[str, str]:
    return dict(
        connection.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and not attisdropped",
            [table],
        ).fetchall()
    )


def test_no_row_is_lost_and_no_month_doubled(seed: Connection, adopt: Adopt) -> None:
    """The specification's trigger has filled the months; it is off before the backfill updates every week."""
    seed.execute(INSERT_WEEKS)
    before = contents(seed)
    assert [len(table) for table in before.values()] == [3, 3, 0]
    adopt()
    assert contents(seed) == before


def test_missing_columns_are_added_with_their_defaults(seed: Connection, adopt: Adopt, connection: Connection) -> None:
    seed.execute(INSERT_WEEKS)
    adopt()
    for table in TABLES:
        assert types(connection, table).keys() <= types(seed, table).keys()
    assert rows(seed, "select distinct total_cart_adds, market_clicks, query_score from weekly_summary") == [
        (0, None, None)
    ]


def test_a_table_that_needs_no_change_is_not_rewritten(seed: Connection, adopt: Adopt, seed_database: str) -> None:
    adopt()
    before = rows(seed, "select relname, relfilenode from pg_class where relkind = 'r' order by 1")
    seed.execute("delete from alembic_version")
    migrate(seed_database)
    assert rows(seed, "select relname, relfilenode from pg_class where relkind = 'r' order by 1") == before


def test_existing_rows_get_the_metadata_of_one_adopted_sync(seed: Connection, adopt: Adopt) -> None:
    seed.execute(INSERT_WEEKS)
    adopt()
    assert rows(
        seed,
        "select sync_type, sync_status, target_table, period_start::text, period_end::text, records_processed,"
        " sync_metadata from sync_log order by id",
    ) == [
        ("weekly", "completed", "weekly_summary", "2026-10-25", "2026-11-21", 3, {"adopted": True}),
        ("monthly", "completed", "monthly_summary", "2026-10-01", "2026-11-30", 3, {"adopted": True}),
    ]
    for table in ("weekly_summary", "monthly_summary"):
        assert rows(
            seed,
            f"select count(*) from {table} join sync_log on sync_log.id = sync_log_id and target_table = '{table}'"
            f" where bigquery_sync_id = 'adopted' and last_synced_at = coalesce(updated_at, {table}.created_at)",
        ) == [(3,)]


def test_the_log_says_what_is_adopted(seed: Connection, adopt: Adopt, caplog: pytest.LogCaptureFixture) -> None:
    seed.execute(INSERT_WEEKS)
    caplog.set_level(logging.INFO)
    adopt()
    assert "Adopting weekly_summary: add column total_cart_adds bigint default 0, add column" in caplog.text
    assert "Marking 3 rows of weekly_summary as adopted" in caplog.text
    assert "Running create index concurrently if not exists weekly_summary_sync_log_id_idx" in caplog.text
    assert "skipping" not in caplog.text


def test_a_row_that_was_synced_before_keeps_its_metadata(seed: Connection, adopt: Adopt) -> None:
    seed.execute(INSERT_LOG)
    seed.execute("drop trigger update_summaries_on_weekly_insert on weekly_summary")
    seed.execute(INSERT_WEEKS)
    seed.execute("update weekly_summary set sync_log_id = 1, bigquery_sync_id = 'job', last_synced_at = '2026-11-20'")
    adopt()
    assert rows(
        seed, "select distinct sync_log_id, bigquery_sync_id, last_synced_at::date::text from weekly_summary"
    ) == [(1, "job", "2026-11-20")]


def test_a_row_that_lacks_only_the_time_of_its_sync_keeps_the_rest(seed: Connection, adopt: Adopt) -> None:
    seed.execute(INSERT_LOG)
    seed.execute(
        "insert into weekly_summary (period_start, period_end, query, asin, sync_log_id, bigquery_sync_id, updated_at)"
        " values ('2026-11-08', '2026-11-14', 'a', 'B000000001', 1, 'job', '2026-11-20')"
    )
    adopt()
    found = "select sync_log_id, bigquery_sync_id, last_synced_at::date::text from weekly_summary"
    assert rows(seed, found) == [(1, "job", "2026-11-20")]


def test_the_log_and_the_checks_of_the_specification_are_kept(seed: Connection, adopt: Adopt) -> None:
    seed.execute(INSERT_LOG)
    seed.execute(INSERT_CHECK)
    adopt()
    assert rows(seed, "select id, sync_type, dag_id, attempt from sync_log") == [(1, "weekly", None, 1)]
    assert rows(seed, "select id, sync_log_id, attempt from data_quality_checks") == [(1, 1, None)]


def test_running_the_backfill_again_leaves_derived_months_alone(
    seed: Connection, adopt: Adopt, seed_database: str
) -> None:
    adopt()
    seed.execute(INSERT_WEEKS)
    before = rows(seed, "select * from monthly_summary order by id")
    seed.execute("delete from alembic_version")
    migrate(seed_database)
    assert rows(seed, "select * from monthly_summary order by id") == before


def test_the_adding_trigger_gives_way_to_ours(seed: Connection, adopt: Adopt) -> None:
    seed.execute("alter trigger update_summaries_on_weekly_insert on weekly_summary rename to sums")
    adopt()
    triggers = (
        "select tgname from pg_trigger where tgrelid = 'weekly_summary'::regclass and not tgisinternal order by 1"
    )
    assert rows(seed, triggers) == [
        (f"update_summaries_on_weekly_{event}",) for event in ("delete", "insert", "truncate", "update")
    ]
    seed.execute(INSERT_WEEKS)
    seed.execute("update weekly_summary set total_clicks = 5")
    assert rows(seed, "select month, total_clicks from monthly_summary order by id") == [(10, 5), (11, 5), (11, 5)]


def test_other_triggers_of_the_owner_stay(seed: Connection, adopt: Adopt) -> None:
    seed.execute("create function audit() returns trigger language plpgsql as 'begin return new; end'")
    seed.execute("create trigger audit after insert on weekly_summary for each row execute function audit()")
    adopt()
    assert rows(seed, "select tgenabled from pg_trigger where tgname = 'audit'") == [("O",)]


def test_a_key_held_twice_is_kept_and_ends_as_one_right_row_when_touched(seed: Connection, adopt: Adopt) -> None:
    seed.execute("alter table monthly_summary drop constraint monthly_summary_year_month_query_asin_key")
    seed.execute("drop trigger update_summaries_on_weekly_insert on weekly_summary")
    month = (
        "insert into monthly_summary (period_start, period_end, year, month, query, asin, total_clicks)"
        " values ('2026-11-01', '2026-11-30', 2026, 11, %s, 'B000000001', %s)"
    )
    for query, clicks in (("a", 1), ("a", 2), ("b", 3), ("b", 4)):
        seed.execute(month, [query, clicks])
    adopt()
    assert rows(seed, "select count(*) from monthly_summary") == [(4,)]
    seed.execute("update synced_period set state = 'derived', fingerprint = 'the sum of its weeks'")
    seed.execute(
        "insert into weekly_summary (period_start, period_end, query, asin, total_clicks)"
        " values ('2026-11-08', '2026-11-14', 'a', 'B000000001', 9)"
    )
    found = "select query, total_clicks, active_weeks, sync_log_id is null from monthly_summary order by 1, 2"
    assert rows(seed, found) == [
        ("a", 9, 1, True),
        ("b", 3, None, False),
        ("b", 4, None, False),
    ]
    seed.execute("update weekly_summary set query = 'b'")
    assert rows(seed, found) == [("b", 9, 1, True)]


@pytest.mark.parametrize("of_the_quarter", [False, True])
@pytest.mark.parametrize("key_type", ["varchar(500)", "char(40)", "text", 'text collate "POSIX"'])
def test_rollups_work_between_adopted_and_new_tables(
    seed: Connection,
    adopt: Adopt,
    seed_database: str,
    monkeypatch: pytest.MonkeyPatch,
    key_type: str,
    of_the_quarter: bool,
) -> None:
    """Texts of two explicit collations cannot be compared as they are, and adopted keys keep theirs."""
    seed.execute(f"alter table weekly_summary alter query type {key_type}, alter asin type {key_type}")
    if of_the_quarter:
        seed.execute(f"alter table quarterly_summary alter query type {key_type}, alter asin type {key_type}")
    seed.execute("drop table monthly_summary; alter table quarterly_summary alter column quarter drop not null")
    seed.execute("drop trigger update_summaries_on_weekly_insert on weekly_summary")
    seed.execute(INSERT_WEEKS)
    seed.execute("update weekly_summary set total_impressions = 1000000000")
    adopt()
    seed.execute("update weekly_summary set total_clicks = 7, total_impressions = 100")
    for table in ("monthly_summary", "quarterly_summary"):
        assert rows(seed, f"select sum(total_clicks) from {table}") == [(21,)]
    publisher = Publisher(seed_database, monkeypatch)
    for sync_type, first_day in ((SyncType.MONTHLY, "2026-11-01"), (SyncType.QUARTERLY, "2026-10-01")):
        assert publisher.sum_anew(sync_type, first_day).changes == 0
    publisher.week("2026-11-22", [{"total_clicks": 1}])
    for table in ("monthly_summary", "quarterly_summary"):
        assert rows(seed, f"select sum(total_clicks) from {table}") == [(22,)]
    assert rows(seed, "select relkind::text from pg_class where oid = 'monthly_summary'::regclass") == [("p",)]


def test_indexes_of_adopted_tables_are_built_and_valid(seed: Connection, adopt: Adopt) -> None:
    seed.execute(INSERT_WEEKS)
    adopt()
    built = (
        "select indexrelid::regclass::text from pg_index where indisvalid and indrelid::regclass::text like '%_summary'"
        " and indexrelid::regclass::text like '%idx%' order by 1"
    )
    expected = [f"{table}_{columns}_idx" for table in TABLES for columns in ("period_start_query_asin", "sync_log_id")]
    assert rows(seed, built) == [(name,) for name in sorted(["idx_weekly_summary_sync", *expected])]


def test_an_interrupted_index_is_built_again(seed: Connection, adopt: Adopt, seed_database: str) -> None:
    """An invalid index is what a cancelled concurrent build leaves behind; a failing unique one leaves the same."""
    seed.execute(INSERT_WEEKS)
    adopt()
    name = "weekly_summary_period_start_query_asin_idx"
    seed.execute(f"drop index {name}")
    with pytest.raises(psycopg.errors.UniqueViolation):
        seed.execute(f"create unique index concurrently {name} on weekly_summary ((1))")
    seed.execute("update alembic_version set version_num = '0003'")
    assert migrate(seed_database)[0] == "0004"
    assert rows(
        seed, f"select indisvalid, indisunique, indnatts from pg_index where indexrelid = '{name}'::regclass"
    ) == [(True, False, 3)]
