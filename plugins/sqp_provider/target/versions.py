"""Keep what a publish changes: a version for each of its periods, and each changed row before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from sqp_provider.core.publish import PublishResult, Way
from sqp_provider.core.run import SyncRun
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.changes import Changes

TOTALS = ("total_impressions", "total_clicks", "total_cart_adds", "total_purchases")
"""The sums that a version notes beside its numbers of rows and ASINs."""


@dataclass(frozen=True)
class Kept:
    """What is known of the changes of one period before they are made.

    :param how: ``attached``, ``swapped``, ``difference`` or ``summed``.
    :param counts: the changes that no trigger sees, because a partition takes the place of another.
    :param is_kept: whether they are all in a table of the staging schema; None if nothing was there before, or if
        triggers keep them.
    :param totals: of the period as it will be; what is missing Postgres completes.
    """

    how: str
    counts: PublishResult | None = None
    is_kept: bool | None = None
    totals: Mapping[str, int] | None = None


class Versions:
    """What one period keeps of a publish, inside one transaction."""

    def __init__(self, database: Database, sync: SyncRun) -> None:
        self.database = database
        self.sync = sync
        self.changes = Changes(database, sync)
        self.staging = self.changes.staging
        self.table = self.staging.history
        self.period = {"sync_type": sync.period.sync_type.value, "period_start": sync.period.first_day}

    def most(self) -> int:
        """Return how many changes are kept."""
        return int(self.database.one("versions", "kept_changes", self.period)["kept_changes"])

    def find(
        self, way: Way | None, partition: str, found: PublishResult, sums: Mapping[str, int] | None, *, are_many: bool
    ) -> Kept:
        """Find out what a publish will change, where no trigger will see it, and what the period will be in total.

        :param way: how the period is put in place; None: row by row, and triggers keep what changes.
        :param partition: the table of the staging schema that becomes the partition.
        :param found: what is known of the changes.
        :param sums: the snapshot's, by column; None: the period is summed from weeks.
        :param are_many: more rows change than are kept.
        """
        hows = {Way.ATTACH: "attached", Way.SWAP: "swapped", None: "difference"}
        how = hows[way] if sums is not None else "summed"
        totals = self._totals(sums, found) if sums is not None else None
        if way is None:
            return Kept(how, is_kept=True, totals=totals)
        totals = totals or self._totals_of_partition(partition)
        if way is Way.ATTACH and not self._was_published():
            return Kept(how, PublishResult(how=how, inserted=totals["rows"]), totals=totals)
        kept = None if are_many else self.keep(partition, self.most())
        counts = kept or (self._replaced(partition) if sums is None else found)
        return Kept(how, counts, is_kept=kept is not None, totals=totals)

    def _was_published(self) -> bool:
        """Return whether there is a version that others emptied: it can be had if what is new is known."""
        return bool(self.database.one("versions", "was_published", self.period)["found"])

    def _totals(self, sums: Mapping[str, int], found: PublishResult) -> dict[str, int]:
        """Return the totals of a snapshot. Where rows are only updated, Postgres knows how many ASINs there were."""
        rows = found.inserted + found.updated + found.unchanged
        totals = {"rows": rows} | {column: sums[column] for column in TOTALS}
        if found.updated and not (found.inserted or found.deleted):
            return totals
        noted = self.staging.asins  # by the checks; gone if the server has restarted since
        are_noted = (
            self.staging.exists(noted) and self.database.one("versions", "has_asins", None, asins=noted)["found"]
        )
        asins = sql.SQL("select asin from {}").format(noted) if are_noted else self.changes.asins
        return totals | self.database.one("versions", "asins", None, asins=asins)

    def _totals_of_partition(self, name: str) -> dict[str, int]:
        found: dict[str, int] = self.database.one("versions", "totals", None, rows=self.database.staged(name))["totals"]
        return found

    def keep(self, name: str, most: int) -> PublishResult | None:
        """Write what a new partition changes into a table of the staging schema, and return how many rows it changes.

        :param name: the table of the staging schema that takes the place of the period's partition.
        :param most: return None, and leave nothing behind, if it changes more rows.
        """
        self.database.run("sums", "prefer_hash_joins")
        self.staging.drop(self.table)
        texts = self.database.one("versions", "row_as_json", None, **self._names())
        parts = {name: sql.SQL(text) for name, text in texts.items()}
        names = {"partition": self.database.staged(name), "limit": sql.Literal(most + 1)} | parts
        self.database.run("versions", "create_kept", None, **(self._names() | names))
        counts = self.database.one("versions", "count_kept", None, **self._names())
        found = PublishResult(how="swapped", **counts)
        if found.changes <= most:
            return found
        self.staging.drop(self.table)
        return None

    def _replaced(self, name: str) -> PublishResult:
        """Count the rows of a sum that is replaced, all of them as changed."""
        found = self.database.one("versions", "count_rows", None, **self._names(), partition=self.database.staged(name))
        before, after = found["rows_before"], found["rows_after"]
        return PublishResult(
            how="swapped",
            inserted=max(after - before, 0),
            updated=min(before, after),
            deleted=max(before - after, 0),
        )

    def copy(self, version: int, kept: Kept) -> bool:
        """Copy what :meth:`keep` has written to where it stays, and return whether all of it was there."""
        if kept.counts is None or not kept.is_kept:
            return True
        values = self.period | {"version": version}
        return self.database.run("versions", "copy_kept", values, kept=self.table) == kept.counts.changes

    def _names(self) -> dict[str, sql.Composable]:
        return {
            "kept": self.table,
            "target": self.staging.target,
            "target_text": sql.Literal(self.staging.target.as_string()),
            "first_day": sql.Literal(self.sync.period.first_day),
        }


def begin_version(database: Database) -> int:
    """Draw the version of a publish, once its periods are locked. What is written from now on is this version's."""
    return int(database.one("versions", "begin")["version"])


def end_version(database: Database, version: int, parts: Sequence[tuple[SyncRun, Kept, bool]]) -> None:
    """Write what a version changed, after the ledger was written.

    :param parts: each period with what it keeps, and whether somebody had written to it.
    """
    written = []
    for sync, kept, is_doubted in parts:
        counts = kept.counts or PublishResult(how=kept.how, inserted=0)
        written.append(
            {
                "sync_type": sync.period.sync_type.value,
                "period_start": sync.period.first_day.isoformat(),
                "how": kept.how,
                "inserted": counts.inserted,
                "updated": counts.updated,
                "deleted": counts.deleted,
                "totals": kept.totals,
                "is_kept": kept.is_kept,
                "is_doubted": is_doubted,
            }
        )
    values: dict[str, Any] = {"version": version, "parts": json.dumps(written)}
    database.run("versions", "end", values)


def stamp_version(database: Database, version: int) -> None:
    """Give the version the time of this statement, after one that may have waited for others."""
    database.run("versions", "stamp", {"version": version})
