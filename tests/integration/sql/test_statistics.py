"""The statistics of a partitioned table as a whole, which autovacuum does not collect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from sqp_provider.core.settings import TargetSettings
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.target.planner import Statistics
from tests.fixtures import connection_to

Connection = psycopg.Connection[Any]

ROWS = (
    "insert into weekly_summary (period_start, period_end, query, asin)"
    " select %(first)s, %(first)s::date + 6, 'q' || number, 'B000000001' from generate_series(1, %(rows)s) number"
)
OF_THE_WHOLE = (
    "select tablename || ' ' || attname from pg_stats where schemaname = 'sqp' and inherited and attname = 'query'"
)


@pytest.fixture
def refresh(database: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Analyze what has grown."""
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(database))
    return lambda: list(Statistics(SqpPostgresHook(TargetSettings())).refresh())


def add_week(connection: Connection, first: str, rows: int) -> None:
    """A week as a publish leaves it: a partition that is analyzed."""
    connection.execute(
        "select ensure_period_partition('weekly_summary', %(first)s, %(first)s::date + 6)", {"first": first}
    )
    connection.execute(ROWS, {"first": first, "rows": rows})
    connection.execute(f"analyze weekly_summary_{first.replace('-', '')}")


def test_a_table_is_analyzed_when_it_has_grown_by_a_tenth(
    committing: Connection, refresh: Callable[[], list[str]]
) -> None:
    committing.execute("alter table weekly_summary disable trigger user")  # months stay empty
    assert refresh() == []
    add_week(committing, "2026-11-08", 1000)
    assert committing.execute(OF_THE_WHOLE).fetchall() == []
    assert refresh() == ["weekly_summary"]
    assert committing.execute(OF_THE_WHOLE).fetchall() == [("weekly_summary query",)]
    assert refresh() == []
    add_week(committing, "2026-11-15", 90)
    assert refresh() == []
    add_week(committing, "2026-11-22", 50)
    assert refresh() == ["weekly_summary"]


def test_tables_that_are_not_partitioned_are_left_to_autovacuum(
    committing: Connection, refresh: Callable[[], list[str]]
) -> None:
    committing.execute(
        "drop table weekly_summary cascade; create table weekly_summary (period_start date, query text, asin text)"
    )
    committing.execute("insert into weekly_summary values ('2026-11-08', 'a', 'B000000001')")
    committing.execute("analyze weekly_summary")
    assert refresh() == []
