"""One period of a publish: the run's own, or a month or quarter that is summed from it."""

from __future__ import annotations

from dataclasses import dataclass

from sqp_provider.core.publish import PublishResult, Way
from sqp_provider.core.run import SyncRun
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.target import Target
from sqp_provider.target.versions import Kept

_NOTHING = PublishResult(how="unchanged", inserted=0)


@dataclass
class Part:
    """One period of a publish.

    :param version: what the ledger had before the period was read.
    :param way: how it is put in place; None: row by row.
    :param partition: the table of the staging schema that becomes the partition.
    :param is_compared: all its changes are in the table of differences.
    :param kept: what history keeps of its changes.
    """

    run: SyncRun
    derived: bool
    version: str | None = None
    way: Way | None = None
    result: PublishResult = _NOTHING
    partition: str = ""
    is_compared: bool = False
    kept: Kept | None = None
    is_doubted: bool = False

    def target(self, database: Database) -> Target:
        """Return the period inside a transaction."""
        return Target(database, self.run, derived=self.derived)
