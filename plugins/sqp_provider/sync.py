"""Build the tasks of each Dag. No other module chains tasks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Param, chain, get_parsing_context
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from sqp_provider.assets import outlet
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.deadlines import RunCreated
from sqp_provider.failures import leave_error
from sqp_provider.notifications.alerts import notify_overdue, notify_unlogged
from sqp_provider.notifications.task_alerts import (
    notify_read,
    notify_task_failed,
    notify_task_worked,
    notify_unless_unreachable,
)
from sqp_provider.operators.extract import BigQuerySnapshotOperator
from sqp_provider.operators.freshness import FreshnessCheckOperator
from sqp_provider.operators.load import PostgresStageOperator
from sqp_provider.operators.log_finish import SyncLogFinishOperator
from sqp_provider.operators.log_start import SyncLogStartOperator
from sqp_provider.operators.migrate import SchemaMigrateOperator
from sqp_provider.operators.publish import SyncPublishOperator
from sqp_provider.operators.restatements import RestatementCheckOperator
from sqp_provider.operators.retention import RetentionOperator
from sqp_provider.operators.stale_runs import StaleRunsOperator
from sqp_provider.operators.sync_run import SyncRunOperator
from sqp_provider.operators.together import FeedsTogetherOperator
from sqp_provider.operators.validate import SyncValidateOperator

NOTIFIED = {"on_failure_callback": notify_task_failed, "on_success_callback": notify_task_worked}
"""The arguments of a task whose failure is in no row of sync_log, so that it needs alerts of its own."""


def read_feeds(dag_file: str) -> Feeds:
    """Read ``$SQP_CONFIG``, or ``sqp_config.yaml`` beside the Dag's own file."""
    return Feeds.load(Path(os.environ.get("SQP_CONFIG") or Path(dag_file).with_name("sqp_config.yaml")), os.environ)


def each_feed(dag_file: str, dag_id: str) -> Iterator[Settings]:
    """Return the settings of each feed of which the Dag is wanted: of all, or of the one whose task is about to run.

    :param dag_id: as a single feed has it, ``sqp_weekly_sync``.
    """
    wanted = get_parsing_context().dag_id  # None where the Dag processor parses
    for settings in read_feeds(dag_file).settings.values():
        if wanted in (None, settings.named(dag_id)):
            yield settings


def every_day(hour: int, settings: Settings) -> str:
    """Return the schedule of a feed's daily Dag: ``0 6 * * *``; several feeds follow each other."""
    minutes = hour * 60 + int(settings.spread / timedelta(minutes=1))
    return f"{minutes % 60} {minutes // 60 % 24} * * *"


def sync_params(sync_type: SyncType) -> dict[str, Param]:
    """Return the form for a run that a person starts."""
    return {
        "period_start": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Period start",
            description=f"First day of the {sync_type} period. Empty: the run's data interval, else the newest "
            "period that is due. Leave it empty in a backfill.",
        ),
        "force": Param(False, type="boolean", title="Force", description="Publish even if the source is unchanged."),
        "allow_empty": Param(
            False,
            type="boolean",
            title="Allow empty",
            description="Publish the period even if the source has no rows for it.",
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Report what would change, and change nothing.",
        ),
        "max_delete_fraction": Param(
            None,
            type=["null", "number"],
            minimum=0,
            maximum=1,
            title="Largest part to delete",
            description="The largest part of the period that this run may delete; 1 allows all of it. "
            "Empty: as configured.",
        ),
    }


def sync_period(sync_type: SyncType, settings: Settings) -> None:
    """Add the six stages to the current Dag."""
    common = _common_arguments(settings)
    logging = {"on_failure_callback": [leave_error, notify_unlogged]}
    outlets = [outlet(sync_type, settings.target.schema_name)]
    log_start = SyncLogStartOperator(task_id="log_start", sync_type=sync_type, **common | logging)
    extract = BigQuerySnapshotOperator(task_id="extract", **common)
    load = PostgresStageOperator(task_id="load", **common)
    validate = SyncValidateOperator(task_id="validate", **common)
    publish = SyncPublishOperator(task_id="publish", outlets=outlets, **common)
    log_finish = SyncLogFinishOperator(task_id="log_finish", **common | logging)

    (
        log_start
        >> extract
        >> load
        >> validate
        >> publish
        >> log_finish.as_teardown(setups=log_start, on_failure_fail_dagrun=True)
    )


def feeds_param(feeds: Feeds) -> dict[str, Param]:
    """Return the field that names some of several feeds; the form of a single feed has none.

    A task that :func:`of_each` adds is skipped for the others by ``FeedOperator.skip_unless_chosen``.
    """
    if feeds.is_single:
        return {}
    return {
        "feeds": Param(
            [],
            type="array",
            items={"type": "string", "enum": feeds.names},
            examples=feeds.names,
            title="Feeds",
            description="Which feeds; the others are skipped. Empty: all.",
        ),
    }


def migrate_params(feeds: Feeds) -> dict[str, Param]:
    """Return the form of a migration."""
    return feeds_param(feeds) | {
        "take_over": Param(
            False,
            type="boolean",
            title="Take over",
            description="Make this Airflow the owner of the schema. Pause the sqp Dags of the old owner first.",
        ),
    }


def migrate_feeds(feeds: Feeds) -> None:
    """Add the migration of each feed to the current Dag and, where there are several, that of the views over all.

    ``finished``, the only leaf, makes the run red if a feed could not be migrated.
    """
    migrate = of_each(feeds, SchemaMigrateOperator, task_id="migrate")
    if feeds.is_single:
        return
    together = FeedsTogetherOperator(task_id="together", feeds=feeds, trigger_rule="all_done")
    migrate >> together
    [migrate, together] >> EmptyOperator(task_id="finished", trigger_rule="none_failed")


def doctor_params(feeds: Feeds) -> dict[str, Param]:
    """Return the form of the doctor."""
    return feeds_param(feeds) | {
        "price_per_tib": Param(
            None,
            type=["null", "number"],
            minimum=0,
            title="Price per TiB",
            description="What BigQuery asks for a TiB that a query reads. Empty: bytes only.",
        ),
    }


def prove_params(feeds: Feeds) -> dict[str, Param]:
    """Return the form of a proof."""
    sync_types = [sync_type.value for sync_type in SyncType]
    return feeds_param(feeds) | {
        "sync_type": Param(SyncType.WEEKLY.value, type="string", enum=sync_types, title="Type"),
        "period_start": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Period start",
            description="First day of the period. Empty: the newest one that is due.",
        ),
        "query": Param(None, type=["null", "string"], title="Query", description="A query of the period. Empty: all."),
        "asin": Param(None, type=["null", "string"], title="ASIN", description="An ASIN of the period. Empty: all."),
    }


def restatement_params() -> dict[str, Param]:
    """Return the form for a check for restatements that a person starts."""
    sync_types = [sync_type.value for sync_type in SyncType]
    return {
        "sync_types": Param(
            sync_types,
            type="array",
            items={"type": "string", "enum": sync_types},
            examples=sync_types,
            title="Types",
            description="Which types of period to check.",
        ),
        "periods": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=520,
            title="Periods",
            description="How many periods of each type to check. Empty: as configured.",
        ),
        "dry_run": Param(False, type="boolean", title="Dry run", description="Report what is found, and sync nothing."),
    }


def sync_restatements(settings: Settings) -> None:
    """Add a check of each type, and one sync for each period it finds, to the current Dag.

    Weeks are synced before months, and months before quarters, so that each is summed from what is published. A sync
    that fails stops none of the others, and ``finished``, the only leaf, makes the run red.
    """
    common = _common_arguments(settings) | NOTIFIED
    checks = [
        RestatementCheckOperator(task_id=f"check_{sync_type}", sync_type=sync_type, **common) for sync_type in SyncType
    ]
    syncs = [_sync_each(sync_type, check, settings) for sync_type, check in zip(SyncType, checks, strict=True)]
    chain(*checks)
    chain(*syncs)
    syncs >> EmptyOperator(task_id="finished", trigger_rule="none_failed")


def _sync_each(sync_type: SyncType, check: RestatementCheckOperator, settings: Settings) -> Any:
    return SyncRunOperator.partial(
        task_id=f"sync_{sync_type}",
        trigger_rule="all_done",  # a week that fails does not stop the months
        **_retries(settings),
        max_active_tis_per_dagrun=settings.restatements.at_once,
        map_index_template="{{ task.trigger_dag_id }} {{ task.conf.period_start }}",
    ).expand_kwargs(check.output)


def check_freshness(feeds: Feeds) -> None:
    """Add a freshness check for each table, the closing of dead runs' rows, and retention to the current Dag."""
    common = _common_arguments(feeds.defaults) | {"on_failure_callback": notify_unless_unreachable}
    for sync_type in SyncType:
        table = sync_type.target_table
        of_each(feeds, FreshnessCheckOperator, task_id=table, table_name=table, **common)
    of_each(feeds, StaleRunsOperator, task_id="close_stale_runs", **common | NOTIFIED)
    of_each(feeds, RetentionOperator, task_id="delete_old", on_success_callback=notify_read, **common)


def of_each(feeds: Feeds, operator: type[Any], **arguments: Any) -> Any:
    """Add the task of a single feed, or one mapped over the names of several, so that a feed that fails fails alone."""
    if feeds.is_single:
        return operator(**arguments | {"settings": feeds.of(None)})
    mapped = operator.partial(**arguments | {"settings": feeds, "map_index_template": "{{ task.feed }}"})
    return mapped.expand(feed=feeds.names)


def overdue(settings: Settings) -> DeadlineAlert | None:
    """Return the deadline of a run, or None if alerts of late runs are off."""
    alerts = settings.alerts
    if alerts.conn_id is None or "late" not in alerts.causes:
        return None
    sections = settings.model_dump(mode="json", by_alias=True, include={"feed", "source", "target", "alerts"})
    return DeadlineAlert(
        reference=RunCreated(),
        interval=timedelta(minutes=alerts.runs_longer_than_minutes),
        callback=SyncCallback(notify_overdue, kwargs={"settings": sections}),
    )


def _common_arguments(settings: Settings) -> dict[str, Any]:
    return _retries(settings) | {
        "settings": settings,
        "execution_timeout": timedelta(minutes=settings.schedule.stage_timeout_minutes),
        "on_failure_callback": leave_error,
    }


def _retries(settings: Settings) -> dict[str, Any]:
    return {
        "retries": settings.schedule.retries,
        "retry_delay": timedelta(seconds=settings.schedule.retry_delay_seconds),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=15),
    }
