"""Which part of a source table one feed is, and what that says of its costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqp_provider.core.cost import cost, size
from sqp_provider.core.landing import Condition
from sqp_provider.core.settings import Settings

LEAST_CLUSTERED_BYTES = 64 * 2**20
"""Of less, BigQuery's documentation promises nothing from clustering (its page "Introduction to clustered tables")."""


@dataclass(frozen=True)
class FeedShare:
    """How many of a week's rows belong to a feed.

    ``str(FeedShare(1_234, 11_106)) == "1,234 of 11,106 rows, about 1/9"``
    """

    own: int
    of_all: int

    def __str__(self) -> str:
        found = f"{self.own:,} of {self.of_all:,} rows"
        return f"{found}, about {self._part}" if self.is_part else found

    @property
    def is_part(self) -> bool:
        """Whether it is neither none of the rows nor all of them."""
        return 0 < self.own < self.of_all

    @property
    def _part(self) -> str:
        if self.own * 2 <= self.of_all:
            return f"1/{round(self.of_all / self.own):,}"
        return f"{int(100 * self.own / self.of_all)} %"

    def of(self, count: int) -> int:
        """Return the same part of something else: ``FeedShare(1, 9).of(900) == 100``."""
        return round(count * self.own / self.of_all)


@dataclass(frozen=True)
class Reading:
    """What the statements of a feed read, by dry runs.

    :param bytes_of: by what it is for, with the number of statements: ``{"a week": (3_221_225_472, 1)}`` and more.
    :param price_per_tib: what BigQuery asks for a TiB, if money is wanted.
    """

    bytes_of: dict[str, tuple[int, int]]
    price_per_tib: float | None = None

    def told(self, share: FeedShare) -> str:
        """Say what a part of it would be: ``a week 1.0 GiB; a year 52.0 GiB``."""
        parts = ((what, cost(share.of(count), self.price_per_tib, n)) for what, (count, n) in self.bytes_of.items())
        return "; ".join(f"{what} {part}" for what, part in parts)


def savings(share: FeedShare, reading: Reading, columns: Sequence[str], clustered_by: str | None) -> str:
    """Say what clustering saves a feed that is a part of its table, as an estimate.

    :param columns: columns of the feed's conditions that BigQuery can skip blocks by.
    :param clustered_by: the one of them that the table is clustered by already.
    """
    if not columns:
        return "Each sync reads all of them."
    if reading.bytes_of["a week"][0] < LEAST_CLUSTERED_BYTES:
        return f"A week is less than {size(LEAST_CLUSTERED_BYTES)}, of which clustering saves little."
    if clustered_by:
        begins = f"The table is clustered by {clustered_by}, so BigQuery may read only about"
    else:
        begins = f"Clustered by {columns[0]}, BigQuery might read only about"
    return f"{begins}: {reading.told(share)}. This is an estimate; no dry run knows it."


def together(count: int, week: int, price_per_tib: float | None) -> str:
    """Say what all feeds over one table read: each scans the days of its own syncs."""
    told = cost(count * week, price_per_tib, count)
    return f"{count} feeds read this table, each by itself: about {told} a week together."


def beside(settings: Settings, feeds: Iterable[Settings]) -> list[Settings]:
    """Return the other feeds that read one of the feed's tables over the same connection."""
    source = settings.source
    return [
        other
        for other in feeds
        if other.feed != settings.feed
        and other.source.conn_id == source.conn_id
        and set(other.source.tables) & set(source.tables)
    ]


def common(settings: Settings, others: Sequence[Settings]) -> set[str]:
    """Return the columns, in lower case, of which each of the other feeds asks the same: they tell no feed apart."""
    theirs = [_conditions(other) for other in others]
    return {
        column
        for column, condition in _conditions(settings).items()
        if theirs and all(found.get(column) == condition for found in theirs)
    }


def _conditions(settings: Settings) -> dict[str, Condition]:
    return {str(place.column).lower(): condition for place, condition in settings.source.conditions()}
