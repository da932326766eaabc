"""Bar charts as plain SVG. This module computes the geometry; a template draws it, without script or style."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from sqp_provider.status.sync_models import HistoryRow

WIDTH, HEIGHT = 600, 120
GAP = 2


class Bar(BaseModel):
    """One run's bar."""

    x: float
    y: float
    width: float
    height: float
    label: str
    status: str
    sync_log_id: int


class Chart(BaseModel):
    """A chart of several runs, with the oldest on the left."""

    title: str
    width: int = WIDTH
    height: int = HEIGHT
    largest: str
    bars: list[Bar]


def durations(rows: Sequence[HistoryRow]) -> Chart:
    """Return the chart of how long each run took. A running run counts as 0 seconds."""
    values = [row.seconds or 0 for row in rows]
    return _chart("Duration", rows, values, [f"{value:,.1f} s" for value in values])


def processed(rows: Sequence[HistoryRow]) -> Chart:
    """Return the chart of how many rows each run compared."""
    values = [float(row.records_processed or 0) for row in rows]
    return _chart("Rows", rows, values, [f"{value:,.0f} rows" for value in values])


def _chart(title: str, rows: Sequence[HistoryRow], values: Sequence[float], labels: Sequence[str]) -> Chart:
    largest = max(values, default=0)
    step = WIDTH / max(len(rows), 12)
    bars = [
        _bar(row, position * step, step, value / largest if largest > 0 else 0, label)
        for position, (row, value, label) in enumerate(reversed(list(zip(rows, values, labels, strict=True))))
    ]
    return Chart(title=title, largest=labels[values.index(largest)] if values else "", bars=bars)


def _bar(row: HistoryRow, x: float, step: float, part: float, label: str) -> Bar:
    height = max(round(part * HEIGHT, 1), 1)
    return Bar(
        x=round(x, 1),
        y=round(HEIGHT - height, 1),
        width=round(step - GAP, 1),
        height=height,
        label=f"sync {row.sync_log_id}, {row.sync_type} {row.period_start or 'without a period'}: {label}",
        status=row.sync_status,
        sync_log_id=row.sync_log_id,
    )
