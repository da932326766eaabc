"""A stage of a case, over all its repeats."""

from __future__ import annotations

from dataclasses import dataclass

BEHIND_A_READER = "first load behind a long reader"
"""A case that is judged apart."""


@dataclass(frozen=True)
class Figure:
    """A stage of a case over all repeats; three numbers are median, least and most."""

    contender: str
    case: str
    stage: str
    rows: int
    seconds: tuple[float, float, float]
    rows_per_second: float
    memory_bytes: float
    wal_bytes: float
    growth_bytes: float
    written: dict[str, int]
    reader_seconds: tuple[float, float, float]
    changed: int
