"""What the matrix of feeds concludes: the sentence, the order and the reasons."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sqp_provider.core.period import SyncType
from sqp_provider.status.errors import problem
from sqp_provider.status.feed_row import FeedRow, feed_row, matching, unreadable, verdict, worst_first
from sqp_provider.status.filters import MatrixFilter
from sqp_provider.status.models import Activity, Freshness, PeriodStatus
from sqp_provider.status.view import headline

NOW = datetime(2026, 11, 19, tzinfo=UTC)
ACTIVITY = Activity(last_sync_log_id=None, last_status=None, last_sync_at=None, bytes_processed=0)
NEWEST = {
    SyncType.WEEKLY: (date(2026, 11, 8), date(2026, 11, 14)),
    SyncType.MONTHLY: (date(2026, 10, 1), date(2026, 10, 31)),
    SyncType.QUARTERLY: (date(2026, 7, 1), date(2026, 9, 30)),
}
"""The periods that are due at NOW."""


def period(sync_type: SyncType, status: str, **other: Any) -> PeriodStatus:
    """How the newest period of a type stands."""
    first, last = NEWEST[sync_type]
    row = dict.fromkeys(PeriodStatus.model_fields) | {
        "sync_type": sync_type,
        "status": status,
        "trusted": status == "synced",
    }
    return PeriodStatus.model_validate(row | {"period_start": first, "period_end": last} | other)


def feed(name: str, week: str = "synced", month: str = "derived", quarter: str = "synced", **other: Any) -> FeedRow:
    """A feed whose newest periods stand so; ``days`` is its publication delay, ``stale`` a stale table."""
    delay, stale = timedelta(days=other.pop("days", 4)), other.pop("stale", None)
    statuses = zip(SyncType, (week, month, quarter), strict=True)
    periods = [period(sync_type, status, **other) for sync_type, status in statuses]
    row = dict.fromkeys(Freshness.model_fields) | {"days_allowed": 14, "asked_at": NOW}
    freshness = [Freshness.model_validate(row | {"table_name": stale, "is_stale": True})] if stale else []
    headlines = [headline(sync_type, periods, NOW, delay) for sync_type in SyncType]
    return feed_row(name, headlines, periods, freshness, ACTIVITY)


def test_the_sentence_names_the_feeds_that_cannot_be_trusted() -> None:
    rows = [feed("acme_de", "failed"), feed("beta", "missing"), feed("a"), feed("b"), feed("c", quarter="missing")]
    assert verdict(rows) == (
        "3 of 5 feeds can be trusted for the week 2026-11-08 to 2026-11-14; acme_de (failed) and beta (missing) cannot."
        " Another period or table needs a look in c."
    )


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "There is no feed that you may read."),
        ([feed("a")], "The feed can be trusted for the week 2026-11-08 to 2026-11-14."),
        ([feed("a"), feed("b")], "All 2 feeds can be trusted for the week 2026-11-08 to 2026-11-14."),
        ([feed("a"), feed("b", "missing", days=12)], "1 of 2 feeds can be trusted for the newest week that is due; b"),
        (
            [feed("a", "running")],
            "0 of 1 feed can be trusted for the week 2026-11-08 to 2026-11-14; a (running) cannot.",
        ),
        ([unreadable("a", problem(503, "It is down.", "Wait."))], "0 of 1 feed can be trusted for the newest week"),
    ],
)
def test_the_sentence_for_few_feeds(rows: list[FeedRow], says: str) -> None:
    assert verdict(rows).startswith(says)


def test_the_sentence_names_five_of_many() -> None:
    rows = [feed(f"feed_{n}", "missing") for n in range(40)]
    assert verdict(rows).endswith("feed_3 (missing), feed_4 (missing) and 35 more cannot.")


def test_the_worst_is_first() -> None:
    rows = [
        feed("g"),
        feed("f"),
        feed("e", stale="weekly_summary"),
        feed("d", month="outdated"),
        feed("c", "running"),
        feed("b", "restated"),
        feed("a", "missing"),
        unreadable("z", problem(503, "It is down.", "Wait.")),
    ]
    assert [row.feed for row in worst_first(rows)] == ["z", "a", "b", "c", "e", "d", "f", "g"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (feed("a"), None),
        (feed("a", month="running", quarter="derived"), None),
        (feed("a", "failed", last_error="1 of 9 checks failed.\nClear 'load'."), "1 of 9 checks failed. Clear 'load'."),
        (feed("a", "missing"), "The week 2026-11-08 to 2026-11-14 is missing. Nothing is published."),
        (feed("a", "derived"), "The week 2026-11-08 to 2026-11-14 is summed from its weeks;"),
        (feed("a", month="missing"), "The month 2026-10-01 to 2026-10-31 is missing."),
        (feed("a", quarter="adopted"), "The quarter 2026-07-01 to 2026-09-30 has the rows from before"),
        (feed("a", stale="weekly_summary"), "weekly_summary is stale: it has no finished period yet; 14 days are"),
    ],
)
def test_the_reason_is_that_of_the_first_trouble(row: FeedRow, why: str | None) -> None:
    assert (row.why or "").startswith(why or "")
    assert row.needs_a_look == (why is not None)


def test_a_week_that_arrives_as_expected_is_named_so_and_not_marked_red() -> None:
    why = "Arriving: 214 of about 360 ASINs; usually complete by Friday, 2026-11-20."
    arriving = feed("a", week="synced", trusted=False, verdict="arriving", why=why)
    assert (arriving.headlines[0].status, arriving.standing) == ("synced", "arriving")
    assert verdict([arriving]).endswith("; a (arriving) cannot.")
    assert (arriving.needs_a_look, arriving.is_alarming) == (True, False)
    assert not feed("a", "missing", verdict="not yet").is_alarming
    assert feed("a", week="synced", trusted=False, verdict="late").is_alarming
    assert feed("a", "missing", verdict="late").is_alarming
    assert feed("a", stale="weekly_summary").is_alarming


def test_a_long_reason_is_cut() -> None:
    row = feed("a", "failed", last_error="x " * 500)
    assert row.why is not None
    assert (len(row.why), row.why[-2:]) == (240, "x…")


def test_the_weeks_are_the_last_eight_up_to_the_newest_due_one() -> None:
    weeks = feed("a", "missing").weeks
    assert [week and week.status for week in weeks] == [None] * 7 + ["missing"]


def test_the_filter_finds_in_name_and_reason() -> None:
    rows = [feed("acme_us"), feed("acme_de", "failed", last_error="Superseded"), feed("beta", stale="monthly_summary")]

    def shown(**asked: Any) -> list[str]:
        return [row.feed for row in matching(rows, MatrixFilter(**asked))]

    assert shown() == ["acme_us", "acme_de", "beta"]
    assert shown(show="untrusted") == ["acme_de", "beta"]
    assert shown(find=" ACME ") == ["acme_us", "acme_de"]
    assert shown(find="superseded") == ["acme_de"]
    assert shown(show="untrusted", find="_us") == []
