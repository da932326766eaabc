"""The chart of one type: rows, ASINs, impressions and purchases of each period, below each other on one time axis.

This module computes the geometry; a template draws it, without script or style. Each part is stretched to the width of
its place, so that texts stand beside the drawing, not in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from pydantic import BaseModel

from sqp_provider.core.period import Period, SyncType
from sqp_provider.status.models import PeriodStatus
from sqp_provider.status.story_models import Measured

WIDTH, HEIGHT = 600, 80
FEWEST = 8
"""A chart of fewer periods leaves room on the right, so that a bar never is as wide as the page."""

CAP = 5
"""How high the mark is that a restated period has above its bar."""

MEASURES = {
    "rows": "Rows",
    "asins": "ASINs",
    "impressions": "Impressions of own ASINs",
    "purchases": "Purchases of own ASINs",
}

UNITS = ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))


class PeriodBar(BaseModel):
    """One period's bar in one part of the chart."""

    x: float
    y: float
    width: float
    height: float
    label: str
    state: str
    is_restated: bool
    is_incomplete: bool
    period_start: date


class Part(BaseModel):
    """One measure: its bars, and the three marks of its axis, from the top to zero."""

    title: str
    marks: tuple[str, str, str]
    newest: str
    bars: list[PeriodBar]


class Timeline(BaseModel):
    """The whole chart; ``dates`` are those of the first, the middle and the last bar."""

    sync_type: SyncType
    width: int = WIDTH
    height: int = HEIGHT + CAP
    parts: list[Part]
    dates: list[date]
    rows: list[Measured]


def incomplete(periods: Sequence[PeriodStatus], sync_type: SyncType) -> set[date]:
    """Return the first days of the periods of which more is to come: their figures are lower than they will be."""
    mine = [row for row in periods if row.sync_type == sync_type]
    return {row.period_start for row in mine if _is_incomplete(row)}


def _is_incomplete(row: PeriodStatus) -> bool:
    if row.state == "derived":
        return (row.weeks_published or 0) < (row.weeks_total or 0)
    return row.verdict in ("arriving", "late") and (row.asins_found or 0) < (row.asins_expected or 0)


def timeline(sync_type: SyncType, rows: Sequence[Measured], unfinished: Collection[date] = ()) -> Timeline:
    """Draw the periods of a type, oldest first; those of ``unfinished`` hollow. A measure that none has is left out."""
    days = _days(sync_type, rows)
    step = WIDTH / max(len(days), FEWEST)
    places = {day: number * step for number, day in enumerate(days)}
    known = [name for name in MEASURES if any(getattr(row, name) is not None for row in rows)]
    return Timeline(
        sync_type=sync_type,
        parts=[_part(name, rows, places, step, unfinished) for name in known],
        dates=[days[0], days[len(days) // 2], days[-1]] if len(days) >= FEWEST else [],
        rows=list(rows),
    )


def _days(sync_type: SyncType, rows: Sequence[Measured]) -> list[date]:
    """Return the first days up to the newest period: what is missing in between leaves a gap, a year at most."""
    if not rows:
        return []
    newest = Period.containing(sync_type, rows[-1].period_start)
    days = [period.first_day for period in newest.with_previous(sync_type.period_type.shown_periods)]
    return [day for day in reversed(days) if day >= rows[0].period_start]


def _part(
    name: str, rows: Sequence[Measured], places: Mapping[date, float], step: float, unfinished: Collection[date]
) -> Part:
    found = [(row, getattr(row, name)) for row in rows if row.period_start in places]
    known = [(row, value) for row, value in found if value is not None]
    top = _ceiling(max((value for _, value in known), default=0))
    bars = []
    for row, value in known:
        is_incomplete = row.period_start in unfinished
        height = max(round(value / top * HEIGHT, 1), 1)
        bar = PeriodBar(
            x=round(places[row.period_start], 1),
            y=round(HEIGHT + CAP - height, 1),
            width=round(step * 0.84, 1),
            height=height,
            label=_label(row, f"{value:,} {name}", is_incomplete),
            state=row.state,
            is_restated=row.times_changed > 0,
            is_incomplete=is_incomplete,
            period_start=row.period_start,
        )
        bars.append(bar)
    newest = "not known" if not found or found[-1][1] is None else f"{found[-1][1]:,}"
    return Part(title=MEASURES[name], marks=(short(top), short(top / 2), "0"), newest=newest, bars=bars)


def _label(row: Measured, value: str, is_incomplete: bool) -> str:
    changed = {0: "", 1: ", changed once"}.get(row.times_changed, f", changed {row.times_changed} times")
    return f"{row.period_start} to {row.period_end}: {value}{changed}{', not complete' if is_incomplete else ''}"


def _ceiling(value: int) -> int:
    """Return the next round number: 20,000 for 19,001, 500 for 433, and 2 for nothing, so that half of it is whole."""
    size = 1
    while True:
        for step in (2, 4, 6, 10):
            if value <= step * size:
                return step * size
        size *= 10


def short(value: float) -> str:
    """``short(12_500) == "12.5k"``."""
    for size, unit in UNITS:
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"
