"""The text about a table's freshness."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.freshness import Freshness, freshness_of

WEEK = Freshness(
    sync_type="weekly",
    table_name="weekly_summary",
    period_start=date(2026, 11, 8),
    period_end=date(2026, 11, 14),
    state="synced",
    days_old=9,
    days_allowed=14,
    is_stale=False,
    synced_period_start=date(2026, 11, 8),
    synced_period_end=date(2026, 11, 14),
    last_sync_log_id=12,
    last_status="completed",
    last_finished_at=datetime(2026, 11, 19, 0, 1, tzinfo=UTC),
    last_error=None,
)
MONTH = replace(
    WEEK,
    sync_type="monthly",
    table_name="monthly_summary",
    period_start=date(2026, 10, 1),
    period_end=date(2026, 10, 31),
    state="derived",
    days_old=23,
    days_allowed=45,
    synced_period_start=date(2026, 9, 1),
    synced_period_end=date(2026, 9, 30),
)


STALE = replace(WEEK, is_stale=True, days_old=16)
EMPTY = replace(
    STALE,
    period_start=None,
    period_end=None,
    state=None,
    days_old=None,
    synced_period_start=None,
    synced_period_end=None,
    last_sync_log_id=None,
    last_status=None,
    last_finished_at=None,
)
LAST = " Last sync (sync_log 12): completed at 2026-11-19 00:01 UTC."


@pytest.mark.parametrize(
    ("freshness", "text"),
    [
        (
            WEEK,
            "weekly_summary is fresh: newest period 2026-11-08..2026-11-14, synced, 9 days old (14 days are allowed)."
            + LAST,
        ),
        (
            replace(WEEK, days_old=1),
            "weekly_summary is fresh: newest period 2026-11-08..2026-11-14, synced, 1 day old (14 days are allowed)."
            + LAST,
        ),
        (
            replace(STALE, last_status="failed", last_error="no usable rows. The target is unchanged. Clear it."),
            "weekly_summary is stale: newest period 2026-11-08..2026-11-14, synced, 16 days old (14 days are allowed)."
            " Last sync (sync_log 12): failed at 2026-11-19 00:01 UTC: no usable rows.",
        ),
        (
            replace(STALE, last_status="started", last_finished_at=None),
            "weekly_summary is stale: newest period 2026-11-08..2026-11-14, synced, 16 days old (14 days are allowed)."
            " Last sync (sync_log 12): started.",
        ),
        (
            replace(STALE, state=None, synced_period_start=None, synced_period_end=None),
            "weekly_summary is stale: newest period 2026-11-08..2026-11-14, not in the ledger, 16 days old "
            "(14 days are allowed)." + LAST,
        ),
        (
            replace(STALE, days_old=None),
            "weekly_summary is stale: newest period 2026-11-08..2026-11-14, synced, without a last day." + LAST,
        ),
        (EMPTY, "weekly_summary is stale: it has no period that is over. No weekly sync has run yet."),
        (
            MONTH,
            "monthly_summary is fresh: newest period 2026-10-01..2026-10-31, derived from weeks, 23 days old "
            "(45 days are allowed); newest period synced by its own run: 2026-09-01..2026-09-30." + LAST,
        ),
        (
            replace(MONTH, synced_period_start=None, synced_period_end=None),
            "monthly_summary is fresh: newest period 2026-10-01..2026-10-31, derived from weeks, 23 days old "
            "(45 days are allowed); no period was synced by its own run yet." + LAST,
        ),
        (
            replace(MONTH, state="synced"),
            "monthly_summary is fresh: newest period 2026-10-01..2026-10-31, synced, 23 days old (45 days are allowed)."
            + LAST,
        ),
    ],
)
def test_a_table_says_how_it_stands_and_what_its_last_sync_did(freshness: Freshness, text: str) -> None:
    assert str(freshness) == text


@pytest.mark.parametrize(
    ("freshness", "remedy"),
    [
        (
            replace(STALE, last_status="failed"),
            "The target is unchanged. Do what the error of the last sync of sqp_weekly_sync says, or trigger the Dag.",
        ),
        (STALE, "The target is unchanged. Check whether sqp_weekly_sync runs, or trigger the Dag."),
        (EMPTY, "The target is unchanged. Check whether sqp_weekly_sync runs, or trigger the Dag."),
        (MONTH, "The target is unchanged. Check whether sqp_monthly_sync runs, or trigger the Dag."),
    ],
)
def test_the_last_sync_decides_what_to_do_about_a_stale_table(freshness: Freshness, remedy: str) -> None:
    assert freshness.remedy == remedy


def test_an_unknown_table_is_refused() -> None:
    assert freshness_of("weekly_summary", [MONTH, WEEK]) is WEEK
    with pytest.raises(InvalidSettings) as refused:
        freshness_of("weekly", [MONTH, WEEK])
    assert str(refused.value) == (
        "table_name 'weekly': expected one of monthly_summary, weekly_summary. The target is unchanged."
    )
