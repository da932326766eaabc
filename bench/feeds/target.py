"""What the feeds have published, compared with what they must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from bench.feeds.source import UNITS, Digest, Key
from bench.statements import statement


@dataclass(frozen=True)
class Compared:
    """The outcome for all feeds."""

    periods: dict[str, int]
    """How many periods of each type were expected."""
    differences: list[str] = field(default_factory=list)
    """Periods that differ although the feed calls them right."""
    unsure: list[str] = field(default_factory=list)
    """Periods that the feed itself does not call right: the daily check sums them again."""
    errors: list[str] = field(default_factory=list)


def compared(dsn: str, expected: Mapping[Key, Digest], names: Sequence[str]) -> Compared:
    """Compare every period of every feed."""
    published: dict[Key, Digest] = {}
    unsure: dict[Key, str] = {}
    errors: list[str] = []
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        for name in names:
            published |= _published(connection, name)
            unsure |= _unsure(connection, name)
            errors += [f"{name}: {row['error']}" for row in _rows(connection, "sync_errors", name)]
    differing = [key for key in sorted({*expected, *published}) if expected.get(key) != published.get(key)]
    return Compared(
        periods={kind: sum(key.sync_type == kind for key in expected) for kind in ("weekly", *UNITS)},
        differences=[_said(key, expected, published) for key in differing if key not in unsure],
        unsure=[f"{' '.join(key)}: {status}" for key, status in sorted(unsure.items())],
        errors=errors,
    )


def _said(key: Key, expected: Mapping[Key, Digest], published: Mapping[Key, Digest]) -> str:
    return f"{' '.join(key)}: expected {expected.get(key)}, published {published.get(key)}"


def _published(connection: psycopg.Connection[Any], name: str) -> dict[Key, Digest]:
    found = {
        Key(name, "weekly", row["period_start"]): Digest.of(row) for row in _rows(connection, "published_weeks", name)
    }
    for sync_type in UNITS:
        for row in _rows(connection, "published_sums", name, table=sql.Identifier(f"{sync_type}_summary")):
            found[Key(name, sync_type, row["period_start"])] = Digest.of(row)
    return found


def _unsure(connection: psycopg.Connection[Any], name: str) -> dict[Key, str]:
    rows = _rows(connection, "unsure", name)
    return {Key(name, row["sync_type"], row["period_start"]): row["status"] for row in rows}


def _rows(connection: psycopg.Connection[Any], block: str, feed: str, **names: sql.Composable) -> list[Any]:
    names |= {"schema": sql.Identifier(f"sqp_{feed}"), "feed": sql.Literal(feed)}
    return connection.execute(statement("feeds", block, **names)).fetchall()
