"""What the page concludes from the rows it reads."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import SyncType
from sqp_provider.sql_files import sql_folder
from sqp_provider.status.models import PeriodStatus
from sqp_provider.status.panels import headlines
from sqp_provider.status.sync_models import Check, Sync
from sqp_provider.status.sync_view import stage_states, stages
from sqp_provider.status.templates import FOLDER
from sqp_provider.status.view import VERDICTS, headline, period_label

NOW = datetime(2026, 11, 19, tzinfo=UTC)


def week(status: str, **other: Any) -> PeriodStatus:
    """How the week 2026-11-08 stands."""
    row = dict.fromkeys(PeriodStatus.model_fields) | {
        "sync_type": "weekly",
        "period_start": date(2026, 11, 8),
        "period_end": date(2026, 11, 14),
        "status": status,
        "trusted": False,
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
    ("status", "judged", "verdict"),
    [
        ("synced", "complete", "yes"),
        ("synced", "arriving", "care"),
        ("synced", "late", "care"),
        ("synced", "unknown", "care"),
        ("missing", "not yet", "wait"),
        ("missing", "late", "no"),
        ("derived", None, "care"),
        ("restated", None, "care"),
        ("overwritten", None, "care"),
        ("outdated", None, "care"),
        ("running", None, "wait"),
        ("failed", None, "no"),
        ("missing", None, "no"),
        ("deleted", None, "no"),
    ],
)
def test_each_status_has_its_answer(status: str, judged: str | None, verdict: str) -> None:
    row = week(status, verdict=judged, trusted=verdict == "yes")
    assert headline(SyncType.WEEKLY, [row], NOW, timedelta(days=4)).verdict == verdict


def test_an_arriving_week_says_how_much_of_it_is_there() -> None:
    moment = datetime(2026, 11, 18, 7, tzinfo=UTC)
    why = "Arriving: 214 of about 360 ASINs; usually complete by Friday, 2026-11-20."
    row = week("synced", state="synced", verdict="arriving", why=why, row_count=11_201, published_at=moment)
    found = headline(SyncType.WEEKLY, [row], NOW, timedelta(days=4))
    assert found.answer == "The week 2026-11-08 to 2026-11-14 is published, but is still arriving."
    assert found.reason == f"{why} 11,201 rows, published 2026-11-18 07:00 UTC."
    assert found.todo is None


def test_a_week_that_is_not_there_yet_asks_nothing_of_anybody() -> None:
    why = "Not there yet, as expected: such a week is usually complete by Friday, 2026-11-20."
    found = headline(SyncType.WEEKLY, [week("missing", verdict="not yet", why=why)], NOW, timedelta(days=4))
    assert (found.verdict, found.reason, found.todo) == ("wait", why, None)


def test_a_month_can_be_trusted_if_all_its_weeks_can() -> None:
    why = "Summed from its 4 weeks, which all can be trusted."
    row = week("derived", state="derived", trusted=True, why=why)
    found = headline(SyncType.WEEKLY, [row], NOW, timedelta(days=4))
    assert found.verdict == "yes"
    assert found.reason == f"{why} The rows are summed from the weeks and change with them."


def test_every_status_of_the_view_has_an_answer_and_a_place_in_the_legend() -> None:
    view = (sql_folder() / "schema" / "5_period_status.sql").read_text(encoding="utf-8")
    comment = view.split("comment on column period_status.status is", 1)[1].split("comment on", 1)[0]
    statuses = set(re.findall(r"(\w+): ", comment))
    assert statuses == VERDICTS.keys()
    page = (FOLDER / "templates" / "parts.html.j2").read_text(encoding="utf-8")
    assert all(f'"{status}"' in page for status in statuses)


def test_a_restated_week_says_that_as_many_rows_are_other_rows() -> None:
    moment = datetime(2026, 11, 18, 7, tzinfo=UTC)
    restated = week("restated", state="synced", row_count=20001, published_at=moment, source_seen_at=moment)
    for rows, found in ((20001, "20,001 other rows"), (20000, "20,000 rows")):
        line = headline(
            SyncType.WEEKLY, [restated.model_copy(update={"source_row_count": rows})], NOW, timedelta(days=4)
        )
        assert line.reason.endswith(f"The source had {found} at the last check, 2026-11-18 07:00 UTC.")


def test_an_outdated_month_says_what_happens_next() -> None:
    cause = "a week of it was published with a later snapshot"
    found = headline(SyncType.WEEKLY, [week("outdated", cause=cause)], NOW, timedelta(days=4))
    assert found.todo == (
        "The next run of sqp_restatements compares it with the source. To sync it now, trigger sqp_weekly_sync for it."
    )
    assert period_label(week("outdated", cause=cause)) == f"week 2026-11-08 to 2026-11-14: outdated, {cause}"


def test_the_square_of_an_arriving_week_says_how_much_is_there() -> None:
    row = week("synced", verdict="arriving", row_count=11_201, asins_found=214, asins_expected=360)
    assert period_label(row) == ("week 2026-11-08 to 2026-11-14: synced, 11,201 rows, arriving: 214 of about 360 ASINs")
    assert period_label(row.model_copy(update={"verdict": "complete", "trusted": True})).endswith("11,201 rows")


def test_a_deleted_week_says_when_and_how_to_have_it_again() -> None:
    deleted = week("deleted", state="deleted", published_at=datetime(2026, 11, 18, 7, tzinfo=UTC))
    found = headline(SyncType.WEEKLY, [deleted], NOW, timedelta(days=4))
    assert found.answer == "The week 2026-11-08 to 2026-11-14 was deleted on purpose."
    assert found.reason == "Its rows were deleted 2026-11-18 07:00 UTC."
    assert found.todo == "To have it again, trigger sqp_weekly_sync for it."


def test_the_answer_is_about_the_newest_week_whose_delay_has_passed() -> None:
    a_second_before = NOW - timedelta(seconds=1)
    assert headline(SyncType.WEEKLY, [week("synced")], NOW, timedelta(days=4)).period_start == date(2026, 11, 8)
    assert headline(SyncType.WEEKLY, [week("synced")], a_second_before, timedelta(days=4)).verdict == "no"


def test_an_unchanged_run_skipped_what_follows_the_extract() -> None:
    states = stage_states(sync("completed", {"outcome": "unchanged"}), [])
    assert list(states.values()) == ["done", "done", "skipped", "skipped", "skipped", "done"]


def test_a_run_that_left_its_period_to_a_newer_one_says_where_and_to_which() -> None:
    left = sync("completed", {"outcome": "skipped", "reason": "run manual__2 (sync_log 13) does it."})
    passed = Check.model_validate(
        dict.fromkeys(Check.model_fields) | {"check_type": "", "check_status": "", "attempt": 1}
    )
    before_load, before_publish = stage_states(left, []), stage_states(left, [passed])
    assert list(before_load.values()) == ["done", "done", "skipped", "skipped", "skipped", "done"]
    assert list(before_publish.values()) == ["done", "done", "done", "done", "skipped", "done"]
    assert stages(left, [])[4].found == "skipped: run manual__2 (sync_log 13) does it."


def test_a_running_run_is_after_its_last_trace() -> None:
    states = stage_states(sync("started", {"snapshot": {"source_rows": 3}}), [])
    assert list(states.values()) == ["done", "done", "running", "not reached", "not reached", "not reached"]


def test_a_row_that_another_run_closed_never_reached_log_finish() -> None:
    states = stage_states(sync("failed", None, {"stage": None, "type": "Stale"}), [])
    assert list(states.values()) == ["done", "failed", "not reached", "not reached", "not reached", "not reached"]


def test_a_week_of_a_feed_is_not_missing_before_its_own_run_falls_due() -> None:
    content = {"source": {"table": "amazon.report"}, "schedule": {"spread_minutes": 720}, "feeds": {"acme_us": {}}}
    settings = Feeds.checked(content, origin="sqp_config.yaml").of("acme_us")
    assert settings.spread > timedelta(minutes=1)
    due = NOW + settings.spread
    for moment, day in ((due - timedelta(minutes=1), date(2026, 11, 1)), (due, date(2026, 11, 8))):
        assert headlines(settings, [], moment)[0].period_start == day
