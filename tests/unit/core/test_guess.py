"""How a value is read, guessed from some of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from sqp_provider.core.fields import Field
from sqp_provider.core.guess import as_day, as_moment, as_report, ends_periods

SUNDAY = date(2026, 11, 8)


def field(kind: str, *samples: Any) -> Field:
    return Field("Date", kind, None, list(samples))


def test_a_date_needs_nothing() -> None:
    assert as_day(field("DATE", SUNDAY)) == ("Date", "DATE", [SUNDAY])


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["2026-11-08", "2026-11-15"], "%Y-%m-%d"),
        (["11/08/2026", "11/15/2026"], "%m/%d/%Y"),
        (["08/11/2026", "15/11/2026"], "%d/%m/%Y"),
        (["11/08/2026"], "%m/%d/%Y"),
        (["08/11/2026"], "%d/%m/%Y"),
        (["08.11.2026"], "%d.%m.%Y"),
        (["20261108"], "%Y%m%d"),
        (["Nov 8, 2026"], "%b %d, %Y"),
        (["11/08/26"], "%m/%d/%y"),
    ],
)
def test_the_format_of_a_text_is_the_one_whose_days_begin_or_end_periods(texts: list[str], form: str) -> None:
    read = as_day(field("STRING", *texts))
    assert read is not None
    assert read[0] == {"column": "Date", "format": form}
    assert read[2][0] == SUNDAY


def test_of_a_text_with_a_time_the_first_ten_characters_are_the_day() -> None:
    read = as_day(field("STRING", "2026-11-08T00:00:00Z"))
    assert read is not None
    assert read[0] == {"column": "Date", "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2})", "format": "%Y-%m-%d"}
    assert read[2] == [SUNDAY]


def test_a_whole_number_is_a_day_of_eight_digits() -> None:
    read = as_day(field("INTEGER", 20261108))
    assert read is not None
    assert read[0] == {"column": "Date", "format": "%Y%m%d"}


def test_a_text_that_is_no_date_is_not_guessed() -> None:
    assert as_day(field("STRING", "week 45")) is None


@pytest.mark.parametrize(("hour", "zone"), [(0, "UTC"), (8, "America/Los_Angeles"), (23, "Europe/Berlin"), (13, "UTC")])
def test_a_timestamp_is_a_day_of_the_zone_in_which_it_is_midnight(hour: int, zone: str) -> None:
    read = as_day(field("TIMESTAMP", datetime(2026, 11, 8, hour, tzinfo=UTC)))
    assert read is not None
    assert read[0] == {"column": "Date", "time_zone": zone}
    assert ("not always midnight" in read[1]) == (hour == 13)


@pytest.mark.parametrize(
    ("days", "ends"),
    [
        ([date(2026, 11, 14), date(2026, 11, 21)], True),
        ([date(2026, 10, 31), date(2026, 11, 30)], True),
        ([SUNDAY], False),
        ([date(2026, 11, 14), SUNDAY], False),
        ([], False),
    ],
)
def test_saturdays_and_ends_of_months_are_last_days(days: list[date], ends: bool) -> None:
    assert ends_periods(days) is ends


@pytest.mark.parametrize(
    ("value", "unit"), [(1795000000, "seconds"), (1795000000000, "milliseconds"), ("1795000000000000", "microseconds")]
)
def test_the_unit_of_a_count_since_1970_follows_from_its_size(value: Any, unit: str) -> None:
    found = as_moment(field("STRING" if isinstance(value, str) else "INTEGER", value))
    assert found is not None
    assert found[0] == {"column": "Date", "unit": unit}
    assert "2026-11-18" in found[1]


@pytest.mark.parametrize(("kind", "value"), [("INTEGER", 12), ("STRING", "yesterday"), ("BOOLEAN", True)])
def test_what_is_no_moment_is_not_taken_for_one(kind: str, value: Any) -> None:
    assert as_moment(field(kind, value)) is None


def test_iso_text_and_timestamps_are_moments_as_they_are() -> None:
    assert as_moment(field("STRING", "2026-11-18 06:00:00 UTC")) == ("Date", "text such as 2026-11-18 06:00:00 UTC")
    assert as_moment(field("TIMESTAMP", datetime(2026, 11, 18, tzinfo=UTC))) == ("Date", "TIMESTAMP")


def test_the_usual_words_for_reports_need_no_list() -> None:
    assert as_report(field("STRING", "WEEK", "MONTH")) == ("Date", "says which report a row is of: WEEK, MONTH")


def test_other_words_for_reports_are_listed() -> None:
    found = as_report(field("STRING", "Weekly report", "MONTHLY_V2"))
    assert found is not None
    assert found[0] == {"column": "Date", "weekly": ["Weekly report"], "monthly": ["MONTHLY_V2"]}


def test_a_column_without_any_word_for_a_report_is_none() -> None:
    assert as_report(field("STRING", "2026-11-08")) is None
