"""The error of a period without a usable row."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from sqp_provider.core.empty_period import NearMisses, RejectedFor, explain
from sqp_provider.core.period import Period, SyncType

WEEK = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
NOTHING = NearMisses(None, 0, None, None, 0, None)
KEY = {"asin": "B00TEST001", "search_query": "wireless headphones"}


@pytest.mark.parametrize(
    ("reason", "raw", "shown"),
    [
        ("missing_period", {"period_start": None, "period_end": "2026-11-14"}, "period_start is NULL, "),
        ("missing_period", {"period_end": "2026-11-14"}, "period_end 2026-11-14, a Saturday"),
        ("unknown_feed", {"unclear": "client_name. "}, "(for example client_name.)"),
        ("unreadable_date", {"unreadable": "period_start 31/13/2026. "}, "(for example period_start 31/13/2026.)"),
        ("not_a_number", {"unreadable": "clicks 12,5. "}, "(for example clicks 12,5.)"),
        ("query_too_long", {"search_query": "x" * 61}, f'search_query "{"x" * 60}…"'),
        ("count_too_large", {}, 'asin "B00TEST001", search_query "wireless headphones"'),
    ],
)
def test_an_example_shows_what_is_wrong_with_the_row(reason: str, raw: dict[str, Any], shown: str) -> None:
    said = str(RejectedFor(reason, 1_200, json.dumps(KEY | raw)))
    assert said.startswith(f"1,200 {reason} (for example ")
    assert shown in said


def test_what_to_do_comes_last_and_once() -> None:
    rejected = [RejectedFor("invalid_asin", 6, json.dumps({"asin": "no"}))]
    assert explain(WEEK, "amazon.sqp", NOTHING, rejected, "p.d.t", 6) == (
        "weekly 2026-11-08..2026-11-14: BigQuery table amazon.sqp has no usable rows for this period. "
        'All 6 rows are malformed: 6 invalid_asin (for example asin "no"). BigQuery table p.d.t has each of them. '
        "The newest period with usable rows is unknown: it has none of the last 400 days. "
        "The target is unchanged. Clear 'extract' when the source is corrected. "
        "If the period is really empty, start a new run with allow_empty."
    )


def test_an_unknown_neighbourhood_does_not_hide_that_the_period_is_empty() -> None:
    assert explain(WEEK, "amazon.sqp", "BigQuery query was refused: quota") == (
        "weekly 2026-11-08..2026-11-14: BigQuery table amazon.sqp has no usable rows for this period. "
        "What else it has is unknown (BigQuery query was refused: quota). "
        "The target is unchanged. Clear 'extract' when the figures have arrived. "
        "If the period is really empty, start a new run with allow_empty."
    )


def test_a_feed_that_never_had_rows_is_first_asked_whether_its_condition_is_meant_so() -> None:
    others = "marketplace DE; marketplace US"
    meant = "If one of these is meant, write it under source.where or source.marketplace in sqp_config.yaml"
    said = explain(WEEK, "amazon.sqp", NearMisses(None, 11_455, others, None, 0, None))
    assert f"for example {others}." in said
    assert f"{meant} and clear 'extract'; else clear it when the figures have arrived." in said
    late = explain(WEEK, "amazon.sqp", NearMisses(date(2026, 11, 1), 11_455, others, None, 0, None))
    assert meant not in late
    assert "Clear 'extract' when the figures have arrived." in late
