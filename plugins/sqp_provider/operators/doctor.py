"""The doctor as a task: the same table in its log, and a failure if a check fails."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context

from sqp_provider.core.doctor import Verdict, as_table, has_failed
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.trigger import refuse_unknown_keys
from sqp_provider.failures import ExplainedFailure, fails_plainly
from sqp_provider.operators.feed import FeedOperator
from sqp_provider.operators.owner import owner_of


class DoctorOperator(FeedOperator):
    """Check all that a sync needs, log the table, and return how many checks ended how.

    Param ``price_per_tib``: what BigQuery asks for a TiB, to say what the syncs cost.
    """

    @fails_plainly
    def execute(self, context: Context) -> dict[str, int]:
        """Ask everything; nothing is changed."""
        from sqp_provider.doctor import Doctor

        dag_run: Any = context["dag_run"]
        refuse_unknown_keys(dag_run.conf, set(context["dag"].params))
        self.skip_unless_chosen(context)
        price = context["params"].get("price_per_tib")
        settings, feeds = self.settings, self.given if isinstance(self.given, Feeds) else None
        findings = Doctor(settings, owner_of(settings), datetime.now(UTC), price, feeds).findings()
        for line in as_table(findings).splitlines():
            self.log.info("%s", line)
        if has_failed(findings):
            names = [finding.name for finding in findings if finding.verdict is Verdict.FAILED]
            raise ExplainedFailure(f"{len(names)} of {len(findings)} checks failed: {', '.join(names)}. See the log.")
        return {verdict.value: sum(finding.verdict is verdict for finding in findings) for verdict in Verdict}
