"""Stage validate: compare the staged rows with the snapshot before they are published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from sqp_provider.core.quality import CheckResult, CheckStatus, refuse_failed
from sqp_provider.core.run import SyncRun
from sqp_provider.failures import fails_plainly
from sqp_provider.operators import lineage
from sqp_provider.operators.stage import SyncStageOperator, measured


class SyncValidateOperator(SyncStageOperator):
    """Record every check in ``data_quality_checks`` and return ``{"passed": …, "warning": …, "failed": 0}``."""

    results: Sequence[CheckResult] = ()

    @fails_plainly
    @measured
    def execute(self, context: Context) -> dict[str, int]:
        """Check the staged rows, record the results, and stop the sync if a check failed."""
        snapshot, sync = self.read_snapshot(context), self.read_sync(context)
        self.skip_if_published(sync, snapshot)
        staged = self.staged_period(sync, snapshot)
        self.results = results = staged.check()
        self.report(sync, results)
        refuse_failed(sync, staged.label, results)
        return {status.value: count for status, count in _by_status(results).items()}

    def report(self, sync: SyncRun, results: Sequence[CheckResult]) -> None:
        """Log each warning, and how many checks there were of each status. The error names what failed."""
        for result in results:
            if result.check_status is CheckStatus.WARNING:
                self.log.warning("%s: %s: %s", sync.period, result.check_status, result.check_message)
        counts = ", ".join(f"{count} {status}" for status, count in _by_status(results).items())
        self.log.info("%s: %s checks: %s", sync.period, len(results), counts)

    def counts(self, result: dict[str, int]) -> dict[str, int]:
        """Return how many checks there were of each status."""
        return {f"checks.{status}": count for status, count in result.items()}

    def get_openlineage_facets_on_complete(self, ti: Any) -> Any:
        """Return the results of the checks for OpenLineage, also if one failed."""
        return lineage.checked(self.source_table, self.results)


def _by_status(results: Sequence[CheckResult]) -> dict[CheckStatus, int]:
    found = Counter(result.check_status for result in results)
    return {status: found[status] for status in CheckStatus}
