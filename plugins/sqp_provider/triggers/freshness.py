"""Wait for a fresh table in the triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from sqp_provider.core.errors import SyncError, TargetUnreachable
from sqp_provider.core.settings import TargetSettings
from sqp_provider.target.freshness import read_freshness


class FreshnessTrigger(BaseTrigger):
    """Fire when the table is fresh, when it cannot be checked, or at ``give_up_at``. The sensor checks which it is.

    If Postgres does not answer, the trigger waits and checks again.

    :param postgres_conn_id: the connection.
    :param schema: the schema of the table.
    :param table_name: the table, ``weekly_summary`` for example.
    :param poll_seconds: the pause between two checks.
    :param give_up_at: the time at which to stop waiting, ``2026-11-23T07:00:00+00:00``.
    :param complete: also wait until the newest period that is due can be trusted.
    """

    def __init__(
        self,
        postgres_conn_id: str,
        schema: str,
        table_name: str,
        poll_seconds: float,
        give_up_at: str,
        *,
        complete: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.postgres_conn_id = postgres_conn_id
        self.schema = schema
        self.table_name = table_name
        self.poll_seconds = poll_seconds
        self.give_up_at = give_up_at
        self.complete = complete

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to rebuild this trigger."""
        names = ("postgres_conn_id", "schema", "table_name", "poll_seconds", "give_up_at", "complete")
        return f"{type(self).__module__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check until the sensor can continue."""
        give_up_at = datetime.fromisoformat(self.give_up_at)
        while not await asyncio.to_thread(self._is_over):
            left = (give_up_at - datetime.now(UTC)).total_seconds()
            if left <= 0:
                break
            await asyncio.sleep(min(self.poll_seconds, left))
        yield TriggerEvent({"table_name": self.table_name})

    def _is_over(self) -> bool:
        target = TargetSettings(conn_id=self.postgres_conn_id, schema=self.schema)
        try:
            return read_freshness(target, self.table_name, complete=self.complete).is_ready
        except TargetUnreachable as error:
            self.log.warning("%s: %s", self.table_name, error)
            return False
        except SyncError:
            return True
