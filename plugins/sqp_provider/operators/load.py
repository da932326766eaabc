"""Stage load: copy the snapshot's rows into the staged table and its rejects into ``sync_rejects``."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from airflow.sdk import Context

from sqp_provider.failures import fails_plainly
from sqp_provider.operators.stage import SyncStageOperator, measured


class PostgresStageOperator(SyncStageOperator):
    """Fill the staged table and return ``{"rows": …, "rejects_kept": …, "seconds": …}``.

    If the published period equals the snapshot, this task and those after it are skipped.
    """

    @fails_plainly
    @measured
    def execute(self, context: Context) -> dict[str, Any]:
        """Keep the rejects, then create the table, copy the rows and add the key, all in one transaction.

        The rejects have one of their own, because whoever writes rows that refer to sync_log keeps partitions from
        being attached.
        """
        from sqp_provider.source.memory import return_large_buffers
        from sqp_provider.source.snapshot_reader import SnapshotReader
        from sqp_provider.target.encoding import encoded
        from sqp_provider.target.staging import Staging
        from sqp_provider.target.target import Target

        snapshot, sync, started = self.read_snapshot(context), self.read_sync(context), time.monotonic()
        self.skip_if_unchanged(sync, snapshot, force=sync.options.force)
        return_large_buffers()
        reader = SnapshotReader(self.bigquery, snapshot.table, self.settings.source.read_streams)
        with self.skipped_for_newer_run(sync), self.postgres.transaction() as database:
            Target(database, sync).refuse_if_superseded()
            rejects_kept = Staging(database, sync).keep_rejects(reader.rejected()) if snapshot.reject_count else 0
        with self.skipped_for_newer_run(sync), self.postgres.transaction() as database:
            staging = Staging(database, sync)
            staging.create(bigquery_sync_id=snapshot.job_id)
            columns = staging.copied(snapshot.extras)
            types = staging.columns.types(columns)
            rows = staging.copy(reader.accepted(columns, partial(encoded, types=types)), columns)
            staging.add_key()
            Target(database, sync).refuse_if_superseded()
        return self.report(rows, rejects_kept, time.monotonic() - started)

    def counts(self, result: dict[str, Any]) -> dict[str, int]:
        """Return how many rows were staged."""
        return {"rows.staged": result["rows"]}

    def report(self, rows: int, rejects_kept: int, seconds: float) -> dict[str, Any]:
        """Log and return what was staged."""
        self.log.info(
            "%s rows staged in %.1f s (%s rows/s)", f"{rows:,}", seconds, f"{rows / max(seconds, 0.001):,.0f}"
        )
        return {"rows": rows, "rejects_kept": rejects_kept, "seconds": round(seconds, 3)}
