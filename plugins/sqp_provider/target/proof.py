"""What Postgres has of a period that is to be proved. Nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from psycopg import sql

from sqp_provider.core.contract import EXTRAS, FIGURES, RATES, counts_of
from sqp_provider.core.period import Period
from sqp_provider.core.proof import Asked, Bucket, Side
from sqp_provider.core.run import SyncRun
from sqp_provider.core.standing import Known
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.checks import Checks
from sqp_provider.target.columns import StoredColumns
from sqp_provider.target.sums import Sums

MOST_ASKED = 20
"""So many rows of a query or an ASIN are shown."""

MOST_CHANGES = 20
PERIODS_ELSEWHERE = 8
"""In so many periods a figure is looked for that is not in the period asked for."""

_OWN = [figure.column for figure in FIGURES if figure.over_weeks == "sum"]

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class StoredPeriod:
    """One period, inside one transaction that reads."""

    database: Database
    period: Period

    @cached_property
    def _run(self) -> SyncRun:
        now = datetime.now(UTC)
        run = SyncRun(
            sync_log_id=0, attempt=0, period=self.period, started_at=now, dag_id="", run_id="", partition_name=""
        )
        return run.of(self.period)

    @cached_property
    def _columns(self) -> StoredColumns:
        return StoredColumns.read(self.database, self.period.sync_type)

    @property
    def _target(self) -> sql.Identifier:
        return self.database.table(self.period.sync_type.target_table)

    @property
    def _first_day(self) -> sql.Literal:
        return sql.Literal(self.period.first_day)

    @property
    def _values(self) -> dict[str, Any]:
        return {"sync_type": self.period.sync_type.value, "period_start": self.period.first_day}

    @property
    def stored(self) -> sql.Composable:
        """Its rows: a query in brackets."""
        return self.database.statement("proof", "stored", {"target": self._target, "first_day": self._first_day})

    @property
    def sum_of_weeks(self) -> sql.Composable:
        """The rows that its weeks add up to: a query in brackets."""
        self.database.run("sums", "prefer_hash_joins")
        return Sums(self.database, self._run, {}, of_weeks=True).query()

    def known(self) -> Known:
        """Return what is known of it; empty where a row is missing."""
        status = self.database.row("proof", "status", self._values) or {}
        ledger = self.database.row("proof", "ledger", self._values) or {}
        running = self.database.row("proof", "running", self._values)
        return Known(status, ledger, running["run"] if running else None)

    def has_rows(self) -> bool:
        """Return whether Postgres has a row of it."""
        names = {"target": self._target, "first_day": self._first_day}
        return bool(self.database.one("proof", "has_rows", None, **names)["found"])

    def weeks(self) -> dict[date, str]:
        """Return the status of each week of a month or quarter that is not missing."""
        days = {"first_day": self.period.first_day, "last_day": self.period.last_day}
        return {row["period_start"]: row["status"] for row in self._all("weeks", days)}

    def buckets(self, rows: sql.Composable, name: str) -> tuple[Side, dict[int, Bucket]]:
        """Return all rows of a relation and its buckets, by one scan.

        :param name: what the report calls the rows.
        """
        sums = sql.SQL(", ").join(sql.SQL("sum({0}::bigint) as {0}").format(sql.Identifier(each)) for each in _OWN)
        found = self._all("buckets", None, rows=rows, sums=sums)
        buckets = {row["bucket"]: Bucket(row["row_count"], row["row_hash"]) for row in found}
        totals = {column: int(sum(row[column] or 0 for row in found)) for column in _OWN}
        return Side.of(name, buckets, totals), buckets

    def bucket_rows(self, rows: sql.Composable, buckets: Sequence[int]) -> Rows:
        """Return the rows of some buckets, with figures as the source has them."""
        if not buckets:
            return []
        return self._all("bucket_rows", {"buckets": list(buckets)}, rows=rows, figures=self._figures)

    def count(self, asked: Asked) -> int:
        """Return how many rows are asked for."""
        names = {"target": self._target, "first_day": self._first_day, "asked": _asked(asked)}
        return int(self.database.one("proof", "count_rows", None, **names)["row_count"])

    def rows(self, asked: Asked) -> Rows:
        """Return the rows that are asked for, the largest first, and no more than :data:`MOST_ASKED`."""
        names = {"target": self._target, "first_day": self._first_day, "asked": _asked(asked)}
        return self._all("rows", None, **names, most=sql.Literal(MOST_ASKED))

    def elsewhere(self, asked: Asked) -> list[date]:
        """Return those of the newest other periods that have what is asked for."""
        names = {name: sql.Literal(value) for name, value in self._values.items()}
        names |= {"periods": sql.Literal(PERIODS_ELSEWHERE)}
        rows = self._all("elsewhere", None, **names, target=self._target, asked=_asked(asked))
        return [row["period_start"] for row in rows]

    def sync(self, sync_log_id: int) -> dict[str, Any] | None:
        """Return a row of the log with its snapshot, or None if it is gone."""
        return self.database.row("proof", "sync", {"sync_log_id": sync_log_id})

    def checks(self, sync_log_id: int, attempt: int) -> Rows:
        """Return the checks of an attempt."""
        return self._all("checks", {"sync_log_id": sync_log_id, "attempt": attempt})

    def history(self, query: str, asin: str) -> Rows:
        """Return the changes of a row that are kept, newest first."""
        key = {"query": query, "asin": asin, "most": MOST_CHANGES}
        return self._all("history", self._values | key)

    def not_kept(self) -> int:
        """Return how many publishes changed more rows than are kept."""
        return int(self.database.one("proof", "not_kept", self._values)["publishes"])

    @property
    def _figures(self) -> sql.Composed:
        """The figures that the hash of a row covers, each as the source writes it."""
        columns, rate = self._columns, self.database.table("rate")
        written: dict[str, sql.Composable] = {name: columns.count(name) for name in counts_of(self.period.sync_type)}
        written |= {each.column: columns.rate(each.column, rate) for each in RATES}
        written |= {name: columns.as_written(name) for name in EXTRAS}
        return sql.SQL(", ").join(
            sql.SQL("{} as {}").format(value, sql.Identifier(name)) for name, value in written.items()
        )

    def _all(self, name: str, values: Mapping[str, Any] | None, **names: sql.Composable) -> Rows:
        if "rows" in names:
            names |= {
                "row_hash": Checks(self.database, self._run).row_hash(),
                "bucket": self.database.statement("proof", "bucket"),
            }
        return self.database.connection.execute(self.database.statement("proof", name, names), values).fetchall()


def _asked(asked: Asked) -> sql.Composed:
    """Return the condition of the rows that are asked for."""
    wanted = [("query", asked.query), ("asin", asked.asin)]
    conditions = [
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in wanted
        if value is not None
    ]
    return sql.SQL(" and ").join([sql.SQL("true"), *conditions])
