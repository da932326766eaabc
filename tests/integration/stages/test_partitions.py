"""Somebody who handles a partition itself, or the schema around it."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from sqp_provider.core.period import SyncType
from sqp_provider.migrations import migrate
from tests.fixtures import settings_for
from tests.landing import WEEK, Landing, report_row
from tests.restatements import check
from tests.stages import Stages

NEXT = date(2026, 11, 15)
SUMMARIES = list(SyncType)


def land(landing: Landing, week: date = WEEK) -> None:
    landing.land(*(report_row(f"query {number}", week=week) for number in range(3)))


@pytest.mark.parametrize(
    "statement",
    [
        "drop table weekly_summary_20261108",
        "alter table weekly_summary detach partition weekly_summary_20261108",
        "truncate weekly_summary_20261108",
        "delete from weekly_summary_20261108 where query = 'query 1'",
        "update weekly_summary_20261108 set total_clicks = 0",
        "insert into weekly_summary_20261108 (period_start, period_end, query, asin)"
        " values ('2026-11-08', '2026-11-14', 'of theirs', 'B000000001')",
    ],
)
def test_whoever_handles_a_partition_itself_is_noticed_and_put_right(
    landing: Landing, stages: Stages, statement: str
) -> None:
    land(landing)
    assert stages.sync(WEEK).colour == "success"
    before = [stages.target(sync_type) for sync_type in SUMMARIES]
    assert check(stages) == []
    stages.query(statement)
    assert [trigger["conf"] for trigger in check(stages)] == [{"period_start": "2026-11-08"}]
    assert stages.sync(WEEK, max_delete_fraction=1).colour == "success"
    assert [stages.target(sync_type) for sync_type in SUMMARIES] == before
    assert check(stages) == []


def test_writing_through_the_table_does_not_wake_the_partitions_own_trigger(landing: Landing, stages: Stages) -> None:
    """Else a publish would forget what it has just published."""
    land(landing)
    assert stages.sync(WEEK).colour == "success"
    landing.land(report_row("query 1", asin_click_count=1, ingested_at="2026-11-25T06:00:00Z"))
    assert stages.sync(WEEK)["publish"]["updated"] == 1
    assert check(stages) == []


def test_a_partition_that_was_detached_can_be_written_to(landing: Landing, stages: Stages) -> None:
    land(landing)
    assert stages.sync(WEEK).colour == "success"
    stages.query("alter table weekly_summary detach partition weekly_summary_20261108")
    stages.query("update weekly_summary_20261108 set total_clicks = 0")
    assert stages.query("select fingerprint is null as forgotten from synced_period where sync_type = 'weekly'") == [
        {"forgotten": False}
    ]


def test_a_week_with_a_partition_of_somebody_else_is_synced_into_that(landing: Landing, stages: Stages) -> None:
    stages.query("create table november partition of weekly_summary for values from ('2026-11-01') to ('2026-12-01')")
    for clicks in (50, 51):
        landing.land(report_row("a", asin_click_count=clicks, ingested_at=f"2026-11-{clicks - 30}T06:00:00Z"))
        assert stages.sync(WEEK)["publish"]["how"] == "difference"
    assert stages.query("select tableoid::regclass::text as partition, total_clicks from weekly_summary") == [
        {"partition": "november", "total_clicks": 51}
    ]
    assert [row["total_clicks"] for row in stages.target(SyncType.MONTHLY)] == [51]


def test_a_week_that_somebody_wrote_before_gets_its_own_partition(landing: Landing, stages: Stages) -> None:
    stages.query(
        "insert into weekly_summary (period_start, period_end, query, asin, created_at) values"
        " ('2026-11-08', '2026-11-14', 'query 1', 'B00TEST001', '2026-01-01'),"
        " ('2026-11-08', '2026-11-14', 'of theirs', 'B00TEST001', '2026-01-01')"
    )
    land(landing)
    run = stages.sync(WEEK, max_delete_fraction=1)
    assert (run.colour, run["publish"]["deleted"]) == ("success", 1)
    for table, partition in (("weekly_summary", "20261108"), ("monthly_summary", "20261101")):
        assert stages.query(f"select distinct tableoid::regclass::text as partition from {table}") == [
            {"partition": f"{table}_{partition}"}
        ]
    assert stages.query("select created_at < '2026-02-01' as kept from weekly_summary where query = 'query 1'") == [
        {"kept": True}
    ]


def test_a_staging_schema_that_is_gone_comes_back(landing: Landing, stages: Stages) -> None:
    land(landing)
    stages.query("drop schema sqp_staging cascade")
    run = stages.sync(WEEK)
    assert run.colour == "failed"
    assert 'schema "sqp_staging" does not exist' in str(run.errors["load"])
    assert "Run the Dag sqp_migrate (or 'sqp migrate')" in str(run.errors["load"])
    migrate(stages.dsn)
    assert stages.sync(WEEK).colour == "success"


def test_a_renamed_schema_works_again_after_migrating(landing: Landing, dataset: str, stages: Stages) -> None:
    land(landing)
    land(landing, NEXT)
    assert stages.sync(WEEK).colour == "success"
    with psycopg.connect(stages.dsn, autocommit=True) as connection:
        connection.execute("alter schema sqp rename to sales; alter schema sqp_staging rename to sales_staging")
        migrate(stages.dsn)  # another schema of the old name
        stages.settings = settings_for(landing.table, dataset, target={"schema": "sales"})
        run = stages.sync(NEXT)
        assert "schema sales was called sqp when it was migrated" in str(run.errors["log_start"])
        migrate(stages.dsn, "sales")
        run = stages.sync(NEXT)
        assert run.colour == "success", run.errors
        for table, rows in (("weekly_summary", 6), ("monthly_summary", 3), ("synced_period", 4)):
            assert connection.execute(
                f"select (select count(*) from sales.{table}), (select count(*) from sqp.{table})"  # type: ignore[arg-type]
            ).fetchone() == (rows, 0)
