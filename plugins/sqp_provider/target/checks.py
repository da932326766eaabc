"""Read the totals of the staged rows, and write the results of the checks."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from psycopg import sql

from sqp_provider.core.contract import KEYS, METRICS, RATES, SHARES, counts_of
from sqp_provider.core.quality import CheckResult, CheckStatus, Earlier, Staged
from sqp_provider.core.run import SyncRun
from sqp_provider.core.settings import CheckSettings
from sqp_provider.hooks.postgres import Database, Names
from sqp_provider.target.changes import Changes
from sqp_provider.target.columns import StoredColumns
from sqp_provider.target.staging import Staging


@dataclass(frozen=True)
class Checks:
    """The checks of one run, inside one transaction."""

    database: Database
    sync: SyncRun

    def staged_totals(self, extras: Collection[str] = ()) -> Staged:
        """Count and sum the rows of the period as it will be; of the extras only these, although the hash covers all.

        Where only changes are staged, what goes is subtracted from what is published, and what arrives is added. The
        hash of the rows that stay was computed when they were compared. It holds as long as nobody has written to the
        period, and whoever publishes makes sure of that.
        """
        changes = Changes(self.database, self.sync)
        row = self._totals(changes.staging.name, extras)
        if changes.kept:
            before = self._totals(changes.published, extras, with_hash=False)
            gone = self._totals(changes.not_kept, extras, with_hash=False)
            row_hash = row["row_hash"] ^ changes.kept.row_hash
            row = {name: before[name] - gone[name] + value for name, value in row.items()} | {"row_hash": row_hash}
        return Staged.from_row(row, key_count=self._keys(changes, row["row_count"]))

    def _totals(self, rows: sql.Composable, extras: Collection[str], *, with_hash: bool = True) -> dict[str, Any]:
        names = {"rows": rows, "is_hashed": sql.Literal(with_hash)}
        return self.database.one("quality", "totals", None, **(self._expressions(extras) | names))

    def _keys(self, changes: Changes, rows: int) -> int:
        """Return how many keys the rows have. A primary key proves that no key is there twice."""
        staging = changes.staging
        text = sql.Literal(staging.label)
        if not self.database.one("quality", "key_is_enforced", staged_text=text)["enforced"]:
            return int(self.database.one("quality", "key_count", staged=staging.name)["key_count"])
        return rows - changes.repeated() if changes.kept else rows

    def row_hash(self) -> sql.Composed:
        """Return the expression of the hash of one row."""
        text = "{row_hash}(asin, row({figures})::text, {query_and_extras})"
        return sql.SQL(text).format(**self._expressions())

    def stored_hash(self) -> dict[str, int]:
        """Return ``row_count`` and ``row_hash`` of the published rows."""
        first_day = sql.Literal(self.sync.period.first_day)
        return self.database.one(
            "quality", "stored_hash", None, target=self._target(), first_day=first_day, **self._expressions()
        )

    def earlier(self, settings: CheckSettings) -> Earlier:
        """Return the row counts and ASINs that were published before this period."""
        self._note_asins()
        row_counts, last = self._recent_row_counts(settings), self._last_period_start()
        if last is None:
            return Earlier(row_counts)
        found = self.database.one("quality", "missing_asins", None, **self._coverage(last))
        return Earlier(row_counts, last, found["asins"], found["asins_missing"], found["examples"])

    def _last_period_start(self) -> date | None:
        period = self.sync.period
        values = {"sync_type": period.sync_type.value, "period_start": period.first_day}
        last: date | None = self.database.one("quality", "last_period_start", values)["last_period_start"]
        return last

    def _coverage(self, last: date | None) -> dict[str, sql.Composable]:
        asins = Staging(self.database, self.sync).asins
        return {"target": self._target(), "asins": asins, "last_period_start": sql.Literal(last)}

    def _note_asins(self) -> None:
        changes = Changes(self.database, self.sync)
        table = changes.staging.asins
        changes.staging.drop(table)
        self.database.run("completeness", "note_staged_asins", None, asins_table=table, asins=changes.asins)

    def _recent_row_counts(self, settings: CheckSettings) -> list[int]:
        period = self.sync.period
        statement = self.database.statement("quality", "recent_row_counts")
        rows = self.database.connection.execute(
            statement,
            {
                "sync_type": period.sync_type.value,
                "period_start": period.first_day,
                "periods": settings.volume_anomaly_periods,
            },
        )
        return [row["row_count"] for row in rows]

    def record(self, results: Sequence[CheckResult]) -> None:
        """Write one row for each check; the results of an earlier try of this attempt are replaced."""
        attempt: dict[str, Any] = {"sync_log_id": self.sync.sync_log_id, "attempt": self.sync.attempt}
        self.database.run("quality", "forget_checks", attempt)
        published = all(result.check_status is not CheckStatus.FAILED for result in results)
        table = self._target() if published else Staging(self.database, self.sync).name
        names = self._names_to_repeat(table)
        rows = [
            attempt
            | {
                "check_type": result.check_type,
                "check_status": result.check_status.value,
                "source_value": result.source_value,
                "target_value": result.target_value,
                "difference": result.difference,
                "difference_pct": result.difference_pct,
                "table_name": table.as_string().replace('"', ""),
                "column_name": result.column_name,
                "check_query": self._query(result, names),
                "check_message": result.check_message,
                "check_metadata": json.dumps(result.check_metadata),
            }
            for result in results
        ]
        with self.database.connection.cursor() as cursor:
            cursor.executemany(self.database.statement("quality", "record_check"), rows)

    def _query(self, result: CheckResult, names: Names) -> str:
        """Return the statement with which a person can repeat a check."""
        column = {"column": sql.Identifier(result.column_name or "")}
        statement = self.database.statement("rerun", result.check_type, {**names, **column})
        return statement.as_string(self.database.connection)

    def _names_to_repeat(self, table: sql.Identifier) -> dict[str, sql.Composable]:
        """Return what the statements of all checks name.

        :param table: the target, or the staged table if a check failed and the rows were not published.
        """
        return {
            "table": table,
            "first_day": sql.Literal(self.sync.period.first_day),
            "target": self._target(),
            "rejects": self.database.table("sync_rejects"),
            "ledger": self.database.table("synced_period"),
            "log": self.database.table("sync_log"),
            "sync_log_id": sql.Literal(self.sync.sync_log_id),
            "attempt": sql.Literal(self.sync.attempt),
            "sync_type": sql.Literal(self.sync.period.sync_type.value),
            **self._expressions(),
        }

    @cached_property
    def columns(self) -> StoredColumns:
        """The columns of the target."""
        return StoredColumns.read(self.database, self.sync.period.sync_type)

    def _expressions(self, extras: Collection[str] = ()) -> dict[str, sql.Composable]:
        summed = [metric.column for metric in METRICS if not metric.source.is_extra or metric.column in extras]
        counted = counts_of(self.sync.period.sync_type)
        expressions = _expressions(self.columns, counted, summed, self.database.table("rate"))
        return expressions | {"row_hash": self.database.table("row_hash")}

    def _target(self) -> sql.Identifier:
        return self.database.table(self.sync.period.sync_type.target_table)


def _expressions(
    columns: StoredColumns, count_columns: Sequence[str], metrics: Sequence[str], rate_function: sql.Composable
) -> dict[str, sql.Composable]:
    counts = [columns.count(column) for column in count_columns]
    rates = [columns.rate(rate.column, rate_function) for rate in RATES]
    written = columns.written(rate.column for rate in RATES)
    return {
        "figures": sql.SQL(", ").join([*counts, *rates]),
        "query_and_extras": columns.query_and_extras,
        "sums": _each("coalesce(sum({0}::bigint), 0) as {0}", metrics),
        "nulls": _each("count(*) filter (where {0} is null) as {1}", [*KEYS, *metrics]),
        "rates_too_large": _either(
            sql.SQL("{} is null and {} > 0").format(sql.Identifier(rate.column), sql.Identifier(rate.denominator))
            for rate in RATES
            if rate.column in written
        ),
        # The counts are compared first: they are integers, and a share that is not theirs fails the hash.
        "shares_out_of_range": _either(
            sql.SQL("{} not between 0 and {} and {} not between 0 and 1").format(
                sql.Identifier(rate.numerator), sql.Identifier(rate.denominator), sql.Identifier(rate.column)
            )
            for rate in RATES
            if rate.column in SHARES and rate.column in written
        ),
    }


def _either(conditions: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(" or ").join([sql.SQL("false"), *conditions])


def _each(template: str, columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL(template).format(sql.Identifier(column), sql.Identifier(f"{column}_nulls")) for column in columns
    )
