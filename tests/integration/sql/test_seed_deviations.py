"""Where the schema deviates from the specification: first what the specification does, then what ours does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection[Any]

INSERT_WEEK = """
    insert into weekly_summary (period_start, period_end, query, asin, total_impressions, total_clicks)
    values ('2026-11-08', '2026-11-14', 'wireless headphones', 'B000000001', 100, 10)
"""


def test_syncing_a_week_again_doubled_the_month_and_now_leaves_it(seed: Connection, connection: Connection) -> None:
    for target in (seed, connection):
        target.execute(INSERT_WEEK)
        target.execute("update weekly_summary set total_clicks = 10")
    query = "select total_impressions, total_clicks from monthly_summary"
    assert seed.execute(query).fetchall() == [(200, 20)]
    assert connection.execute(query).fetchall() == [(100, 10)]


def test_a_deleted_week_stayed_in_the_month_and_now_leaves_it(seed: Connection, connection: Connection) -> None:
    for target in (seed, connection):
        target.execute(INSERT_WEEK)
        target.execute("delete from weekly_summary")
    query = "select total_impressions from monthly_summary"
    assert seed.execute(query).fetchall() == [(100,)]
    assert connection.execute(query).fetchall() == []


def test_quarters_were_promised_and_are_now_kept(seed: Connection, connection: Connection) -> None:
    for target in (seed, connection):
        target.execute(INSERT_WEEK)
    query = "select period_start::text, period_end::text, year, quarter, total_clicks from quarterly_summary"
    assert seed.execute(query).fetchall() == []
    assert connection.execute(query).fetchall() == [("2026-10-01", "2026-12-31", 2026, 4, 10)]


def test_freshness_always_raised_and_now_returns_the_days(seed: Connection, connection: Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedFunction, match="extract"):
        seed.execute("select * from check_data_freshness()")
    connection.execute(
        "insert into weekly_summary (period_start, period_end, query, asin)"
        " values (current_date - 20, current_date - 14, 'a', 'B000000001'),"
        " (current_date - 27, current_date - 21, 'a', 'B000000001')"
    )
    query = "select days_old, is_stale from check_data_freshness() where table_name = 'weekly_summary'"
    assert connection.execute(query).fetchall() == [(14, False)]
    connection.execute("delete from weekly_summary where period_end = current_date - 14")
    assert connection.execute(query).fetchall() == [(21, True)]


def test_an_empty_table_is_stale_and_quarters_have_a_row(connection: Connection) -> None:
    assert connection.execute("select * from check_data_freshness()").fetchall() == [
        ("weekly_summary", None, None, True),
        ("monthly_summary", None, None, True),
        ("quarterly_summary", None, None, True),
    ]


@pytest.mark.parametrize(("days", "stale"), [(135, False), (136, True)])
def test_a_quarter_is_stale_after_135_days(connection: Connection, days: int, stale: bool) -> None:
    connection.execute(
        "insert into quarterly_summary (period_start, period_end, query, asin)"
        " values (current_date - 200, current_date - %s::integer, 'a', 'B000000001')",
        [days],
    )
    query = "select days_old, is_stale from check_data_freshness() where table_name = 'quarterly_summary'"
    assert connection.execute(query).fetchall() == [(days, stale)]


def test_a_large_failure_does_not_fit_difference_pct_unless_clamped(seed: Connection, connection: Connection) -> None:
    """The column keeps the specification's type, so whoever writes a check has to clamp."""
    insert = (
        "insert into data_quality_checks (check_type, check_status, difference_pct) values ('row_count', 'failed', %s)"
    )
    for target in (seed, connection):
        with pytest.raises(psycopg.errors.NumericValueOutOfRange), target.transaction():
            target.execute(insert, [Decimal("123456789.00")])
        target.execute(insert, [Decimal("99999999.99")])


def test_a_period_without_a_partition_lands_in_the_default_one(connection: Connection) -> None:
    """Whatever statement worked on the specification's plain table works on the partitioned one."""
    connection.execute(INSERT_WEEK)
    assert connection.execute("select tableoid::regclass::text from weekly_summary").fetchall() == [
        ("weekly_summary_default",)
    ]


def test_sync_log_cannot_be_partitioned_while_others_refer_to_its_id(connection: Connection) -> None:
    """Why there is a retention statement instead of the partitions the specification speaks of."""
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="unique constraint on partitioned table"):
        connection.execute(
            "create table log (id bigint primary key, started_at timestamptz) partition by range (started_at)"
        )
