"""What the overview says needs a person, and what a later run mends by itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.status.models import Freshness, PeriodStatus
from sqp_provider.status.needs import Need, needs
from sqp_provider.status.panels import headlines

NOW = datetime(2026, 11, 19, tzinfo=UTC)
DUE = {
    sync_type: Period.latest_due(sync_type, NOW, timedelta(days=sync_type.period_type.delay_days))
    for sync_type in SyncType
}
"""The periods that are due at NOW; the week is 2026-11-08."""


def settings() -> Settings:
    """The settings of the feed acme_us."""
    content = {"source": {"table": "amazon.report"}, "schedule": {"spread_minutes": 0}, "feeds": {"acme_us": {}}}
    return Feeds.checked(content, origin="sqp_config.yaml").of("acme_us")


def stands(period: Period, status: str, **other: Any) -> PeriodStatus:
    """How a period stands."""
    row = dict.fromkeys(PeriodStatus.model_fields) | {
        "sync_type": period.sync_type.value,
        "period_start": period.first_day,
        "period_end": period.last_day,
        "status": status,
        "trusted": status == "synced" and not other,
    }
    return PeriodStatus.model_validate(row | other)


def due(**of_type: PeriodStatus) -> list[PeriodStatus]:
    """The newest due periods, all synced but those that are given."""
    return [of_type.get(sync_type.value, stands(DUE[sync_type], "synced")) for sync_type in SyncType]


def stale(table: str, newest_day: date | None) -> Freshness:
    """A table that is older than allowed."""
    row = dict.fromkeys(Freshness.model_fields) | {"days_allowed": 14, "asked_at": NOW, "is_stale": True}
    return Freshness.model_validate(row | {"table_name": table, "newest_day": newest_day})


def found(periods: list[PeriodStatus], *freshness: Freshness) -> list[Need]:
    """What needs a person."""
    return needs(settings(), headlines(settings(), periods, NOW), periods, freshness)


def test_nothing_needs_a_person_if_all_newest_periods_are_synced() -> None:
    assert found(due()) == []


@pytest.mark.parametrize("status", ["restated", "overwritten", "outdated", "running", "failed", "deleted"])
def test_what_the_next_check_syncs_and_what_is_listed_with_its_error_is_left_out(status: str) -> None:
    assert found(due(weekly=stands(DUE[SyncType.WEEKLY], status, verdict="late"))) == []


def test_an_arriving_week_and_one_that_is_not_there_yet_need_nobody() -> None:
    assert found(due(weekly=stands(DUE[SyncType.WEEKLY], "synced", verdict="arriving"))) == []
    assert found(due(weekly=stands(DUE[SyncType.WEEKLY], "missing", verdict="not yet"))) == []


def test_a_late_week_is_named_with_what_to_check() -> None:
    late = stands(DUE[SyncType.WEEKLY], "synced", verdict="late", why="Late: 300 of about 360 ASINs.")
    (need,) = found(due(weekly=late))
    assert (need.standing, need.periods, need.says) == ("late", (late,), ": Late: 300 of about 360 ASINs.")
    assert need.todo == "Check in Seller Central whether reports of ASINs are missing."


def test_missing_weeks_are_one_entry_that_names_the_newest_three_and_the_feeds_own_dags() -> None:
    weeks = DUE[SyncType.WEEKLY].with_previous(6)
    periods = [stands(week, "missing") for week in reversed(weeks[1:])] + due()
    (need,) = found(periods)
    assert [row.period_start for row in need.periods] == [date(2026, 11, 1), date(2026, 10, 25), date(2026, 10, 18)]
    assert (need.standing, need.subject, need.says) == ("missing", "weekly", " and 2 more")
    assert need.todo == (
        "sqp_restatements__acme_us syncs recent ones if the source has them. "
        "For others, trigger sqp_weekly_sync__acme_us."
    )


def test_before_the_first_sync_each_type_says_which_dag_to_check_and_its_stale_table_says_nothing_more() -> None:
    entries = found([], stale("weekly_summary", None))
    assert [need.standing for need in entries] == ["missing"] * 3
    assert entries[0].subject == "The week 2026-11-08 to 2026-11-14 is missing."
    assert entries[0].todo == "Check that sqp_weekly_sync__acme_us is unpaused, or trigger it for this week."


def test_a_stale_table_says_how_old_it_is_unless_its_card_says_why() -> None:
    (need,) = found(due(), stale("weekly_summary", date(2026, 10, 31)))
    assert need.says == ": its newest day is 2026-10-31; 14 days are allowed."
    (never,) = found(due(), stale("weekly_summary", None))
    assert (never.says, never.todo) == (" has no finished period yet.", "Trigger sqp_weekly_sync__acme_us.")
    failed = due(weekly=stands(DUE[SyncType.WEEKLY], "failed"))
    assert found(failed, stale("weekly_summary", date(2026, 10, 31))) == []
