"""A sensor that waits until a summary table is fresh, or complete, for any Dag."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException
from pydantic import ValidationError

from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.freshness import Freshness
from sqp_provider.core.settings import TargetSettings
from sqp_provider.failures import TableStale, fails_plainly


class SqpFreshnessSensor(BaseSensorOperator):
    """Wait until a table is fresh, or check once and fail or skip if it is stale.

    ``SqpFreshnessSensor(task_id="weekly", table_name="weekly_summary", timeout=timedelta(hours=12))``

    With ``complete=True`` it waits until the newest period that is due can be trusted too, and says why it cannot yet.

    The log and the error of a stale table name its newest period, the period's age, the allowed age, and the last sync
    with its error. The sensor returns the newest period's first and last day.

    :param table_name: ``weekly_summary``, ``monthly_summary`` or ``quarterly_summary`` (templated).
    :param when_stale: ``wait`` up to ``timeout`` and then fail, or ``fail`` or ``skip`` at once.
    :param postgres_conn_id: the connection (templated).
    :param schema: the schema of the table (templated).
    :param complete: also wait for the ASINs of the newest period that is due.
    :param deferrable: True: the triggerer waits. False: the worker waits, as ``mode`` says.
    """

    template_fields: Sequence[str] = ("table_name", "postgres_conn_id", "schema")

    def __init__(
        self,
        *,
        table_name: str,
        when_stale: Literal["wait", "fail", "skip"] = "wait",
        postgres_conn_id: str = "sqp_postgres",
        schema: str = "sqp",
        complete: bool = False,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if when_stale not in ("wait", "fail", "skip"):
            raise ValueError(f"when_stale {when_stale!r}: expected 'wait', 'fail' or 'skip'")
        self.table_name = table_name
        self.when_stale = when_stale
        self.postgres_conn_id = postgres_conn_id
        self.schema = schema
        self.complete = complete
        self.deferrable = deferrable

    @fails_plainly
    def execute(self, context: Context) -> Any:
        """Check the table, and wait if it is stale and ``when_stale`` is ``wait``."""
        if self.when_stale == "wait" and not self.deferrable:
            self.wait_here(context)
        freshness = self.check()
        if not freshness.is_ready and self.when_stale == "wait" and self.deferrable:
            self.wait()
        return self.conclude(context, freshness)

    def poke(self, context: Context) -> bool:
        """Return whether the table is fresh and, if asked for, complete."""
        return self.check().is_ready

    def check(self) -> Freshness:
        """Read how fresh the table is, and log it."""
        from sqp_provider.target.freshness import read_freshness

        freshness = read_freshness(self.target(), self.table_name, complete=self.complete)
        self.log.info("%s", freshness)
        return freshness

    def wait_here(self, context: Context) -> None:
        """Poke or reschedule until the table is fresh or the time is up; the next check says which of the two."""
        with suppress(AirflowSensorTimeout):
            super().execute(context)

    def wait(self) -> None:
        """Free the worker; the triggerer checks the table every ``poke_interval`` seconds."""
        from sqp_provider.triggers.freshness import FreshnessTrigger

        give_up_at = datetime.now(UTC) + timedelta(seconds=self.timeout)
        trigger = FreshnessTrigger(
            self.postgres_conn_id,
            self.schema,
            self.table_name,
            self.poke_interval,
            give_up_at.isoformat(),
            complete=self.complete,
        )
        self.defer(trigger=trigger, method_name="resume")

    @fails_plainly
    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Continue when the table is fresh, and complete if asked for, or when the time is up."""
        return self.conclude(context, self.check())

    def conclude(self, context: Context, freshness: Freshness) -> dict[str, Any]:
        """Return the newest period of a table that is ready; fail or skip if it is not."""
        if freshness.is_ready:
            return freshness.newest
        message = f"{freshness} {freshness.remedy}"
        if self.when_stale == "skip":
            raise AirflowSkipException(message)
        waited = f"Waited {timedelta(seconds=self.timeout)}: " if self.when_stale == "wait" else ""
        raise TableStale(f"{waited}{message}")

    def target(self) -> TargetSettings:
        """Return the connection and the schema of the table."""
        try:
            return TargetSettings(conn_id=self.postgres_conn_id, schema=self.schema)
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"]
            raise InvalidSettings(f"schema {self.schema!r}: {reason}. The target is unchanged.") from None
