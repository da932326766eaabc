"""What BigQuery says of a source table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class TableFacts:
    """A table or view, before any row is read.

    :param name: ``project.dataset.table``.
    :param kind: ``TABLE``, ``VIEW``, ``MATERIALIZED_VIEW`` or ``EXTERNAL``.
    :param columns: type and mode by path: ``{"start_date": "DATE NULLABLE", "clickData.asinClickCount": …}``. Fields of
        a list's entries are among them.
    :param partitioned_by: the column, ``_PARTITIONTIME`` by time of ingestion; None if it is not partitioned.
    :param partition_unit: ``DAY``, ``HOUR``, ``MONTH`` or ``YEAR``; None by number or not at all.
    :param requires_filter: a query without a condition on that column is refused.
    """

    name: str
    kind: str = "TABLE"
    columns: Mapping[str, str] = field(default_factory=dict)
    partitioned_by: str | None = None
    partition_unit: str | None = None
    requires_filter: bool = False
    clustered_by: tuple[str, ...] = ()
    location: str | None = None
    row_count: int | None = None
    byte_count: int | None = None

    @cached_property
    def _by_name(self) -> dict[str, tuple[str, str]]:
        """BigQuery's names ignore case."""
        found = {path.lower(): (path, kind) for path, kind in self.columns.items()}
        if self.kind == "EXTERNAL":
            found["_file_name"] = ("_FILE_NAME", "STRING NULLABLE")
        return found

    def column(self, path: str) -> tuple[str, str, str] | None:
        """Return path, type and mode of a column as BigQuery spells them, or None.

        ``("start_date", "DATE", "NULLABLE")`` for ``Start_Date``.
        """
        found = self._by_name.get(path.lower())
        return (found[0], *found[1].split(" ", 1)) if found else None  # type: ignore[return-value]
