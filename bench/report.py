"""Medians with their spread, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from bench.bars import bars
from bench.figure import Figure
from bench.trial import Measurement

PUBLISHING = ("load", "validate", "publish")
"""The stages from snapshot to published, which are compared with the limit and with the other contenders."""


def figures(measurements: Sequence[Measurement]) -> list[Figure]:
    """Return a figure for each stage, and sums for each case of ours. Seconds are median, least and most."""
    by_stage: dict[tuple[str, str, int, str], list[Measurement]] = {}
    for measurement in [*measurements, *_sums(measurements)]:
        key = (measurement.contender, measurement.case, measurement.rows, measurement.stage)
        by_stage.setdefault(key, []).append(measurement)
    return [_figure(found) for _, found in sorted(by_stage.items(), key=lambda item: _order(measurements, item[0]))]


def write_json(path: Path, described: dict[str, Any], all_of: Sequence[Measurement]) -> None:
    """Write all measurements, figures and bars.

    :param described: what else is known of the run: the machine, the arguments.
    """
    found = figures(all_of)
    content = {
        **described,
        "bars": bars(found),
        "figures": [asdict(figure) for figure in found],
        "measurements": [asdict(measurement) for measurement in all_of],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def table(found: Sequence[Figure]) -> str:
    """Return the figures as lines of text."""
    amounts = ("rows/s", "memory MB", "WAL MB", "grown MB", "reader ms", "(most)")
    head = ("", "", "", "rows", "seconds", "(least", "most)", *amounts)
    lines: list[tuple[str, ...]] = [(*head, "tuples written")]
    before = ("", "", 0)
    for figure in found:
        group = (figure.contender, figure.case, figure.rows)
        names = ("", "", figure.stage) if group == before else (figure.contender, figure.case, figure.stage)
        before = group
        middle, least, most = (f"{seconds:.2f}" for seconds in figure.seconds)
        megabytes = (f"{size / 2**20:,.0f}" for size in (figure.memory_bytes, figure.wal_bytes, figure.growth_bytes))
        written = ", ".join(f"{kind} {count:,}" for kind, count in figure.written.items())
        speed = f"{figure.rows_per_second:,.0f}"
        waited, _, longest = (f"{1000 * seconds:.0f}" for seconds in figure.reader_seconds)
        lines.append((*names, f"{figure.rows:,}", middle, least, most, speed, *megabytes, waited, longest, written))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if column < 3 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=False))
    ]
    return "  ".join([*padded, cells[-1]]).rstrip()


def _sums(measurements: Sequence[Measurement]) -> Iterable[Measurement]:
    runs: dict[tuple[str, int, int], list[Measurement]] = {}
    for found in measurements:
        if found.contender == "ours":
            runs.setdefault((found.case, found.rows, found.repeat), []).append(found)
    for (case, rows, repeat), stages in runs.items():
        parts = [stage for stage in stages if stage.stage in PUBLISHING]
        if not any(part.stage == "load" for part in parts):
            continue
        yield Measurement(
            "ours",
            case,
            "snapshot to published",
            repeat,
            rows,
            sum(part.seconds for part in parts),
            max(part.memory_bytes for part in parts),
            sum(part.wal_bytes for part in parts),
            sum(part.growth_bytes for part in parts),
            {kind: sum(p.written.get(kind, 0) for p in parts) for part in parts for kind in part.written},
            max(part.reader_seconds for part in parts),
            sum(part.changed for part in parts),
        )


def _figure(found: Sequence[Measurement]) -> Figure:
    first = found[0]
    seconds = _spread([measurement.seconds for measurement in found])
    return Figure(
        first.contender,
        first.case,
        first.stage,
        first.rows,
        seconds,
        first.rows / seconds[0],
        median(measurement.memory_bytes for measurement in found),
        median(measurement.wal_bytes for measurement in found),
        median(measurement.growth_bytes for measurement in found),
        first.written,
        _spread([measurement.reader_seconds for measurement in found]),
        first.changed,
    )


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    return median(values), min(values), max(values)


def _order(measurements: Sequence[Measurement], key: tuple[str, str, int, str]) -> tuple[int, int]:
    groups = list(dict.fromkeys((m.contender, m.case, m.rows) for m in measurements))
    stages = list(dict.fromkeys(m.stage for m in measurements if (m.contender, m.case, m.rows) == key[:3]))
    return groups.index(key[:3]), stages.index(key[3]) if key[3] in stages else len(stages) + len(key[3])
