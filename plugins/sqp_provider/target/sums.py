"""The rows of a month or quarter that is summed from weeks, as a query over its weeks or months."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from psycopg import sql

from sqp_provider.core.contract import ACTIVE_WEEKS, FIGURES, RATES
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncRun
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.columns import too_large_a_rate
from sqp_provider.target.target import Target

_LARGEST_RATE = too_large_a_rate("numeric(10,6)")
"""What the function rate() returns is less."""


@dataclass(frozen=True)
class Addend:
    """Rows that are added up: one week, or one month of a quarter.

    :param rows: the table, or a query in brackets.
    :param is_checked: whether its rates are known to be right.
    """

    rows: sql.Composable
    first_day: date
    is_month: bool = False
    is_checked: bool = False


@dataclass
class Sums:
    """The sums of one month or quarter, inside one transaction.

    :param staged: rows that are not published yet, and replace those that are: the week that is being published, and
        the months that are summed from it.
    :param of_weeks: add up the weeks of a quarter even where its months are their sums already.
    """

    database: Database
    run: SyncRun
    staged: Mapping[Period, sql.Composable]
    of_weeks: bool = False

    @cached_property
    def addends(self) -> list[Addend]:
        """What is added up."""
        nothing = Addend(self.database.table(SyncType.WEEKLY.target_table), self.run.period.first_day)
        return list(self._addends()) or [nothing]

    @property
    def is_copy(self) -> bool:
        """Whether the rows are those of one week or month, which have been computed already."""
        return len(self.addends) == 1 and self.addends[0].is_checked

    def query(self) -> sql.Composed:
        """Return the query in brackets, with the columns that a new row has."""
        addends, once = self.addends, self.is_copy
        target = Target(self.database, self.run, derived=True)
        columns = sql.SQL(", ").join(self._column(target, column, copied=once) for column in target.inserted)
        sums = [*self._sums(len(addends)), *(self._copied(addends) if once else ())]
        kind = "addend" if target.staging.target_is_partitioned() else "addend_once"
        joined = [self._addend(kind, number, addend, with_rates=once) for number, addend in enumerate(addends)]
        first, *others = joined
        tables = sql.SQL("").join(
            [first, *(sql.SQL("\n    full join {} using (query, asin)").format(t) for t in others)]
        )
        whole = self.database.statement(
            "sums", "sum_addends", {"columns": columns, "sums": sql.SQL(", ").join(sums), "addends": tables}
        )
        return sql.SQL("({})").format(whole)

    def _addends(self) -> Iterator[Addend]:
        """A quarter is the sum of its months where these are sums themselves, unknown figures included."""
        period, weeks = self.run.period, SyncType.WEEKLY
        months: dict[Period, sql.Composable] = {}
        if period.sync_type is SyncType.QUARTERLY and not self.of_weeks:
            stored = self.database.table(SyncType.MONTHLY.target_table)
            for row in self._rows("summed_months", period):
                months[Period.starting(SyncType.MONTHLY, row["period_start"])] = stored
        # A month that does not have a staged week yet is of no use.
        months = {
            m: rows
            for m, rows in months.items()
            if not any(m.first_day <= w.first_day <= m.last_day for w in self.staged)
        }
        months |= {p: rows for p, rows in self.staged.items() if p.sync_type is SyncType.MONTHLY}
        for month, rows in sorted(months.items()):
            yield Addend(rows, month.first_day, is_month=True, is_checked=month in self.staged)
        table = self.database.table(weeks.target_table)
        staged = {p.first_day: rows for p, rows in self.staged.items() if p.sync_type is weeks}
        stored_weeks = {row["period_start"] for row in self._rows("weeks_between", period, weeks=table)}
        for week in sorted(stored_weeks | set(staged)):
            if not any(month.first_day <= week <= month.last_day for month in months):
                yield Addend(staged.get(week, table), week, is_checked=week in staged)

    def _rows(self, name: str, period: Period, **names: sql.Composable) -> list[dict[str, date]]:
        days = {"first_day": sql.Literal(period.first_day), "last_day": sql.Literal(period.last_day)}
        return self.database.connection.execute(self.database.statement("sums", name, days | names)).fetchall()

    def _addend(self, kind: str, number: int, addend: Addend, *, with_rates: bool) -> sql.Composed:
        numbers = [figure.column for figure in FIGURES]
        columns: list[sql.Composable] = [
            sql.SQL("{0}::bigint as {0}").format(sql.Identifier(column)) for column in numbers
        ]
        columns += [sql.Identifier(rate.column) for rate in RATES] if with_rates else []
        names = {
            "active_weeks": sql.Identifier(ACTIVE_WEEKS) if addend.is_month else sql.SQL("1"),
            "columns": sql.SQL(", ").join(columns),
            "table": addend.rows,
            "first_day": sql.Literal(addend.first_day),
        }
        statement = self.database.statement("sums", kind, names)
        return sql.SQL("({}) as {}").format(statement, _alias(number))

    @staticmethod
    def _sums(count: int) -> Iterator[sql.Composed]:
        def of(column: str) -> list[sql.Composed]:
            return [sql.SQL("{}.{}").format(_alias(number), sql.Identifier(column)) for number in range(count)]

        def added(column: str) -> sql.Composed:
            return sql.SQL(" + ").join(sql.SQL("coalesce({}, 0)").format(part) for part in of(column))

        def known(column: str) -> sql.Composed:
            unknown = (
                sql.SQL("({} is not null and {} is null)").format(week, part)
                for week, part in zip(of(ACTIVE_WEEKS), of(column), strict=True)
            )
            return sql.SQL("case when not ({}) then {} end").format(sql.SQL(" or ").join(unknown), added(column))

        def chosen(function: str) -> Callable[[str], sql.Composed]:
            return lambda column: sql.SQL(function + "({})").format(sql.SQL(", ").join(of(column)))

        rules = {"sum": added, "known_sum": known, "min": chosen("least"), "max": chosen("greatest")}
        for figure in FIGURES:
            yield sql.SQL("{} as {}").format(rules[figure.over_weeks](figure.column), sql.Identifier(figure.column))
        yield sql.SQL("{} as {}").format(added(ACTIVE_WEEKS), sql.Identifier(ACTIVE_WEEKS))

    @staticmethod
    def _copied(addends: list[Addend]) -> Iterator[sql.Composed]:
        """The rates of a single week or month: there is nothing to divide again."""
        yield from (sql.SQL("{}.{}").format(_alias(0), sql.Identifier(rate.column)) for rate in RATES)

    def _column(self, target: Target, column: str, *, copied: bool) -> sql.Composed:
        name, stored = sql.Identifier(column), target.staging.columns.by_name[column]
        type_ = stored.type
        rate = next((rate for rate in RATES if rate.column == column), None)
        if column in target.constants:
            value: sql.Composable = sql.Literal(target.constants[column])
        elif rate and not copied:
            function, counts = self.database.table("rate"), map(sql.Identifier, (rate.numerator, rate.denominator))
            value = sql.SQL("{}({})").format(function, sql.SQL(", ").join(counts))
        else:
            value = name
        if rate and too_large_a_rate(type_) < _LARGEST_RATE:
            value = sql.SQL("case when {0} < {1} then {0} end").format(value, sql.Literal(too_large_a_rate(type_)))
        collated = f"{type_} collate {stored.collation}" if stored.collation else type_
        return sql.SQL("{}::{} as {}").format(value, sql.SQL(collated), name)


def _alias(number: int) -> sql.Identifier:
    return sql.Identifier(f"part_{number + 1}")
