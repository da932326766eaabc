"""The chart for the docs: one bar for each contender, rows a second from snapshot to published, on a log axis."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10
from pathlib import Path

from bench.figure import Figure

WIDTH, BAR, GAP, LABEL = 760, 26, 12, 240
LEAST = 1_000


def write_chart(path: Path, found: Sequence[Figure]) -> None:
    """Write the SVG. It shows first loads only."""
    bars = [(name, speed) for name, speed in _speeds(found).items()]
    most = max(speed for _, speed in bars)
    height = GAP + len(bars) * (BAR + GAP)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'font-size="14" role="img" aria-label="Rows a second of a first load, by contender">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
        + "".join(_bar(number, name, speed, most) for number, (name, speed) in enumerate(bars))
        + "</svg>\n"
    )


def _bar(number: int, name: str, speed: float, most: float) -> str:
    top = GAP + number * (BAR + GAP)
    width = (WIDTH - LABEL - 110) * log10(max(speed, LEAST) / LEAST * 1.2) / log10(most / LEAST * 1.2)
    middle = top + BAR * 0.7
    colour = {"ours": "#1a7f5a", "limit": "#8a8f98"}.get(name, "#b9bec7")
    return (
        f'<text x="{LABEL - 10}" y="{middle:.0f}" text-anchor="end" fill="#1f2430">{escape(name)}</text>'
        f'<rect x="{LABEL}" y="{top}" width="{width:.0f}" height="{BAR}" fill="{colour}"/>'
        f'<text x="{LABEL + width + 8:.0f}" y="{middle:.0f}" fill="#1f2430">{speed:,.0f}</text>\n'
    )


def _speeds(found: Sequence[Figure]) -> dict[str, float]:
    speeds: dict[str, float] = {}
    for figure in found:
        if figure.case == "first load" and figure.stage in ("total", "snapshot to published"):
            speeds.setdefault(figure.contender, figure.rows_per_second)
    return dict(sorted(speeds.items(), key=lambda item: -item[1]))
