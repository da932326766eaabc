"""Prove a period or a figure: compare two sides by buckets of hashes, and find the rows that differ."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import reduce
from operator import xor
from typing import Any

from sqp_provider.core.period import SyncType

_WHITE_SPACE = re.compile(r"[\t\n\x0b\f\r\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000 ]+")
"""What ``fold`` of ``sql/macros.sql`` takes for white space; Python's own has U+001C to U+001F too."""

BUCKETS = 4_096
"""Three hexadecimal digits of the key's hash; ``sql/macros.sql`` and ``sql/queries/proof.sql`` compute the same."""

MOST_BUCKETS = 64
"""So many of the buckets that differ are read row by row."""

MOST_ROWS = 20_000
"""As soon as the buckets that are read have so many rows on a side, no further one is read: this bounds the memory."""

MOST_SHOWN = 1_000
"""So many differing rows are named, the first by key."""

Values = Mapping[str, Any]


class Verdict(StrEnum):
    """How a proof ended; the exit code of ``sqp prove``."""

    EQUAL = "equal"
    DIFFERS = "differs"
    UNPROVED = "unproved"

    @property
    def exit_code(self) -> int:
        """0, 1 or 2."""
        return list(Verdict).index(self)

    @staticmethod
    def of_all(verdicts: Iterable[Verdict]) -> Verdict:
        """Return how several proofs ended together: one that was not proved never hides one that differs."""
        found = set(verdicts)
        return next((each for each in (Verdict.DIFFERS, Verdict.UNPROVED) if each in found), Verdict.EQUAL)


@dataclass(frozen=True)
class Asked:
    """What is to be proved: a period, and in it a query, an ASIN, both, or neither."""

    sync_type: SyncType
    first_day: date
    query: str | None = None
    asin: str | None = None

    @property
    def is_figure(self) -> bool:
        """Whether rows are asked for, and not the period alone."""
        return self.query is not None or self.asin is not None

    @property
    def key(self) -> tuple[str, str] | None:
        """Query and ASIN where both are asked for: one row."""
        return (self.query, self.asin) if self.asin is not None and self.query is not None else None

    def has(self, row: DifferingRow) -> bool:
        """Return whether a row is one of those asked for."""
        return self.query in (None, row.query) and self.asin in (None, row.asin)

    def as_stored(self) -> Asked:
        """Return the same with query and ASIN as the target has them: in one case, each white space as one space."""
        query = None if self.query is None else _fold(self.query).lower()
        asin = None if self.asin is None else _fold(self.asin).upper()
        return Asked(self.sync_type, self.first_day, query, asin)

    def __str__(self) -> str:
        named = [f'query "{shown(self.query)}"'] if self.query is not None else []
        return ", ".join([*named, *([f"ASIN {shown(self.asin)}"] if self.asin is not None else [])])


@dataclass(frozen=True)
class Bucket:
    """The rows of one bucket of a side: how many, and the hash of all of them."""

    row_count: int
    row_hash: int


@dataclass(frozen=True)
class Side:
    """All rows of one side.

    :param name: ``source``, ``sum of the weeks``, ``Postgres``.
    :param sums: of the own counts.
    """

    name: str
    row_count: int
    row_hash: int
    sums: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, buckets: Mapping[int, Bucket], sums: Mapping[str, int]) -> Side:
        """Add up buckets."""
        count = sum(bucket.row_count for bucket in buckets.values())
        return cls(name, count, reduce(xor, (bucket.row_hash for bucket in buckets.values()), 0), sums)

    @property
    def where(self) -> str:
        """``at the source``, ``in the sum of the weeks``."""
        return f"{'at' if self.name == 'source' else 'in'} the {self.name}"

    def equals(self, other: Side) -> bool:
        """Return whether both sides have the same rows."""
        return (self.row_count, self.row_hash) == (other.row_count, other.row_hash)


@dataclass(frozen=True)
class DifferingRow:
    """A row that differs.

    :param columns: by column what the source has and what Postgres has; of a row that one side lacks, all its figures.
    """

    query: str
    asin: str
    found: str
    columns: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Difference:
    """The rows that differ.

    :param buckets: how many buckets differ.
    :param buckets_read: how many of them were read row by row.
    :param rows_read: how many rows that were, at the source and in Postgres.
    :param rows_found: how many differing rows these buckets have.
    """

    buckets: int
    buckets_read: int
    rows_read: tuple[int, int]
    rows_found: int
    rows: Sequence[DifferingRow]

    @property
    def is_whole(self) -> bool:
        """Whether every bucket that differs was read, so that the number of rows is exact."""
        return self.buckets == self.buckets_read

    @property
    def rows_estimated(self) -> int:
        """How many rows differ, all buckets together."""
        return self.rows_found if self.is_whole else round(self.rows_found * self.buckets / self.buckets_read)

    @property
    def count(self) -> str:
        """``5 rows``, ``1 row``, ``about 812,000 rows``."""
        number = self.rows_estimated
        return f"{'' if self.is_whole else 'about '}{number:,} {'row' if number == 1 else 'rows'}"


NOTHING = Difference(0, 0, (0, 0), 0, ())
"""Both sides are equal."""


def bucket_of(query: str, asin: str) -> int:
    """Return the bucket of a key, ``bucket_of("wireless mouse", "B000000001")``."""
    return int(hashlib.md5((asin + query).encode(), usedforsecurity=False).hexdigest()[:3], 16)


def buckets_to_read(
    source: Mapping[int, Bucket], stored: Mapping[int, Bucket], first: int | None = None
) -> tuple[int, list[int]]:
    """Return how many buckets differ, and those of them to read row by row: few enough to be held in memory.

    :param first: the bucket of a row that is asked for, which is read before all others.
    """
    differing = sorted(number for number in source.keys() | stored.keys() if source.get(number) != stored.get(number))
    differing.sort(key=lambda number: number != first)
    chosen: list[int] = []
    rows = 0
    for number in differing[:MOST_BUCKETS]:
        rows += max(side[number].row_count for side in (source, stored) if number in side)
        if chosen and rows > MOST_ROWS:
            break
        chosen.append(number)
    return len(differing), chosen


def compare(source: Iterable[Values], stored: Iterable[Values]) -> tuple[list[DifferingRow], tuple[int, int]]:
    """Return the rows that differ, by key, and how many rows each side had.

    A key that Postgres has twice, as an adopted table may, is there once too often.
    """
    waiting: dict[tuple[str, str], list[Values]] = {}
    read = [0, 0]
    for row in stored:
        read[1] += 1
        waiting.setdefault((row["query"], row["asin"]), []).append(row)
    found: list[DifferingRow] = []
    for row in source:
        read[0] += 1
        others = waiting.get((row["query"], row["asin"]))
        other = others.pop() if others else None
        if other is None or other["row_hash"] != row["row_hash"]:
            found.append(_differing(row, other))
    found += [_differing(None, row) for rows in waiting.values() for row in rows]
    found.sort(key=lambda row: (row.query or "", row.asin or ""))
    return found, (read[0], read[1])


def _differing(source: Values | None, stored: Values | None) -> DifferingRow:
    some = source or stored or {}
    columns = [column for column in {**(source or {}), **(stored or {})} if column not in ("query", "asin", "row_hash")]
    pairs = {column: ((source or {}).get(column), (stored or {}).get(column)) for column in columns}
    pairs = {column: (one, other) for column, (one, other) in pairs.items() if one != other}
    found = "figures differ" if source and stored else "missing in Postgres" if source else "only in Postgres"
    return DifferingRow(some["query"], some["asin"], found, pairs)


def _fold(text: str) -> str:
    return _WHITE_SPACE.sub(" ", text).strip(" ")


def shown(text: str | None) -> str:
    """Return a text that cannot garble a terminal or log: what does not print is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text or "")
