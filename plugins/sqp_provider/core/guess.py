"""How a landed value is read, guessed from its type and from what some rows have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqp_provider.core.fields import Field
from sqp_provider.core.period import SyncType

_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
)
_LEADING_DAY = "^([0-9]{4}-[0-9]{2}-[0-9]{2})"
_ZONES = ("UTC", "America/Los_Angeles", "Europe/London", "Europe/Berlin", "Asia/Tokyo")
_UNITS = (("seconds", 1), ("milliseconds", 1000), ("microseconds", 10**6))
_YEARS = (946_684_800, 4_102_444_800)
"""2000-01-01 and 2100-01-01 in seconds since 1970."""

Read = tuple[Any, str, list[date]]
"""What the file says of a column, why, and the days that the sampled rows have."""


def as_day(field: Field) -> Read | None:
    """Say how a date is read: ``({"column": "Date", "time_zone": "UTC"}, "TIMESTAMP, …", [date(2026, 11, 8)])``."""
    if field.type == "DATE":
        return field.path, "DATE", [value for value in field.samples if isinstance(value, date)]
    if field.type == "DATETIME":
        days = [value.date() for value in field.samples if isinstance(value, datetime)]
        return field.path, "DATETIME, its day", days
    if field.type == "TIMESTAMP":
        return _day_of_moment(field)
    return _day_of_text(field) if field.type in ("STRING", "JSON", "INTEGER") else None


def _day_of_moment(field: Field) -> Read:
    moments = [value for value in field.samples if isinstance(value, datetime)]
    for name in _ZONES:
        local = [moment.astimezone(ZoneInfo(name)) for moment in moments]
        if all((each.hour, each.minute, each.second) == (0, 0, 0) for each in local):
            why = f"TIMESTAMP; its values are midnight in {name}" if moments else f"TIMESTAMP, taken for days in {name}"
            return {"column": field.path, "time_zone": name}, why, [each.date() for each in local]
    days = [moment.astimezone(UTC).date() for moment in moments]
    return {"column": field.path, "time_zone": "UTC"}, "TIMESTAMP; not always midnight, so check the zone", days


def _day_of_text(field: Field) -> Read | None:
    texts = [str(value).strip() for value in field.samples if str(value).strip()]
    kind = {"JSON": "text in JSON", "INTEGER": "a number"}.get(field.type, "text")
    if not texts:
        return {"column": field.path, "format": "%Y-%m-%d"}, f"{kind}; no value seen, so the format is a guess", []
    found = [(form, days) for form in _FORMATS if (days := _days(texts, form)) is not None]
    if found:
        form, days = max(found, key=lambda each: _bounds(each[1]))
        return {"column": field.path, "format": form}, f"{kind} such as {texts[0]}", days
    leading = [match[1] for text in texts if (match := re.match(_LEADING_DAY, text))]
    if len(leading) == len(texts) and (days := _days(leading, "%Y-%m-%d")) is not None:
        place = {"column": field.path, "pattern": _LEADING_DAY, "format": "%Y-%m-%d"}
        return place, f"{kind} such as {texts[0]}, its first ten characters", days
    return None


def _days(texts: Iterable[str], form: str) -> list[date] | None:
    try:
        return [datetime.strptime(text, form).replace(tzinfo=UTC).date() for text in texts]
    except ValueError:
        return None


def _bounds(days: Sequence[date]) -> int:
    """Count the days on which some period begins or ends; 11/08 is a Sunday in November, and 08/11 a Tuesday."""
    return sum(day.weekday() in (5, 6) or day.day == 1 or (day + timedelta(days=1)).day == 1 for day in days)


def ends_periods(days: Sequence[date]) -> bool:
    """Return whether days are last days: Saturdays or ends of months, as the CSV export's Reporting Date."""
    return bool(days) and all(day.weekday() == 5 or (day + timedelta(days=1)).day == 1 for day in days)


def as_moment(field: Field) -> tuple[Any, str] | None:
    """Say how the moment of a landing is read, ``({"column": "…", "unit": "milliseconds"}, "…")``."""
    if field.type in ("TIMESTAMP", "DATETIME", "DATE"):
        return field.path, field.type
    texts = [str(value).strip() for value in field.samples if str(value).strip()]
    if texts and all(re.fullmatch(r"[0-9]{9,17}([.]0*)?", text) for text in texts):
        number = int(texts[0].partition(".")[0])
        for unit, factor in _UNITS:
            if _YEARS[0] * factor <= number < _YEARS[1] * factor:
                moment = datetime.fromtimestamp(number / factor, UTC)
                return {"column": field.path, "unit": unit}, f"{unit} since 1970: {texts[0]} is {moment:%Y-%m-%d %H:%M}"
        return None
    if field.type in ("STRING", "JSON") and texts and all(re.match(_LEADING_DAY, text) for text in texts):
        return field.path, f"text such as {texts[0]}"
    return None


def as_report(field: Field) -> tuple[Any, str] | None:
    """Say which words stand for weeks, months and quarters, if any of them does."""
    words: dict[SyncType, list[str]] = {sync_type: [] for sync_type in SyncType}
    for value in sorted({str(value).strip() for value in field.samples if str(value).strip()}):
        for sync_type in SyncType:
            if re.sub(r"[^a-z]", "", value.lower()).startswith((sync_type.period_type.unit, sync_type.value)):
                words[sync_type].append(value)
    if not any(words.values()):
        return None
    usual = all(word.lower() in (kind.period_type.unit, kind.value) for kind in words for word in words[kind])
    seen = ", ".join(word for found in words.values() for word in found)
    if usual:
        return field.path, f"says which report a row is of: {seen}"
    named = {kind.value: found for kind, found in words.items() if found}
    return {"column": field.path, **named}, f"says which report a row is of, in words of its own: {seen}"
