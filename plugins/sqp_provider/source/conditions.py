"""What the scan of a table asks of its rows."""

from __future__ import annotations

from dataclasses import dataclass

from sqp_provider.core.landing import Condition
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.source.paths import Leaf


@dataclass(frozen=True)
class Compared:
    """A condition as the statement has it.

    :param names: the names of the parameters that have the values.
    """

    leaf: Leaf
    condition: Condition
    names: tuple[str, ...]

    @property
    def is_column(self) -> bool:
        """Whether it is on a column of the table itself: those a table can be clustered by."""
        of_table = f"landed_row.`{self.leaf.path}`"
        return self.leaf.sql.lower() == of_table.lower() and self.leaf.type != "FLOAT"

    @property
    def is_plain(self) -> bool:
        """Whether the column's value is compared as it is. BigQuery skips blocks for no other comparison."""
        return self.is_column and not (self.condition.fold or self.leaf.pattern)

    def skips_blocks(self, table: TableFacts) -> bool:
        """Whether the table is clustered by this column, so that BigQuery may skip blocks of other feeds' rows."""
        return self.is_plain and self.leaf.path.lower() in (name.lower() for name in table.clustered_by)


@dataclass(frozen=True)
class Pruned:
    """What the statement says of a table's partitioning column alone.

    :param shift: how many days after the window it may be; None: it does not follow from the period.
    :param margin: how many days more on both sides.
    """

    leaf: Leaf
    shift: int | None = None
    margin: int = 0
