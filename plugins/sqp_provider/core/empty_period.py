"""The error of a period without a usable row: what there is instead, and what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqp_provider.core.period import Period

SHOWN = 60
"""An example shows this many characters of a text."""

_DATES = ("period_start", "period_end")
_KEY = ("asin", "search_query")
_COLUMNS = {
    "unknown_report_period": ("report_period",),
    "unknown_feed": ("unclear",),
    "unreadable_date": ("unreadable",),
    "missing_period": _DATES,
    "misaligned_period": _DATES,
    "invalid_asin": ("asin",),
    "empty_query": ("search_query",),
    "nul_character": ("search_query",),
    "query_too_long": ("search_query",),
    "not_a_number": ("unreadable",),
}
"""The columns that show why a row is a reject; for other reasons its key."""

_ADVICE = {
    "unknown_report_period": "If that is this report's name, say so in sqp_config.yaml: "
    "columns.report_period: {column: …, weekly: […]}. ",
    "unreadable_date": "If dates are written so, say so in sqp_config.yaml: columns.…: {column: …, format: …}. ",
    "unknown_feed": "If rows without a value belong here, list null under source.where. ",
}
"""What to write into the configuration where it, and not the source, may be wrong."""


@dataclass(frozen=True)
class RejectedFor:
    """A reason, how many rows have it, and one of them; a row of ``sql/reject_reasons.sql``."""

    reason: str
    row_count: int
    example: str

    def __str__(self) -> str:
        row = json.loads(self.example)
        shown = [_shown(column, row[column]) for column in _COLUMNS.get(self.reason, _KEY) if column in row]
        return f"{self.row_count:,} {self.reason}" + (f" (for example {', '.join(shown)})" if shown else "")


@dataclass(frozen=True)
class NearMisses:
    """What the source has near the period; a row of ``sql/near_misses.sql``."""

    newest_day: date | None
    elsewhere: int
    """How many rows of these days are left out by the marketplace or by ``source.where``."""
    other: str | None
    """What such rows have, at most five of them: ``country CA; country US``."""
    misspelled: str | None
    """The same of one that only upper and lower case or white space keep out."""
    other_reports: int
    """How many rows of these days are of another report, a month's for example."""
    other_report: str | None


def explain(
    period: Period,
    table: str,
    near: NearMisses | str,
    rejected: Sequence[RejectedFor] = (),
    snapshot: str = "",
    reject_count: int = 0,
) -> str:
    """Return the message: what the source has instead of usable rows, and last what to do.

    :param near: what is near, or why that is not known.
    """
    todo = "Clear 'extract' when the figures have arrived."
    found = []
    if reject_count:
        reasons = "; ".join(map(str, rejected))
        found.append(f"All {reject_count:,} rows are malformed: {reasons}. BigQuery table {snapshot} has each of them.")
        advice = _ADVICE.get(rejected[0].reason, "") if rejected else ""
        todo = f"{advice}Clear 'extract' when the source is corrected."
    if isinstance(near, str):
        found.append(f"What else it has is unknown ({near}).")
    else:
        found += _near(period, near, rejected=bool(reject_count))
        if near.misspelled:
            todo = "Write it so under source.where in sqp_config.yaml, or set `fold: true`; then clear 'extract'."
        elif near.elsewhere and near.newest_day is None and not reject_count:
            todo = (
                "If one of these is meant, write it under source.where or source.marketplace in sqp_config.yaml and "
                "clear 'extract'; else clear it when the figures have arrived."
            )
    return " ".join(
        [
            f"{period}: BigQuery table {table} has no usable rows for this period.",
            *found,
            f"The target is unchanged. {todo} If the period is really empty, start a new run with allow_empty.",
        ]
    )


def _near(period: Period, near: NearMisses, *, rejected: bool) -> list[str]:
    found = []
    if near.misspelled:
        found.append(
            f"Rows of this period spell what source.where asks for differently: {_without_stop(near.misspelled)}."
        )
    elif near.elsewhere:
        found.append(
            f"{near.elsewhere:,} rows of this period are not what source.where or source.marketplace asks for, "
            f"for example {_without_stop(near.other or '')}."
        )
    if near.other_reports and not rejected:
        found.append(
            f"{near.other_reports:,} rows of these days are of other reports, {near.other_report} for example."
        )
    if not (found or rejected):
        found.append("It has no row of this period.")
    newest = near.newest_day and Period.containing(period.sync_type, near.newest_day)
    known = f"is {newest.dates}" if newest else "is unknown: it has none of the last 400 days"
    return [*found, f"The newest period with usable rows {known}."]


def _without_stop(text: str) -> str:
    return text.strip().rstrip(".")


def _shown(column: str, value: Any) -> str:
    if value is None:
        return f"{column} is NULL"
    text = str(value)
    if column in _DATES:
        return f"{column} {text}, a {date.fromisoformat(text):%A}"
    cut = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return cut.strip() if column in ("unreadable", "unclear") else f"{column} {json.dumps(cut, ensure_ascii=False)}"
