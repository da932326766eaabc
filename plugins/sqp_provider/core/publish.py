"""The result of publishing a period, and the guard against large deletes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from sqp_provider.core.errors import DeletesRefused
from sqp_provider.core.run import SyncRun


class Way(StrEnum):
    """How a period becomes the published one as a whole."""

    ATTACH = "attach"
    """Nothing is there: the new partition is attached."""
    SWAP = "swap"
    """A new partition takes the place of the one that is there."""


SKIPPED = "skipped"
"""The outcome of a run that left its period to a newer run, or to the day on which it is expected."""

HELD = "held"
"""The outcome of a run that did not publish a period which is still arriving."""

NOT_YET = (SKIPPED, HELD)
"""The outcomes of runs after which the period is as it was before."""


class PublishResult(BaseModel):
    """Count the rows by what happened to them.

    ``how`` is ``attached``, ``swapped``, ``difference``, ``unchanged``, ``dry run``, ``already published``,
    ``skipped`` or ``held``.
    """

    model_config = ConfigDict(frozen=True)

    how: str
    inserted: int
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0

    @property
    def changes(self) -> int:
        """How many rows of the target were changed."""
        return self.inserted + self.updated + self.deleted

    def __str__(self) -> str:
        return (
            f"{self.how}: {self.inserted:,} inserted, {self.updated:,} updated, "
            f"{self.deleted:,} deleted, {self.unchanged:,} unchanged"
        )


@dataclass(frozen=True)
class MonthFacts:
    """What is known of the month or quarter of a week that is being published.

    :param must_be_summed: it is derived, and not the sum of its weeks any more.
    :param is_complete: all its weeks are synced, the published one included.
    :param others_open: other runs work on weeks of it and have not published yet.
    """

    state: str | None
    must_be_summed: bool
    is_complete: bool
    others_open: bool

    @property
    def is_derived(self) -> bool:
        """Whether it is the sum of its weeks, or will be."""
        return self.state in (None, "derived") or (self.state == "adopted" and self.is_complete)

    @property
    def is_summed_with_a_partition(self) -> bool:
        """Whether it is summed when the week comes as a whole. Of several weeks the last one does it for all."""
        return self.is_derived and not self.is_marked

    @property
    def is_marked(self) -> bool:
        """Whether it is only noted that it must be summed, because another week will."""
        return self.state in (None, "derived") and self.others_open

    def is_summed_with_rows(self, changes: int) -> bool:
        """Whether it is summed when rows of the week change. Otherwise a trigger does it, if any row changes."""
        return (
            self.is_derived
            and not self.is_marked
            and (self.state == "adopted" or (self.must_be_summed and not changes))
        )


class AlreadyPublished(Exception):
    """An earlier try of the same attempt has published."""


def refuse_large_delete(
    sync: SyncRun, result: PublishResult, target: str, ledger: Mapping[str, Any] | None, configured_fraction: float
) -> None:
    """Stop a publish that would delete a suspiciously large part of a period.

    The first sync of a month that was summed from weeks is allowed to delete rows. Amazon cuts off the query list of a
    month as it does for a week, so its month has other rows than the sum of its weeks. An empty month is still refused:
    it would stay empty whatever weeks come.

    The part is counted of the larger of the two, what is published and what arrives. So the complete week of 1,000 rows
    may replace a first landing of 44, of which 12 are gone, but 10 rows may not replace 1,000.

    :param ledger: ``state`` of the period, or None.
    :raises DeletesRefused: says how many rows, and how to allow the publish for one run.
    """
    rows_staged = result.inserted + result.updated + result.unchanged
    if ledger and ledger["state"] == "derived" and rows_staged:
        return
    rows_before = result.updated + result.deleted + result.unchanged
    requested = sync.options.max_delete_fraction
    allowed = configured_fraction if requested is None else requested
    larger = max(rows_before, rows_staged)
    if result.deleted > allowed * larger:
        raise DeletesRefused(
            f"{sync.period}: publishing would delete {result.deleted:,} of {rows_before:,} rows of {target}, and "
            f"{rows_staged:,} rows arrive. {result.deleted / larger:.1%} of the larger number is more than "
            f"max_delete_fraction {allowed:.1%}. "
            "The target is unchanged. "
            "If the source really lost these rows, trigger the Dag for this period with max_delete_fraction 1."
        )
