"""How what a publish builds is joined and copied. Otherwise it would be as right, but slower."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from sqp_provider.hooks.postgres import Database
from sqp_provider.target.staging import Staging
from tests.published import Publisher

Connection = psycopg.Connection[tuple[object, ...]]

ROWS = [{"query": f"query {number}"} for number in range(2000)]


def test_a_partition_that_replaces_another_is_joined_by_all_processors(
    committing: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is computed of a row is below the Gather; the process above it only encodes."""
    if committing.info.server_version < 160000:
        pytest.skip("Postgres 15 joins these with one process")
    committing.execute(
        sql.SQL("alter database {} set min_parallel_table_scan_size = 0").format(sql.Identifier(committing.info.dbname))
    )
    plans: dict[str, list[str]] = {}
    copy_partition = Staging.copy_partition

    def explained(self: Staging, reading: Database, query: sql.Composed, columns: list[str]) -> None:
        rows = reading.connection.execute(sql.SQL("explain (costs off) ") + query).fetchall()
        plans[self.sync.period.sync_type.value] = [row["QUERY PLAN"] for row in rows]
        copy_partition(self, reading, query, columns)

    publisher = Publisher(database, monkeypatch, swap_above_rows=0, swap_above_fraction=0)
    publisher.week("2026-11-08", ROWS)
    monkeypatch.setattr(Staging, "copy_partition", explained)
    assert publisher.week("2026-11-08", [row | {"total_clicks": 7} for row in ROWS]).how == "swapped"
    assert set(plans) == {"weekly", "monthly", "quarterly"}
    for plan in plans.values():
        assert plan[0] == "Gather", plan
        assert sum("Gather" in line for line in plan) == 1, plan
        assert any("Parallel Hash Left Join" in line or "Parallel Hash Right Join" in line for line in plan), plan


def test_what_is_the_same_in_every_row_of_a_sum_is_not_copied(
    committing: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a default while the rows are copied, and afterwards no longer."""
    copied: dict[str, set[str]] = {}
    copy_partition = Staging.copy_partition

    def noted(self: Staging, reading: Database, query: sql.Composed, columns: list[str]) -> None:
        copied[self.sync.period.sync_type.value] = set(columns)
        copy_partition(self, reading, query, columns)

    monkeypatch.setattr(Staging, "copy_partition", noted)
    assert Publisher(database, monkeypatch).week("2026-11-08").how == "attached"
    same = {"period_start", "period_end", "year", "month", "quarter", "sync_log_id", "click_price", "currency"}
    assert not same & (copied["monthly"] | copied["quarterly"])
    rows = "select period_end::text, year, month, sync_log_id, click_price, currency from monthly_summary_20261101"
    assert committing.execute(rows).fetchall() == [("2026-11-30", 2026, 11, None, None, None)]
    defaults = """select count(*) from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum
        where adrelid = 'monthly_summary_20261101'::regclass and attname = any (%s)"""
    assert committing.execute(defaults, [list(same)]).fetchall() == [(0,)]
