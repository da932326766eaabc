"""A proof as a task: the report in its log, and a failure if the period differs or could not be proved."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from airflow.sdk import Context

from sqp_provider.core.errors import InvalidPeriod
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.proof import Asked, Verdict
from sqp_provider.core.trigger import refuse_unknown_keys
from sqp_provider.failures import ExplainedFailure, fails_plainly
from sqp_provider.operators.feed import FeedOperator


class ProveOperator(FeedOperator):
    """Compare a published period with BigQuery now, log the report, and return it.

    Params: ``sync_type``, ``period_start``, ``query`` and ``asin``.
    """

    @fails_plainly
    def execute(self, context: Context) -> dict[str, Any]:
        """Prove it; nothing is changed."""
        from sqp_provider.proof import Prover

        dag_run: Any = context["dag_run"]
        refuse_unknown_keys(dag_run.conf, set(context["dag"].params))
        self.skip_unless_chosen(context)
        proof = Prover(self.settings, self.asked(context["params"])).prove()
        first, *others = proof.as_text().splitlines()
        for line in (first, *others):
            self.log.info("%s", line)
        if proof.verdict is not Verdict.EQUAL:
            raise ExplainedFailure(" ".join([proof.answer + ("" if proof.answer.endswith(".") else "."), proof.advice]))
        return {"verdict": proof.verdict.value, "answer": proof.answer}

    def asked(self, params: Any) -> Asked:
        """Return the question of the form; an empty period start means the newest period that is due."""
        sync_type = SyncType(params.get("sync_type") or SyncType.WEEKLY)
        given, delay = params.get("period_start"), self.settings.schedule.delay(sync_type)
        try:
            first_day = date.fromisoformat(given) if given else None
        except ValueError:
            raise InvalidPeriod(
                f"period_start {given!r} is no date. The target is unchanged. Run again with a day such as 2026-11-08."
            ) from None
        newest = Period.latest_due(sync_type, datetime.now(UTC), delay).first_day
        return Asked(sync_type, first_day or newest, params.get("query") or None, params.get("asin") or None)
