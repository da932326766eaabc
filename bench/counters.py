"""What a step cost the database: WAL, growth, and tuples written by kind of table."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from bench.statements import statement

ROLLUPS = ("monthly_summary", "quarterly_summary")


@dataclass(frozen=True)
class Counters:
    """The counters at one moment."""

    wal_bytes: int
    relation_bytes: int
    tuples: dict[int, tuple[str, int]]

    @classmethod
    def read(cls, dsn: str) -> Counters:
        """Read the counters after every client has disconnected, because a client then reports its statistics."""
        with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:

            def rows(name: str) -> list[dict[str, Any]]:
                return connection.execute(statement("database", name)).fetchall()

            while rows("others_at_work")[0]["clients"]:
                time.sleep(0.01)
            rows("forget_statistics_read")
            return cls(
                wal_bytes=int(rows("wal_position")[0]["bytes"]),
                relation_bytes=int(rows("relation_bytes")[0]["bytes"]),
                tuples={
                    row["relid"]: (kind_of(row["schemaname"], row["relname"]), row["written"]) for row in rows("tuples")
                },
            )

    def since(self, before: Counters) -> dict[str, Any]:
        """Return WAL and growth in bytes and the tuples inserted, updated and deleted in each kind of table."""
        written: dict[str, int] = {}
        for relation, (kind, count) in self.tuples.items():
            fresh = count - before.tuples.get(relation, ("", 0))[1]
            if fresh:
                written[kind] = written.get(kind, 0) + fresh
        return {
            "wal_bytes": self.wal_bytes - before.wal_bytes,
            "growth_bytes": self.relation_bytes - before.relation_bytes,
            "written": written,
        }


def kind_of(schema: str, table: str) -> str:
    """Return the kind of a table: ``target``, ``rollups``, ``staged``, ``bookkeeping`` or ``other``.

    >>> kind_of("sqp", "weekly_summary_20261108")
    'target'
    """
    if schema == "sqp_staging":
        return "staged"
    if schema != "sqp":
        return "other"
    if table.startswith("weekly_summary"):
        return "target"
    return "rollups" if table.startswith(ROLLUPS) else "bookkeeping"
