"""Stage the rows of a snapshot, and check them: the whole period, or only what changes in a published one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqp_provider.core.errors import SourceUnusable
from sqp_provider.core.quality import CheckResult, CheckStatus, check_period, refuse_failed
from sqp_provider.core.run import SyncRun
from sqp_provider.core.settings import Settings
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.target.changes import Changes, Kept
from sqp_provider.target.checks import Checks
from sqp_provider.target.target import Target

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from sqp_provider.hooks.postgres import Database
    from sqp_provider.operators.stage import SyncStageOperator
    from sqp_provider.source.snapshot_reader import SnapshotReader
    from sqp_provider.target.staging import Staging

log = logging.getLogger(__name__)

MOST_ASKED = 400_000
"""How many rows can be asked for by their hashes: BigQuery takes ten megabytes of a statement's parameters."""


@dataclass(frozen=True)
class StagedPeriod:
    """The staged rows of one run.

    :param stage: whose settings and hooks are used; Google's clients are imported only where rows are read.
    """

    stage: SyncStageOperator
    sync: SyncRun
    snapshot: Snapshot

    @property
    def settings(self) -> Settings:
        """The checked configuration file."""
        return self.stage.settings

    def keep_rejects(self) -> int:
        """Write the snapshot's rejects and return how many were kept.

        They have a transaction of their own, because whoever writes rows that refer to sync_log keeps partitions from
        being attached.
        """
        with self.stage.postgres.transaction() as database:
            target = Target(database, self.sync)
            target.refuse_if_superseded()
            rejected = self._reader(self.snapshot.table).rejected() if self.snapshot.reject_count else ()
            return target.staging.keep_rejects(rejected)

    def fill(self) -> int:
        """Stage what changes in the period, if it is published and little changes, else all of it.

        :return: how many rows were staged.
        """
        try:
            found = None if self.sync.options.force else self._compared()
            changes = self._copied(found[1]) if found else None
        except SourceUnusable as error:
            log.warning("%s: its changes cannot be read, so all of it is loaded. %s", self.sync.period, error)
            return self.stage_all()
        return self._fill(changes, found[0]) if found else self.stage_all()

    def _copied(self, arrived: list[int]) -> str | None:
        """Copy the rows that arrive into a table of their own and return its name, or None if there is none."""
        of_all = f"{len(arrived):,} of {self.snapshot.totals.row_count:,}"
        log.info("%s: %s rows differ from the published ones, and only these are loaded", self.sync.period, of_all)
        return self.stage.source.copy_changes(self.sync, self.snapshot, arrived) if arrived else None

    def stage_all(self) -> int:
        """Stage the whole period, and return how many rows were staged."""
        return self._fill(self.snapshot.table)

    def check(self) -> Sequence[CheckResult]:
        """Compare both sides, record the results, and return them.

        If only changes are staged and a check fails, all of the period is staged and checked: somebody may have written
        to it since it was compared, and a person who looks into the failure needs all rows.
        """
        with self.stage.postgres.transaction() as database:
            changes = Changes(database, self.sync)
            changes.refuse_unless_of(self.snapshot)
            results = self._results(database)
            are_changes = changes.kept is not None
        failed = [result.check_type for result in results if result.check_status is CheckStatus.FAILED]
        if failed and are_changes:
            log.warning("%s: %s failed on its changes, so all of it is loaded", self.sync.period, ", ".join(failed))
            self.stage_all()
            return self.check()
        return results

    def renew(self) -> None:
        """Stage and check the whole period, because what is published has changed since it was compared.

        :raises ChecksFailed: a check failed.
        """
        log.info("%s: it is not what it was when it was compared, so all of it is loaded", self.sync.period)
        self.stage_all()
        refuse_failed(self.sync, self.label, self.check())

    @property
    def label(self) -> str:
        """``sqp_staging.weekly_summary_20261108_12``: the staged table."""
        return f"{self.settings.target.staging_schema}.{self.sync.staged_name}"

    def _compared(self) -> tuple[Kept, list[int]] | None:
        """Return which published rows stay, and the hashes of those that arrive; None if all is to be loaded."""
        settings, rows = self.settings.target, self.snapshot.totals.row_count
        if rows <= settings.compare_above_rows:
            return None
        with self.stage.postgres.transaction() as database:
            target = Target(database, self.sync)
            version = target.version()
            if version is None or not target.is_ours(target.ledger()) or not target.staging.target_is_partitioned():
                return None
            hashes = self._encoded(self.snapshot.table, {"row_hash": "bigint"})
            row_hash = Checks(database, self.sync).row_hash()
            most = min(settings.most_changes(rows), MOST_ASKED)
            found = target.changes.find(hashes, row_hash, self.snapshot, version, most)
            target.refuse_if_superseded()
        return found

    def _fill(self, table: str | None, kept: Kept | None = None) -> int:
        """Create the staged table and copy the rows of a snapshot table, or none, in one transaction.

        :param kept: the published rows that stay, if these are what arrives. Otherwise the comparison is forgotten in
            the same transaction, because changes without it would be taken for the whole period.
        """
        with self.stage.postgres.transaction() as database:
            target = Target(database, self.sync)
            staging = target.staging
            staging.lock()
            if kept:
                target.changes.refuse_unless_kept(kept)
            else:
                target.changes.forget()
            staging.create(bigquery_sync_id=self.snapshot.job_id)
            rows = self._copy(staging, table) if table else 0
            staging.add_key()
            target.refuse_if_superseded()
        return rows

    def _copy(self, staging: Staging, table: str) -> int:
        columns = staging.copied(self.snapshot.extras)
        return staging.copy(self._encoded(table, staging.columns.types(columns)), columns)

    def _encoded(self, table: str, types: Mapping[str, str]) -> Generator[bytes]:
        """Return columns of a snapshot table, encoded for a COPY into columns of these types."""
        from sqp_provider.target.encoding import encoded

        return self._reader(table).accepted(tuple(types), partial(encoded, types=types))

    def _results(self, database: Database) -> list[CheckResult]:
        checks, settings = Checks(database, self.sync), self.settings
        results = check_period(
            self.snapshot,
            checks.staged_totals(self.snapshot.extras),
            checks.earlier(settings.checks),
            [column for column in settings.source.mapped_metrics if column in self.snapshot.totals.sums],
            settings.checks,
            settings.named("sqp_restatements"),
        )
        checks.record(results)
        return results

    def _reader(self, table: str) -> SnapshotReader:
        from sqp_provider.source.memory import return_large_buffers
        from sqp_provider.source.snapshot_reader import SnapshotReader

        return_large_buffers()
        return SnapshotReader(self.stage.bigquery, table, self.settings.source.read_streams)
