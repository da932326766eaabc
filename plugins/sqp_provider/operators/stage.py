"""The base of all stages: the settings, the hooks, and the run of the stage."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import structlog
from airflow.sdk import BaseOperator, BaseOperatorLink, Context
from airflow.sdk.exceptions import AirflowSkipException

from sqp_provider.core.errors import NewerRun, SnapshotExpired, TargetUnusable
from sqp_provider.core.fence import refuse_finished_task
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.publish import SKIPPED, PublishResult
from sqp_provider.core.run import STAGES, TASKS, SyncRun
from sqp_provider.core.settings import Settings
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.operators.links import SyncPageLink
from sqp_provider.operators.metrics import stage_finished
from sqp_provider.operators.owner import owner_of

if TYPE_CHECKING:
    from sqp_provider.hooks.bigquery import SqpBigQueryHook
    from sqp_provider.hooks.postgres import SqpPostgresHook
    from sqp_provider.operators.staged_period import StagedPeriod
    from sqp_provider.source.table import Source

P = ParamSpec("P")
R = TypeVar("R")


class SyncStageOperator(BaseOperator):
    """One stage of a sync.

    The stages read each other's results themselves: an ``XComArg`` would be one more arrow in Airflow's graph.

    :param settings: the checked configuration file.
    """

    operator_extra_links: Collection[BaseOperatorLink] = (SyncPageLink(),)
    sync_type: SyncType | None = None
    """None until the stage has read its run."""
    result: Any = None
    """What the stage returned; OpenLineage reads it after the stage has finished."""
    shares_connection = True
    """Whether the stage's transactions share a connection. Not where it would be idle while BigQuery works."""

    def __init__(self, *, settings: Settings, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = settings

    @functools.cached_property
    def postgres(self) -> SqpPostgresHook:
        """The hook of the target."""
        from sqp_provider.hooks.postgres import SqpPostgresHook

        return SqpPostgresHook(self.settings.target)

    @functools.cached_property
    def bigquery(self) -> SqpBigQueryHook:
        """The hook of the source."""
        from sqp_provider.hooks.bigquery import SqpBigQueryHook

        return SqpBigQueryHook.of(self.settings.source)

    @functools.cached_property
    def source(self) -> Source:
        """The source table."""
        from sqp_provider.source.table import Source

        return Source(self.bigquery, self.settings.source, self.settings.labels)

    def staged_period(self, sync: SyncRun, snapshot: Snapshot) -> StagedPeriod:
        """Return what stages and checks the rows of the run."""
        from sqp_provider.operators.staged_period import StagedPeriod

        return StagedPeriod(self, sync, snapshot)

    def read_sync(self, context: Context) -> SyncRun:
        """Read the run and its current attempt. Every stage reads them again, so that it notices a clear.

        A person who clears only the failed tasks does not clear log_start, which succeeded. Then the stage starts the
        new attempt.

        :raises TargetUnusable: log_start left no id of a row.
        """
        from sqp_provider.target.schema_state import SchemaState
        from sqp_provider.target.sync_log import SyncLog

        sync_log_id = result_of(TASKS[0], context)
        if sync_log_id is None:
            raise TargetUnusable(
                f"{TASKS[0]!r} left no id of a row in sync_log, because a person marked it while it was running. "
                "The target is unchanged. Clear the whole run."
            )
        with self.postgres.transaction() as database:
            SchemaState(database).claim(owner_of(self.settings))
            log = SyncLog(database)
            sync = log.read(sync_log_id)
            if sync.is_closed:
                refuse_finished_task(sync, self.task_id, self.task_states(context["ti"]).get(self.task_id))
                sync = log.reopen(sync, self.settings.source.label)
        self.name_sync(sync.period, sync.sync_log_id)
        self.log.info("%s: %s", self.task_id, sync)
        return sync

    def read_snapshot(self, context: Context) -> Snapshot:
        """Return the snapshot that extract took.

        :raises SnapshotExpired: extract left none.
        """
        snapshot = result_of(STAGES[0], context)
        if snapshot is None:
            raise SnapshotExpired(
                f"{STAGES[0]!r} left no snapshot, because a person marked it while it was running. "
                f"The target is unchanged. Clear {STAGES[0]!r} together with what follows it (Downstream)."
            )
        return Snapshot.model_validate(snapshot)

    def today(self) -> date:
        """Return today's date in UTC."""
        return datetime.now(UTC).date()

    def name_sync(self, period: Period | None, sync_log_id: int) -> None:
        """Add period and id as fields to every further line of the task's log, beside Airflow's run_id."""
        structlog.contextvars.bind_contextvars(period=str(period), sync_log_id=sync_log_id, **self.settings.labels)
        if period is not None:
            self.sync_type = period.sync_type

    def counts(self, result: Any) -> dict[str, int]:
        """Return the counts of the stage's result that are sent as metrics."""
        return {}

    @property
    def source_table(self) -> str:
        """``sqp-demo.amazon.search_query_performance``."""
        from sqp_provider.hooks.bigquery import qualified

        return qualified(self.settings.source.tables[0], self.bigquery.project_id)

    def task_states(self, ti: Any) -> Mapping[str, str | None]:
        """Return the states of the run's tasks by task id."""
        states: dict[str, dict[str, str | None]] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])
        return states.get(ti.run_id, {})

    def skip_if_unchanged(self, sync: SyncRun, snapshot: Snapshot, *, force: bool = False) -> None:
        """Skip this stage and those after it if the target already has exactly this snapshot."""
        from sqp_provider.target.sync_log import SyncLog
        from sqp_provider.target.target import Target

        result = PublishResult(how="unchanged", inserted=0, unchanged=snapshot.totals.row_count)
        reason = f"unchanged: the target already has these {snapshot.totals.row_count:,} rows, nothing was written"
        with self.skipped_for_newer_run(sync), self.postgres.transaction() as database:
            target, log = Target(database, sync), SyncLog(database)
            target.lock()
            target.refuse_if_superseded()
            log.record_snapshot(sync, snapshot)
            if force or not target.holds(snapshot):
                return
            rows = snapshot.balance.model_dump()
            log.record_counts(sync, result, {"outcome": result.how, "reason": reason, "rows": rows})
            if not sync.options.dry_run:
                target.record_confirmed(snapshot)
        raise AirflowSkipException(f"{sync.period} is {reason}. Run it with force to publish it again.")

    @contextmanager
    def skipped_for_newer_run(self, sync: SyncRun) -> Iterator[None]:
        """Skip this stage and those after it if a newer run of the period does it. What this stage wrote is undone."""
        from sqp_provider.target.sync_log import SyncLog

        try:
            yield
        except NewerRun as newer:
            with self.postgres.transaction() as database:
                nothing = PublishResult(how=SKIPPED, inserted=0)
                SyncLog(database).record_counts(sync, nothing, {"outcome": nothing.how, "reason": str(newer)})
            raise AirflowSkipException(str(newer)) from newer

    def skip_if_published(self, sync: SyncRun, snapshot: Snapshot) -> None:
        """Skip a stage that was cleared alone after its run had published and dropped the staged table."""
        from sqp_provider.target.target import Target

        with self.postgres.transaction() as database:
            target = Target(database, sync)
            if target.staging.exists() or target.published_by_this_attempt() or not target.holds(snapshot):
                return
        self.skip_if_unchanged(sync, snapshot)


def result_of(task_id: str, context: Context) -> Any:
    """Return what a task of this run has returned, or None."""
    ti: Any = context["ti"]
    return ti.xcom_pull(task_ids=task_id, key="return_value")


def measured(execute: Callable[P, R]) -> Callable[P, R]:
    """Run a stage on one connection, and send its metrics if it succeeds. Airflow's own count the tasks that fail."""

    @functools.wraps(execute)
    def timed(*args: P.args, **kwargs: P.kwargs) -> R:
        stage, began = cast("SyncStageOperator", args[0]), time.monotonic()
        with stage.postgres.kept_open() if stage.shares_connection else nullcontext():
            stage.result = result = execute(*args, **kwargs)
        if stage.sync_type is not None:
            stage_finished(
                stage.sync_type, stage.task_id, time.monotonic() - began, stage.counts(result), stage.settings.labels
            )
        return result

    return timed
