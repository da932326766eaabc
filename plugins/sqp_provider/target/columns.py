"""The columns of a summary table as they are there: an adopted table keeps its own types."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from psycopg import sql

from sqp_provider.core.contract import EXTRAS, PRICE_PLACES, PRICES, RATES, TEXTS, copied_of
from sqp_provider.core.period import SyncType
from sqp_provider.hooks.postgres import Database

_RATES = {rate.column: rate for rate in RATES}
_DECLARED = re.compile(r"numeric\((\d+),(\d+)\)")


@dataclass(frozen=True)
class StoredColumn:
    """One column.

    :param type: as it is declared, or as the domain it has was declared: ``numeric(5,4)``.
    :param collation: of a text, with its schema and quoted; None for the database's own.
    :param is_generated: Postgres computes it, so that nothing can be written.
    :param default: the expression of its default, or None.
    """

    name: str
    type: str
    collation: str | None
    is_generated: bool
    default: str | None


class StoredColumns:
    """The columns of the summary table of one sync type."""

    def __init__(self, columns: Iterable[StoredColumn]) -> None:
        self.by_name = {column.name: column for column in columns}

    @classmethod
    def read(cls, database: Database, sync_type: SyncType) -> StoredColumns:
        """Read them from the catalogue."""
        name = f"{database.settings.schema_name}.{sync_type.target_table}"
        statement = database.statement("staging", "target_columns", {"target_text": sql.Literal(name)})
        return cls(StoredColumn(**row) for row in database.connection.execute(statement))

    @property
    def all(self) -> tuple[str, ...]:
        """Return every column that can be written, those of others too."""
        return self.written(self.by_name)

    def written(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Return those of the columns that can be written."""
        return tuple(column for column in columns if not self.by_name[column].is_generated)

    def copied(self, sync_type: SyncType, extras: Collection[str]) -> tuple[str, ...]:
        """Return the columns that are copied, of the extras only these."""
        return self.written(copied_of(sync_type, extras))

    def types(self, columns: Iterable[str]) -> dict[str, str]:
        """Return the types of columns: ``{"total_clicks": "integer", "avg_ctr": "numeric(10,6)"}``."""
        return {column: self.by_name[column].type for column in columns}

    def count(self, column: str) -> sql.Composed:
        """Return a whole number as both sides write it: one that is kept as a decimal has no decimal point."""
        return sql.SQL("{}::bigint").format(sql.Identifier(column))

    def as_written(self, column: str) -> sql.Composable:
        """Return an extra as both sides write it: a price with its four places, a text as it is, else a count."""
        if column in {price.column for price in PRICES}:
            return sql.SQL(f"{{}}::numeric(18, {PRICE_PLACES})").format(sql.Identifier(column))
        return sql.Identifier(column) if column in {text.column for text in TEXTS} else self.count(column)

    @property
    def query_and_extras(self) -> sql.Composed:
        """Return the end of a row's text as both sides write it; a row without extras has none, not even empty ones."""
        names = sql.SQL(", ").join(map(sql.Identifier, EXTRAS))
        written = sql.SQL(", ").join(map(self.as_written, EXTRAS))
        whole = "case when num_nonnulls({}) > 0 then query || e'\\n' || row({})::text else query end"
        return sql.SQL(whole).format(names, written)

    def rate(self, column: str, function: sql.Composable) -> sql.Composed:
        """Return a rate with six places, as the source has it.

        Where the column keeps fewer, or a float, this is the rate of the row's counts, if what is kept is this rate as
        the column's type has it; else what is kept, so that the comparison with the source fails.

        :param function: the quoted name of the SQL function ``rate``.
        """
        found, rate = self.by_name[column], _RATES[column]
        whole = sql.SQL("{}({}, {})::numeric(10, 6)").format(
            function, self.count(rate.numerator), self.count(rate.denominator)
        )
        if found.is_generated:
            return whole
        six_places = sql.SQL("{}::numeric(10, 6)").format(sql.Identifier(column))
        if found.type in ("numeric", "numeric(10,6)"):
            return six_places
        fits = sql.SQL("{} < {}").format(whole, sql.Literal(too_large_a_rate(found.type)))
        kept = sql.SQL("case when {} then {}::{} end").format(fits, whole, sql.SQL(found.type))
        return sql.SQL("case when {column} is not distinct from {kept} then {whole} else {six_places} end").format(
            column=sql.Identifier(column), kept=kept, whole=whole, six_places=six_places
        )


def too_large_a_rate(type_: str) -> Decimal:
    """Return the smallest rate that a column cannot hold, because it would be rounded to one digit more.

    ``too_large_a_rate("numeric(5,4)")`` is 9.99995.
    """
    declared = _DECLARED.fullmatch(type_)
    if declared is None:
        return Decimal("Infinity")
    precision, scale = map(int, declared.groups())
    return Decimal(10) ** (precision - scale) - Decimal(5).scaleb(-scale - 1)
