"""Tells when a daily task fails for a reason of its own, and when it works again."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowNotFoundException

from sqp_provider.core.alerts import Alert, failed_task_alert, working_task_alert
from sqp_provider.core.errors import SyncError
from sqp_provider.core.settings import Settings
from sqp_provider.failures import TableStale, failure_of
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.notifications.alerts import harmless, link_to, notify_once, notify_recovery
from sqp_provider.target.sent_alerts import SentAlerts


@harmless
def notify_task_failed(context: Context) -> None:
    """Tell a failure once until the task works again: an ``on_failure_callback``.

    While Postgres does not answer Airflow remembers instead: it is told unless the task failed in the run before.
    """
    settings = _settings(context)
    if settings.alerts.conn_id is None:
        return
    if _can_remember(settings) or not _failed_before(context):
        notify_once(settings, _failure(context), remembered=False)


@harmless
def notify_task_worked(context: Context) -> None:
    """Tell that a task whose failure was told works again: an ``on_success_callback``."""
    settings = _settings(context)
    if settings.alerts.conn_id is None:
        return
    recovery = _recovery(context)
    with SqpPostgresHook(settings.target).transaction() as database:
        is_open = SentAlerts(database).is_open("failed", recovery.subject)
    if is_open:
        notify_recovery(settings, "failed", recovery)
    elif _failed_before(context):  # and was told while nothing could be written down
        notify_once(settings, recovery)


@harmless
def notify_unread(context: Context) -> None:
    """Tell that a look at a table failed: an ``on_failure_callback``.

    A stale table was told already. While Postgres does not answer ``close_stale_runs`` of the same run tells that.
    """
    settings, error = _settings(context), context.get("exception")
    if settings.alerts.conn_id is not None and not isinstance(error, TableStale):
        notify_once(settings, _failure(context))


@harmless
def notify_read(context: Context) -> None:
    """Tell that the look at a table, which had failed, succeeded, whatever it found."""
    settings = _settings(context)
    if settings.alerts.conn_id is not None:
        notify_recovery(settings, "failed", _recovery(context))


def _settings(context: Context) -> Settings:
    task: Any = context["task"]
    settings: Settings = task.settings
    return settings


def _failure(context: Context) -> Alert:
    ti: Any = context["ti"]
    failure = failure_of(ti, context.get("exception"))
    return failed_task_alert(ti.dag_id, ti.task_id, failure.message, failure.type, link_to(ti.dag_id, ti.run_id))


def _recovery(context: Context) -> Alert:
    ti: Any = context["ti"]
    return working_task_alert(ti.dag_id, ti.task_id, ti.run_id, link_to(ti.dag_id, ti.run_id))


def _can_remember(settings: Settings) -> bool:
    try:
        with SqpPostgresHook(settings.target).transaction() as database:
            SentAlerts(database).is_open("failed", "")
    except (SyncError, AirflowNotFoundException):
        return False
    return True


def _failed_before(context: Context) -> bool:
    """Ask Airflow whether the task failed in the run before; one without a logical date has none before it."""
    ti: Any = context["ti"]
    dag_run: Any = context["dag_run"]
    previous = ti.get_previous_ti() if dag_run.logical_date else None
    return previous is not None and previous.state == "failed"
