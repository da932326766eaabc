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


def test_a_fresh_week() -> None:
    assert str(WEEK) == (
        "weekly_summary is fresh: newest period 2026-11-08..2026-11-14, synced, 9 days old (14 days are allowed)."
        " Last sync (sync_log 12): completed at 2026-11-19 00:01 UTC."
    )


def test_a_stale_week_names_the_error_of_the_last_sync_and_what_to_do() -> None:
    stale = replace(WEEK, is_stale=True, days_old=16, last_status="failed", last_error="no usable rows. Clear it.")
    assert str(stale).startswith("weekly_summary is stale: newest period 2026-11-08..2026-11-14, synced, 16 days old")
    assert str(stale).endswith("Last sync (sync_log 12): failed at 2026-11-19 00:01 UTC: no usable rows. Clear it.")
    assert stale.remedy == (
        "The target is unchanged. Do what the error of the last sync of sqp_weekly_sync says, or trigger the Dag."
    )


def test_an_empty_table_that_was_never_synced() -> None:
    empty = replace(WEEK, is_stale=True, period_start=None, period_end=None, days_old=None, last_sync_log_id=None)
    assert str(empty) == "weekly_summary is stale: it has no period that is over. No weekly sync has run yet."
    assert "Check whether sqp_weekly_sync runs" in replace(empty, last_status=None).remedy


def test_a_month_summed_from_weeks_names_the_newest_month_synced_by_its_own_run() -> None:
    assert str(MONTH).startswith(
        "monthly_summary is fresh: newest period 2026-10-01..2026-10-31, derived from weeks, 23 days old "
        "(45 days are allowed); newest period synced by its own run: 2026-09-01..2026-09-30. "
    )
    never = replace(MONTH, synced_period_start=None, synced_period_end=None)
    assert "; no period was synced by its own run yet. " in str(never)


def test_an_unknown_table_is_refused() -> None:
    assert freshness_of("weekly_summary", [MONTH, WEEK]) is WEEK
    with pytest.raises(InvalidSettings, match="'weekly': expected one of monthly_summary, weekly_summary"):
        freshness_of("weekly", [MONTH, WEEK])
