"""What a contender's table keeps besides its rows, as the catalogue says after a load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from bench.target import Target


@dataclass(frozen=True)
class Kept:
    """Indexes, constraints and columns that may not be null.

    ``indexes`` are such as ``"unique btree (_dlt_id)"``, ``constraints`` such as ``"PRIMARY KEY (id)"``.
    """

    indexes: list[str]
    constraints: list[str]
    not_null: list[str]
    rows_compared: bool = False
    """Whether the contender has compared its rows with those of the source."""

    @classmethod
    def by(cls, target: Target, table: sql.Composable, *, rows_compared: bool = False) -> Kept:
        """Read the catalogue."""
        found = target.row("kept", "table", table=sql.Literal(table.as_string()))
        return cls(**found, rows_compared=rows_compared)


def lines(kept: Mapping[str, Kept]) -> Iterator[str]:
    """Return a paragraph for each contender."""
    for contender, found in kept.items():
        yield contender
        yield f"  indexes      {'; '.join(found.indexes) or 'none'}"
        yield f"  constraints  {'; '.join(found.constraints) or 'none'}"
        yield f"  not null     {', '.join(found.not_null) or 'none'}"
        yield f"  compared     {'every row with the source' if found.rows_compared else 'nothing'}"
