"""The result of publishing a period, and the guard against large deletes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from sqp_provider.core.errors import DeletesRefused
from sqp_provider.core.run import SyncRun

SKIPPED = "skipped"
"""The outcome of a run that left its period to a newer run."""


class PublishResult(BaseModel):
    """Count the rows by what happened to them.

    ``how`` is ``attached``, ``difference``, ``unchanged``, ``dry run``, ``already published`` or ``skipped``.
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
