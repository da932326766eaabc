"""What the page concludes from the rows it reads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sqp_provider.core.period import SyncType
from sqp_provider.status.models import PeriodStatus, Sync
from sqp_provider.status.view import headline, stage_states

NOW = datetime(2026, 11, 19, tzinfo=UTC)


def week(status: str, **other: Any) -> PeriodStatus:
    """How the week 2026-11-08 stands."""
    row = dict.fromkeys(PeriodStatus.model_fields) | {
        "sync_type": "weekly",
        "period_start": date(2026, 11, 8),
        "period_end": date(2026, 11, 14),
        "status": status,
    }
    return PeriodStatus.model_validate(row | other)


def sync(status: str, metadata: dict[str, Any] | None = None, error: dict[str, Any] | None = None) -> Sync:
    """A run of the week 2026-11-08."""
    row = dict.fromkeys(Sync.model_fields) | {
        "sync_log_id": 12,
        "sync_type": "weekly",
        "sync_status": status,
        "started_at": NOW,
        "source_table": "amazon.report",
        "target_table": "sqp.weekly_summary",
        "period_start": date(2026, 11, 8),
        "attempt": 1,
        "sync_metadata": metadata,
        "error_details": error,
    }
    return Sync.model_validate(row)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("synced", "yes"),
        ("derived", "care"),
        ("restated", "care"),
        ("running", "wait"),
        ("failed", "no"),
        ("missing", "no"),
    ],
)
def test_each_status_has_its_answer(status: str, verdict: str) -> None:
    assert headline(SyncType.WEEKLY, [week(status)], NOW, timedelta(days=4)).verdict == verdict


def test_the_answer_is_about_the_newest_week_whose_delay_has_passed() -> None:
    a_second_before = NOW - timedelta(seconds=1)
    assert headline(SyncType.WEEKLY, [week("synced")], NOW, timedelta(days=4)).period_start == date(2026, 11, 8)
    assert headline(SyncType.WEEKLY, [week("synced")], a_second_before, timedelta(days=4)).verdict == "no"


def test_an_unchanged_run_skipped_what_follows_the_extract() -> None:
    states = stage_states(sync("completed", {"outcome": "unchanged"}), [])
    assert list(states.values()) == ["done", "done", "skipped", "skipped", "skipped", "done"]


def test_a_running_run_is_after_its_last_trace() -> None:
    states = stage_states(sync("started", {"snapshot": {"source_rows": 3}}), [])
    assert list(states.values()) == ["done", "done", "running", "not reached", "not reached", "not reached"]


def test_a_row_that_another_run_closed_never_reached_log_finish() -> None:
    states = stage_states(sync("failed", None, {"stage": None, "type": "Stale"}), [])
    assert list(states.values()) == ["done", "failed", "not reached", "not reached", "not reached", "not reached"]
