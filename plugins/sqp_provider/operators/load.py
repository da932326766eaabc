"""Stage load: copy the snapshot's rows into the staged table and its rejects into ``sync_rejects``."""

from __future__ import annotations

import time
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
        """Keep the rejects, then stage the rows: of a published period only those that changed, if they are few."""
        snapshot, sync, started = self.read_snapshot(context), self.read_sync(context), time.monotonic()
        self.skip_if_unchanged(sync, snapshot, force=sync.options.force)
        staged = self.staged_period(sync, snapshot)
        with self.skipped_for_newer_run(sync):
            rejects_kept = staged.keep_rejects()
            rows = staged.fill()
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
