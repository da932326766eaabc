"""The bars: the figures that the sync must reach, and what it reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bench.figure import BEHIND_A_READER, Figure

PUBLISHED = "snapshot to published"


class Bar(NamedTuple):
    """A figure with the least or the most that is allowed; ``reached`` is None if the run did not measure it."""

    name: str
    reached: float | None
    least: float | None = None
    most: float | None = None

    @property
    def verdict(self) -> str:
        """``reached``, ``missed`` or ``not measured``."""
        if self.reached is None:
            return "not measured"
        low = self.least is not None and self.reached < self.least
        high = self.most is not None and self.reached > self.most
        return "missed" if low or high else "reached"


def bars(found: Sequence[Figure]) -> list[dict[str, Any]]:
    """Return every bar for JSON."""
    return [bar._asdict() | {"verdict": bar.verdict} for bar in _bars(found)]


def verdicts(found: Sequence[Figure]) -> str:
    """Return every bar as a line of text."""
    lines = []
    for bar in _bars(found):
        wanted = f"at least {bar.least:g}" if bar.least is not None else f"at most {bar.most:g}"
        reached = "-" if bar.reached is None else f"{bar.reached:,.3g}"
        lines.append(f"{bar.verdict:<12}  {reached:>8}  {wanted:<14}  {bar.name}")
    return "\n".join(lines)


def _bars(found: Sequence[Figure]) -> Iterator[Bar]:
    largest = [figure for figure in found if figure.rows == _rows(found) or figure.case.startswith("backfill")]
    first = _cost(largest, "ours", "first load", PUBLISHED)
    yield Bar("first load: speed against the limit", _ratio(_cost(largest, "limit", "first load"), first), least=0.65)
    for name, least in (("BigQueryToPostgresOperator", 30.0), ("dlt upsert", 2.0)):
        yield Bar(f"first load: times faster than {name}", _ratio(_cost(found, name, "first load"), first), least=least)
    yield from _bars_of_later_syncs(largest, first)
    yield from _bars_of_memory(found)
    yield from _bars_of_readers(found)
    costs = [cost for rows in _sizes(found) if (cost := _cost(_of_size(found, rows), "ours", "first load", PUBLISHED))]
    spread = max(costs) / min(costs) if len(costs) > 1 else None
    yield Bar("first load: cost of a row, dearest size against cheapest", spread, most=1.3)
    yield from _bars_of_sums(largest, first)


def _bars_of_later_syncs(largest: Sequence[Figure], first: float | None) -> Iterator[Bar]:
    unchanged = _one(largest, "ours", "unchanged", PUBLISHED)
    faster = _ratio(first, _cost(largest, "ours", "unchanged", PUBLISHED))
    yield Bar("unchanged: times faster than a first load", faster, least=48)
    written = _tuples(unchanged, "target", "staged", "rollups") if unchanged else None
    yield Bar("unchanged: tuples written", written, most=0)
    restated = _one(largest, "ours", "1 % restated", "publish")
    each = _ratio(_tuples(restated, "target"), restated.changed) if restated else None
    yield Bar("1 % restated: tuples written in the target for a row that changed", each, most=1.05)
    for case in ("1 % restated", "late ASIN"):
        again = _ratio(_cost(largest, "ours", case, PUBLISHED), first)
        yield Bar(f"{case}: time against a first load", again, most=0.35)


def _bars_of_readers(found: Sequence[Figure]) -> Iterator[Bar]:
    publishes = [figure for figure in found if (figure.contender, figure.stage) == ("ours", "publish")]
    undisturbed = [figure for figure in publishes if figure.case != BEHIND_A_READER]
    for rows in sorted({figure.rows for figure in undisturbed if figure.rows >= _rows(found)}):
        waited = max(figure.reader_seconds[0] * 1000 for figure in undisturbed if figure.rows == rows)
        name = f"{rows:,} rows: longest wait of a reader during a publish, of all cases the worst median, ms"
        yield Bar(name, waited, most=50 if rows < 2_000_000 else 100)
    behind = _one(found, "ours", BEHIND_A_READER, "publish")
    reached = behind.reader_seconds[0] * 1000 if behind else None
    yield Bar("longest wait of other readers behind one that reads for 90 s, ms", reached, most=250)


def _bars_of_sums(largest: Sequence[Figure], first: float | None) -> Iterator[Bar]:
    for case, name, most in (
        ("second week, rolled up", "a second week joins its month and quarter, besides the week: first loads", 2.5),
        ("first load, rolled up", "a new month and quarter, besides the week: first loads", 0.8),
    ):
        both = _cost(largest, "ours", case, PUBLISHED)
        besides = both - first if both is not None and first is not None else None
        yield Bar(name, _ratio(besides, first), most=most)
    restated = _ratio(_cost(largest, "ours", "all restated", PUBLISHED), first)
    yield Bar("everything restated: time against a first load", restated, most=2.5)
    half_year = next((figure for figure in largest if figure.case.startswith("backfill")), None)
    speed = half_year.rows_per_second if half_year else None
    yield Bar("half a year of weeks with months and quarters: rows/s", speed, least=45_000)


def _bars_of_memory(found: Sequence[Figure]) -> Iterator[Bar]:
    loads = {
        rows: figure.memory_bytes / 2**20
        for rows in _sizes(found)
        if (figure := _one(_of_size(found, rows), "ours", "first load", "load"))
    }
    yield Bar("load: peak memory above the idle task, MB", loads.get(_rows(found)), most=120)
    more = max(loads, default=0)
    grown = loads[more] / loads[_rows(found)] if more > _rows(found) in loads else None
    yield Bar(f"load: peak memory of the largest size against {_rows(found):,} rows", grown, most=1.15)


def _rows(found: Sequence[Figure]) -> int:
    """Return the size at which all cases were measured, not only a first load."""
    return next((figure.rows for figure in found), 0)


def _sizes(found: Sequence[Figure]) -> list[int]:
    return list(dict.fromkeys(figure.rows for figure in found if figure.contender == "ours"))


def _of_size(found: Sequence[Figure], rows: int) -> list[Figure]:
    return [figure for figure in found if figure.rows == rows]


def _one(found: Sequence[Figure], contender: str, case: str, stage: str) -> Figure | None:
    wanted = (contender, case, stage)
    return next((figure for figure in found if (figure.contender, figure.case, figure.stage) == wanted), None)


def _cost(found: Sequence[Figure], contender: str, case: str, stage: str = "total") -> float | None:
    """Return the median seconds for each row."""
    figure = _one(found, contender, case, stage)
    return figure.seconds[0] / figure.rows if figure else None


def _tuples(figure: Figure, *kinds: str) -> int:
    return sum(figure.written.get(kind, 0) for kind in kinds)


def _ratio(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b else None
