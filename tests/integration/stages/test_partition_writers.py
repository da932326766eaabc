"""Somebody writes to a partition itself, or past the triggers: the status says so at once, or after the daily check."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.restatement import is_its_turn
from tests.landing import Landing
from tests.others import land, wrong
from tests.restatements import check
from tests.stages import Stages

ALL = ["weekly", "monthly", "quarterly"]
FIRST = {SyncType.WEEKLY: "2026-11-08", SyncType.MONTHLY: "2026-11-01", SyncType.QUARTERLY: "2026-10-01"}
AT_ONCE = {
    "update": "update {partition} set total_clicks = 0 where query = 'query 1'",
    "delete": "delete from {partition} where query = 'query 1'",
    "delete all": "delete from {partition}",
    "truncate": "truncate {partition}",
    "copy": "copy",
}
LATER = {
    "drop": "drop table {partition}",
    "detach": "alter table {table} detach partition {partition}",
    "disabled trigger": "alter table {partition} disable trigger all;"
    " update {partition} set total_clicks = 0 where query = 'query 1';"
    " alter table {partition} enable trigger all",
    "replica": "set session_replication_role = replica; delete from {table} where query = 'query 1'"
    " and period_start = '{first}'",
    "replica of the partition": "set session_replication_role = replica; truncate {partition}",
}


def name(sync_type: SyncType) -> str:
    """``weekly_summary_20261108``."""
    return f"{sync_type.target_table}_{FIRST[sync_type].replace('-', '')}"


def write(stages: Stages, sync_type: SyncType, what: str) -> None:
    """Write to a period as somebody who names its partition."""
    if what == "copy":
        with (
            psycopg.connect(stages.dsn, options="-c search_path=sqp") as connection,
            connection.cursor() as cursor,
            cursor.copy(f"copy {name(sync_type)} from stdin".encode()) as copy,
        ):
            last = Period.starting(sync_type, date.fromisoformat(FIRST[sync_type])).last_day
            columns = stages.query(
                "select attname as name from pg_attribute"
                " where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
                sync_type.target_table,
            )
            row = {"period_start": FIRST[sync_type], "period_end": str(last), "query": "of theirs", "asin": "B0"}
            row |= {"year": "2026", "month": "11", "quarter": "4", "total_clicks": "7"}
            copy.write_row([row.get(column["name"]) for column in columns])
        return
    text = (AT_ONCE | LATER)[what]
    stages.query(text.format(table=sync_type.target_table, partition=name(sync_type), first=FIRST[sync_type]))


def status(stages: Stages, sync_type: SyncType) -> str:
    """Return the period's status."""
    (row,) = stages.query(
        "select status from period_status where sync_type = %s and period_start = %s", sync_type.value, FIRST[sync_type]
    )
    return str(row["status"])


def prepared(landing: Landing, stages: Stages) -> list[list[dict[str, object]]]:
    """Sync two weeks of a month; return all rows of the targets."""
    for week, clicks in (("2026-11-01", 10), ("2026-11-08", 20)):
        land(landing, week, clicks)
        assert stages.sync(week).colour == "success"
    assert wrong(stages) == []
    return [stages.target(sync_type) for sync_type in SyncType]


def heal(stages: Stages) -> None:
    """Check, sync the weeks that the check asks for, and check the next day again."""
    for trigger in check(stages, sync_types=ALL, periods=4):
        if trigger["trigger_dag_id"] == "sqp_weekly_sync":
            assert stages.sync(trigger["conf"]["period_start"], max_delete_fraction=1).colour == "success"


@pytest.mark.parametrize("what", [*AT_ONCE, *LATER])
@pytest.mark.parametrize("sync_type", SyncType)
def test_whoever_writes_past_the_table_is_noticed_and_put_right(
    sync_type: SyncType, what: str, landing: Landing, stages: Stages
) -> None:
    before = prepared(landing, stages)
    write(stages, sync_type, what)
    if what in AT_ONCE:
        assert status(stages, sync_type) == "overwritten"
        if sync_type is SyncType.WEEKLY:
            assert [status(stages, kind) for kind in (SyncType.MONTHLY, SyncType.QUARTERLY)] == ["outdated"] * 2
    heal(stages)
    heal(stages)
    assert [stages.target(sync_type) for sync_type in SyncType] == before
    assert wrong(stages) == []
    assert [status(stages, kind) for kind in SyncType] == ["synced", "derived", "derived"]


@pytest.mark.parametrize("sync_type", SyncType)
def test_an_older_period_is_compared_when_its_turn_comes(sync_type: SyncType, landing: Landing, stages: Stages) -> None:
    """Nothing noticed the write, and the window of the check does not go back so far."""
    before = prepared(landing, stages)
    write(stages, sync_type, "replica")
    period = Period.starting(sync_type, date.fromisoformat(FIRST[sync_type]))
    days = [datetime(2028, 3, 1, 6, tzinfo=UTC) + timedelta(days=number) for number in range(28)]
    turn = next(day for day in days if is_its_turn(period, day.date()))
    for day in [day for day in days if day != turn][:2]:
        found = check(stages, sync_types=[sync_type.value], due=day)
        assert str(period.first_day) not in [triggered["conf"]["period_start"] for triggered in found]
    if sync_type is not SyncType.WEEKLY:
        check(stages, sync_types=[sync_type.value], due=turn)
    else:
        (trigger,) = check(stages, sync_types=["weekly"], due=turn)
        assert stages.sync(trigger["conf"]["period_start"], max_delete_fraction=1).colour == "success"
    assert [stages.target(sync_type) for sync_type in SyncType] == before
