"""Somebody else in the target of a history: who writes to a table or a partition, and who reads for long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
import pytest

from sqp_provider.core.errors import TargetBusy
from sqp_provider.core.period import Period, SyncType
from sqp_provider.hooks.postgres import Database, SqpPostgresHook
from sqp_provider.target import waiting
from sqp_provider.target.columns import too_large_a_rate
from tests.stages import Stages

Row = dict[str, Any]

WRITES = ("insert", "update", "update all", "delete", "delete all")
WRITTEN_BY_SYNCS = {"id", "bigquery_sync_id", "sync_log_id", "last_synced_at", "created_at", "updated_at"}
READS = {
    "the tables": [f"select * from {sync_type.target_table}" for sync_type in SyncType],
    "the log": ["select * from sync_log"],
    "another table": ["select * from period_type"],
}
FROM_BEFORE = """
    insert into sqp.weekly_summary
        (period_start, period_end, query, asin, total_impressions, total_clicks, total_purchases, avg_ctr, click_share)
    values
        ('2026-09-20', '2026-09-26', 'alpha', 'B00TEST001', 100, 10, 1, 0.1, 12345678.1234),
        ('2026-09-20', '2026-09-26', 'of before', 'B00BEFORE1', 7, 3, 0, 0.4286, 0),
        ('2026-10-04', '2026-10-10', 'alpha', 'B00TEST001', 1000, 1, 1, 0.001, 0),
        ('2026-10-04', '2026-10-10', 'of before', 'B00BEFORE1', 7, 3, 0, 0.4286, 0);
    insert into sqp.quarterly_summary (period_start, period_end, year, quarter, query, asin, total_clicks)
    values
        ('2026-07-01', '2026-09-30', 2026, 3, 'alpha', 'B00TEST001', 4711),
        ('2026-10-01', '2026-12-31', 2026, 4, 'of before', 'B00BEFORE1', 4711);
"""
"""What the other program has left in an adopted database; the specification's trigger adds the months."""


@dataclass(frozen=True)
class Write:
    """A statement of somebody else.

    :param statement: with ``{table}`` for the table or the partition.
    :param rows: the rows of the period afterwards.
    """

    statement: str
    values: tuple[Any, ...]
    rows: list[Row]


def write(what: str, period: Period, rows: list[Row], choose: Callable[[Sequence[Row]], Row], blank: Row) -> Write:
    """Return how somebody writes to a period that has these rows.

    :param choose: picks the row that is changed or deleted.
    :param blank: a row of the table's defaults.
    """
    whole = "period_start = %s"
    if what == "insert":
        new = period.columns | {"query": "of theirs", "asin": "B00THEIRS1", "total_clicks": 7}
        if not any(row["asin"] == new["asin"] for row in rows):
            names, places = ", ".join(new), ", ".join(["%s"] * len(new))
            return Write(
                f"insert into {{table}} ({names}) values ({places})",
                tuple(new.values()),
                sorted([*rows, blank | new], key=lambda row: (row["query"].encode(), row["asin"])),
            )
        what = "update"
    if what.endswith("all") or not rows:
        touched, condition, values = rows, whole, (period.first_day,)
    else:
        row = choose(rows)
        touched, condition = [row], f"{whole} and query = %s and asin = %s"
        values = (period.first_day, row["query"], row["asin"])
    if what.startswith("delete"):
        return Write(f"delete from {{table}} where {condition}", values, [row for row in rows if row not in touched])
    changed = [row | {"total_cart_adds": 4711} if row in touched else row for row in rows]
    return Write(f"update {{table}} set total_cart_adds = 4711 where {condition}", values, changed)


@dataclass(frozen=True)
class Columns:
    """The columns of the summary tables."""

    types: Mapping[SyncType, Mapping[str, str]]

    @classmethod
    def read(cls, stages: Stages) -> Columns:
        """Read them from the catalogue."""
        found = (
            "select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and not attisdropped"
        )
        return cls(
            {
                sync_type: {
                    row["name"]: row["type"]
                    for row in stages.query(found, sync_type.target_table)
                    if row["name"] not in WRITTEN_BY_SYNCS
                }
                for sync_type in SyncType
            }
        )

    def blank(self, sync_type: SyncType) -> Row:
        """Return a row of defaults: a count of one's own is 0, all else is unknown."""
        counts = ("total_impressions", "total_clicks", "total_cart_adds", "total_purchases")
        return dict.fromkeys(self.types[sync_type]) | dict.fromkeys(counts, 0)

    def stored(self, sync_type: SyncType, rows: Iterable[Row]) -> list[Row]:
        """Return rows with their rates as the table can hold them: an adopted one has four places, say."""
        types = self.types[sync_type]
        return [{name: _stored(types[name], value) for name, value in row.items()} for row in rows]


def _stored(type_: str, value: Any) -> Any:
    if not isinstance(value, Decimal) or not type_.startswith("numeric("):
        return value
    places = int(type_.rstrip(")").split(",")[1])
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) if value < too_large_a_rate(type_) else None


@dataclass
class Somebody:
    """Somebody whose transaction is open while something is synced, and sees or has written something.

    :param dsn: with the schema as its search path.
    :param stays: after so many refusals of what the sync asks for the transaction ends.
    """

    dsn: str
    statements: Sequence[str]
    level: psycopg.IsolationLevel
    stays: int
    refusals: int = 0
    seen: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = psycopg.connect(self.dsn)
        self.connection.isolation_level = self.level
        for statement in self.statements:
            self.connection.execute(statement.encode())

    @classmethod
    def reads(cls, dsn: str, what: str, stays: int) -> Somebody:
        """Return somebody who sees one state of the database from now on."""
        return cls(dsn, READS[what], psycopg.IsolationLevel.REPEATABLE_READ, stays)

    @classmethod
    def writes(cls, dsn: str, statement: str) -> Somebody:
        """Return somebody who has written and not committed."""
        return cls(dsn, [statement], psycopg.IsolationLevel.READ_COMMITTED, stays=1)

    @contextmanager
    def in_the_way(self) -> Iterator[None]:
        """Be there while something is synced. Patience is shorter than usual, so that no history takes hours."""
        transaction = SqpPostgresHook.transaction

        @contextmanager
        def noticed(hook: SqpPostgresHook, *, read_only: bool = False) -> Iterator[Database]:
            try:
                with transaction(hook, read_only=read_only) as database:
                    yield database
            except TargetBusy:
                self.is_refused()
                raise

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SqpPostgresHook, "transaction", noticed)
            patch.setattr(waiting, "REFUSALS", 2)
            try:
                yield
            finally:
                self.leave()

    def is_refused(self) -> None:
        """Note that the sync did not get what it asked for."""
        self.refusals += 1
        if self.refusals == self.stays:
            self.leave()

    def leave(self) -> None:
        """Read all three tables in the same transaction, and end it."""
        if not self.connection.closed:
            self.seen = contents(self.connection)
            self.connection.commit()
            self.connection.close()


def contents(connection: psycopg.Connection[Any]) -> list[Any]:
    """Return all rows of the three tables."""
    return [
        connection.execute(
            f"select * from {sync_type.target_table} order by period_start, query, asin".encode()
        ).fetchall()
        for sync_type in SyncType
    ]
