"""The settings together with what the tables are: which values of a landed row the statements read, and how."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sqp_provider.core.contract import (
    FIGURES,
    INGESTED_AT,
    MARKETPLACE,
    PERIOD_END,
    PERIOD_START,
    PRICED,
    PRICES,
    SOURCE_COLUMNS,
    TEXTS,
    Price,
    Text,
)
from sqp_provider.core.landing import Place, tells_feeds_apart
from sqp_provider.core.source_settings import SourceSettings
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.hooks.bigquery import Value
from sqp_provider.source.conditions import Compared, Pruned
from sqp_provider.source.paths import NUMBER, Leaf, Paths, Unreadable

_DATES = (PERIOD_START.key, PERIOD_END.key)
_SHOWN = ("STRING", "INTEGER", "FLOAT", "NUMERIC", "BIGNUMERIC")


@dataclass(frozen=True)
class Landing:
    """What the tables hold, as the settings say; the first table stands for all."""

    settings: SourceSettings
    tables: Sequence[TableFacts]

    @property
    def facts(self) -> TableFacts:
        """What BigQuery says of the first table."""
        return self.tables[0]

    @cached_property
    def paths(self) -> Paths:
        """Where the settings' paths lead in the first table."""
        return Paths(self.facts, self.settings.unnest)

    @property
    def entries(self) -> str:
        """Return the list of which each entry is a row, as the statement reads it; nothing if rows are rows."""
        return self.paths.entries

    @cached_property
    def leaves(self) -> dict[str, list[Leaf]]:
        """Return by key the values of which the first known one counts; a key that is not mapped has none."""
        mapped = self.settings.mapped()
        return {
            column.key: [
                self.paths.leaf(place) if place.column else Leaf("", f"@fixed_{column.key}", "STRING")
                for place in mapped.get(column.key, ())
            ]
            for column in SOURCE_COLUMNS
        }

    @cached_property
    def compared(self) -> list[Compared]:
        """Return the conditions that a row must fulfil."""
        return [
            Compared(
                self.paths.leaf(place),
                condition,
                tuple(f"where_{number}_{entry}" for entry, _ in enumerate(condition.compared)),
            )
            for number, (place, condition) in enumerate(self.settings.conditions())
        ]

    @cached_property
    def undecided(self) -> list[Leaf]:
        """Return the columns that look as if they told feeds apart, and of which the settings say nothing."""
        paths = dict.fromkeys(path for table in self.tables for path in table.columns if tells_feeds_apart(path))
        return [
            leaf for path in paths if path.lower() not in self.decided and (leaf := self._told_apart(path)) is not None
        ]

    @cached_property
    def decided(self) -> set[str]:
        """The columns of which the settings say what their values mean, in lower case.

        A condition that lists several values says which rows to read, and not that their keys are the same.
        """
        read = [place for places in self.settings.mapped().values() for place in places]
        read += [place for place, condition in self.settings.conditions() if len(set(condition.compared)) < 2]
        paths = [NUMBER.sub("", str(place.column)) for place in read] + list(self.settings.same_feed)
        decided = {path.lower() for path in paths}
        decided |= {path[: dot.start()] for path in decided for dot in re.finditer(r"\.", path)}  # JSON around it
        if self.settings.columns.get(MARKETPLACE.key, ()) is None:  # all rows are of one
            decided |= {path.lower() for table in self.tables for path in table.columns if "market" in path.lower()}
        return decided

    def _told_apart(self, path: str) -> Leaf | None:
        try:
            sql, kind, mode, _ = self.paths.walk(path)
        except Unreadable:
            return None  # inside a list whose entries are not rows
        if kind == "JSON" or (mode == "REPEATED" and kind in _SHOWN):
            return Leaf(path, f"to_json_string({sql})", "STRING")
        return Leaf(path, sql, kind) if kind in _SHOWN else None

    @property
    def parameters(self) -> dict[str, Value]:
        """Return the values that the settings give: those of conditions, patterns and fixed columns."""
        found: dict[str, Value] = {}
        for key, places in self.settings.mapped().items():
            for place in places:
                if place.value and not (key == "report_period" and self.fixed_report):
                    found[f"fixed_{key}"] = place.value
        for word, names in self._reports:
            found |= dict(zip(self.report_names[word], names, strict=True))
        found |= {f"feed_{number}": leaf.path for number, leaf in enumerate(self.undecided)}
        for compared in self.compared:
            found |= dict(zip(compared.names, compared.condition.compared, strict=True))
        return found

    @property
    def says_report(self) -> bool:
        """Whether the source says which report a row is of."""
        return bool(self.settings.places("report_period"))

    @property
    def report_names(self) -> dict[str, list[str]]:
        """Return by report the names of the parameters that have the source's words for it."""
        return {word: [f"report_{word}_{number}" for number, _ in enumerate(names)] for word, names in self._reports}

    @property
    def _reports(self) -> list[tuple[str, tuple[str, ...]]]:
        if self.fixed_report:
            return []
        names: dict[str, dict[str, None]] = {}
        for place in self.settings.places("report_period"):
            for word, own in place.report_names().items():
                names[word] = names.get(word, {}) | dict.fromkeys(own)
        return [(word, tuple(own)) for word, own in names.items()]

    @property
    def prices(self) -> list[Price]:
        """Return the prices that the source has."""
        return [price for price in PRICES if self.settings.places(price.source.key)]

    @property
    def texts(self) -> list[Text]:
        """Return the texts that the source has, or that the settings say for all rows."""
        return [text for text in TEXTS if self.settings.places(text.source.key)]

    @property
    def unsure(self) -> list[str]:
        """Return the dates, then the figures, of which some landed value may not be one."""
        dates = [key for key in (*_DATES, INGESTED_AT.key) if self._may_fail(key, {"STRING", "INTEGER"})]
        numbers = [figure.source.key for figure in FIGURES]
        unsure = [key for key in numbers if self._may_fail(key, {"STRING", "FLOAT", "NUMERIC", "BIGNUMERIC"})]
        return dates + unsure + [each.source.key for each in PRICED if self.leaves[each.source.key]]

    def _may_fail(self, key: str, kinds: set[str]) -> bool:
        return any(leaf.type in kinds for leaf in self.leaves[key])

    @property
    def shown(self) -> list[str]:
        """Return the columns of a step of the statement that show what a malformed row had."""
        mapped = [key for key in self.settings.mapped() if key != MARKETPLACE.key]
        asked = ["unreadable"] * bool(self.unsure) + ["unclear"] * bool(self.compared)
        return [*mapped, *asked, *["feed"] * bool(self.undecided)]

    @property
    def fixed_report(self) -> str | None:
        """The report that all rows are of, if the settings say so: ``week``."""
        places = self.settings.places("report_period")
        return places[0].fixed_report if places else None

    def pruned(self, table: TableFacts, shift: int) -> Pruned | None:
        """Return what the scan of a table may say of its partitioning column alone, so that no row is lost.

        :param shift: how many days after its first day an end date is that belongs to the period.
        """
        column = table.partitioned_by
        if column is None:
            return None
        leaf = self._partition(table, column)
        start, end = (self.leaves[key] for key in _DATES)
        first = (start or end)[0]
        if _reads(first, leaf):
            exact = leaf.type == "DATE" and len(start or end) == 1  # the statement's own condition is on it alone
            return None if exact else Pruned(leaf, shift=0 if start else shift)
        if start and len(start) == 1 and len(end) == 1 and _reads(end[0], leaf):
            return Pruned(leaf, shift=shift, margin=31)
        return Pruned(leaf) if table.requires_filter else None

    def required_filter(self, table: TableFacts) -> Pruned | None:
        """Return what a scan of all rows has to say where BigQuery refuses one without a condition."""
        column = table.partitioned_by
        return Pruned(self._partition(table, column)) if column and table.requires_filter else None

    def _partition(self, table: TableFacts, column: str) -> Leaf:
        if column == "_PARTITIONTIME":
            return Leaf(column, "landed_row._PARTITIONTIME", "TIMESTAMP")
        return replace(self.paths, facts=table).leaf(Place(column=column))  # the other tables may lack it

    def leaf_of(self, path: str) -> Leaf:
        """Return how a statement reads a path that is not mapped.

        :raises Unreadable: there is none, or it is a list.
        """
        return self.paths.leaf(Place(column=path))


def _reads(leaf: Leaf, column: Leaf) -> bool:
    """Whether a date is just what the partitioning column says."""
    return (
        leaf.sql.lower() == column.sql.lower() and not leaf.pattern and leaf.type in ("DATE", "DATETIME", "TIMESTAMP")
    )
