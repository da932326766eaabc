"""Wait for a BigQuery job: in the triggerer, or for a short time in the worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from google.cloud.bigquery import QueryJob

from sqp_provider.core.errors import SyncError
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.hooks.bigquery_errors import explained


class BigQueryJobTrigger(BaseTrigger):
    """Fire ``{"job_id": …, "location": …}`` when the job has finished. The operator reads whether it succeeded.

    :param gcp_conn_id: the connection with which the job was started.
    :param job_id: the job's id.
    :param location: the job's location.
    :param retry_seconds: how long a lost connection is retried.
    :param project: the job's project; None: the connection's.
    :param poll_seconds: the pause between two checks.
    """

    def __init__(
        self,
        gcp_conn_id: str,
        job_id: str,
        location: str | None = None,
        retry_seconds: float = 60,
        poll_seconds: float = 10,
        project: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.gcp_conn_id = gcp_conn_id
        self.job_id = job_id
        self.location = location
        self.retry_seconds = retry_seconds
        self.poll_seconds = poll_seconds
        self.project = project

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to rebuild this trigger."""
        names = ("gcp_conn_id", "job_id", "location", "retry_seconds", "poll_seconds", "project")
        return f"{type(self).__module__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check the job until it has finished. If it cannot be checked, the operator asks and fails with the reason."""
        hook = await asyncio.to_thread(self.hook)
        try:
            while not await asyncio.to_thread(self._done, hook):
                await asyncio.sleep(self.poll_seconds)
        except SyncError as error:
            self.log.warning("%s", error)
        yield TriggerEvent({"job_id": self.job_id, "location": self.location})

    async def on_kill(self) -> None:
        """Cancel the job if a person marks or clears the deferred task."""
        hook = await asyncio.to_thread(self.hook)
        await asyncio.to_thread(hook.cancel, self.job_id, self.location)

    def hook(self) -> SqpBigQueryHook:
        """Return a hook of the job's project and location."""
        return SqpBigQueryHook(
            self.gcp_conn_id, project=self.project, retry_seconds=self.retry_seconds, location=self.location
        )

    def _done(self, hook: SqpBigQueryHook) -> bool:
        return bool(hook.get_started(self.job_id, self.location).state == "DONE")


def wait_until_done(job: QueryJob, *, seconds: float, poll_seconds: float = 0.5) -> bool:
    """Wait at most ``seconds`` for the job, and return whether it finished."""
    give_up = time.monotonic() + seconds
    while True:
        with explained(f"BigQuery job {job.job_id}"):
            if job.state == "DONE" or job.done():
                return True
        if time.monotonic() >= give_up:
            return False
        time.sleep(poll_seconds)
