"""What publishes leave of a period: versions, changed rows, and what the ledger knows of its ASINs."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import psycopg

from sqp_provider.core.period import Period, SyncType
from tests.integration.status.log_rows import add_sync

Connection = psycopg.Connection[Any]

COUNTS = ("rows", "asins", "total_impressions", "total_clicks", "total_cart_adds", "total_purchases")
WEEK = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
FIRST = (3, 2, 1000, 100, 30, 10)
"""The totals of a first publish: rows, ASINs, impressions, clicks, cart adds, purchases."""


def without_triggers(connection: Connection) -> None:
    """Let no trigger sum or mark what is written."""
    connection.execute("set session_replication_role = replica")


def publish(connection: Connection, period: Period = WEEK, **ledger: Any) -> int:
    """A completed run that published a period; name a column of the ledger to change it."""
    sync = add_sync(
        connection,
        sync_type=period.sync_type.value,
        period_start=period.first_day,
        period_end=period.last_day,
        run_id=f"scheduled__{period.sync_type}_{period.first_day}",
    )
    row = {
        "sync_type": period.sync_type.value,
        "period_start": period.first_day,
        "period_end": period.last_day,
        "state": "synced",
        "fingerprint": "f",
        "snapshot_at": "2026-11-18 06:00:02+00",
        "row_count": 3,
        "sync_log_id": sync,
        "attempt": 1,
        "published_at": "2026-11-18 06:02:00+00",
    } | ledger
    insert(connection, "synced_period", row)
    return sync


def add_version(connection: Connection, period: Period, totals: tuple[int, ...] | None = FIRST, **other: Any) -> int:
    """One publish of a period; returns its version."""
    found = connection.execute("select nextval('period_change_id_seq')").fetchone()
    assert found
    row = {
        "sync_type": period.sync_type.value,
        "period_start": period.first_day,
        "version": found[0],
        "published_at": "2026-11-18 06:02:00+00",
        "how": "attached",
        "inserted": totals[0] if totals else 0,
        "updated": 0,
        "deleted": 0,
        "row_count": totals[0] if totals else None,
        "totals": dict(zip(COUNTS, totals, strict=True)) if totals else None,
        "is_kept": True,
        "is_healing": False,
    } | other
    insert(connection, "period_version", row)
    return int(found[0])


def add_change(connection: Connection, period: Period, query: str, asin: str, **other: Any) -> None:
    """One changed row: updated, two clicks less, unless said otherwise."""
    row = {
        "sync_type": period.sync_type.value,
        "period_start": period.first_day,
        "query": query,
        "asin": asin,
        "change": "updated",
        "before": {"total_clicks": 81, "sync_log_id": 1},
        "after": {"total_clicks": 79, "sync_log_id": 2},
        "changed_at": "2026-11-20 06:00:00+00",
    } | other
    insert(connection, "period_change", row)


def add_row(connection: Connection, period: Period, query: str, asin: str, **figures: Any) -> None:
    """A row of a summary table."""
    row = {**period.columns, "query": query, "asin": asin} | figures
    insert(connection, period.sync_type.target_table, row)


def insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    """Insert a row; a mapping becomes JSON."""
    values = [json.dumps(value) if isinstance(value, dict) else value for value in row.values()]
    places = ", ".join(["%s"] * len(values))
    connection.execute(f"insert into {table} ({', '.join(row)}) values ({places})", values)  # type: ignore[arg-type]


def tell(connection: Connection, newest: Period) -> Period:
    """A year of weeks up to the newest, which still arrives; the one before was restated and then written by hand.

    Returns the restated week.
    """
    without_triggers(connection)
    weeks = newest.with_previous(40)
    syncs = []
    for ago, week in enumerate(weeks):
        found = 214 if ago == 0 else 300 if ago == 9 else 360
        wave = 1 + (ago * 7 % 11) / 20
        totals = (
            int(19_000 * wave),
            found,
            int(4_300_000 * wave),
            int(81_204 * wave),
            int(9_000 * wave),
            3_100 + ago * 13,
        )
        sync = publish(
            connection,
            week,
            row_count=totals[0],
            asins=[f"B0{number:08}" for number in range(found)],
            asins_expected=360,
            asins_found=found,
            expected_by=week.last_day + timedelta(days=6 if ago else 365),
        )
        add_version(connection, week, totals, sync_log_id=sync)
        syncs.append(sync)
    restated = weeks[1]
    restate(connection, restated, syncs[1])
    month = Period.latest_before(SyncType.MONTHLY, newest.first_day)
    for ago, each in enumerate(month.with_previous(8)):
        publish(connection, each, state="synced" if ago else "derived", row_count=60_000 if ago else None, asins=None)
        add_version(connection, each, (60_000 - ago * 900, 410, 17_000_000, 330_000, 40_000, 12_500 + 70 * ago))
    return restated


def restate(connection: Connection, week: Period, sync: int | None = None) -> int:
    """A publish that changed 60 rows of a week, after which somebody else wrote to one."""
    version = add_version(
        connection,
        week,
        (19_020, 361, 4_290_000, 81_190, 9_001, 3_101),
        how="difference",
        inserted=2,
        updated=57,
        deleted=1,
        published_at="2026-11-20 06:02:00+00",
        sync_log_id=sync,
    )
    for number in range(57):
        figures = {"total_impressions": 4000 - number, "total_clicks": 81, "click_share": 0.0283}
        add_change(
            connection,
            week,
            f"wireless mouse {number}",
            f"B0{number % 7:08}",
            version=version,
            before=figures,
            after={"total_impressions": 3100 + number * 30, "total_clicks": 79, "click_share": 0.0261},
        )
    added = {"total_impressions": 900, "total_clicks": 12, "total_cart_adds": 4, "total_purchases": 1}
    for query in ('<b>bold & "quoted"</b> ключ 🎧', "=cmd|' /C calc'!A0"):
        add_change(connection, week, query, "B000000001", version=version, change="inserted", before=None, after=added)
    add_change(connection, week, "gone", "B000000002", version=version, change="deleted", before=added, after=None)
    add_change(
        connection,
        week,
        "wireless mouse 0",
        "B000000000",
        changed_by="analyst",
        before={"total_clicks": 79},
        after={"total_clicks": 80},
    )
    add_row(
        connection,
        week,
        "wireless mouse 0",
        "B000000000",
        total_impressions=3100,
        total_clicks=80,
        click_share="0.0261",
        bigquery_sync_id="sqp_1_1",
    )
    return version
