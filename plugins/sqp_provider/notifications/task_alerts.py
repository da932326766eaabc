"""Send alerts of daily tasks: of a task that fails, and of a task that works again."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowNotFoundException

from sqp_provider.core.alerts import Alert, failed_task_alert, working_task_alert
from sqp_provider.core.errors import InvalidTrigger, SyncError
from sqp_provider.core.settings import Settings
from sqp_provider.failures import TableStale, failure_of
from sqp_provider.notifications.alerts import harmless, link_to, notify_once, notify_recovery, sent_alerts


@harmless
def notify_task_failed(context: Context) -> None:
    """Send a failure once until the task works again. This is an ``on_failure_callback``.

    While Postgres does not answer, ``sent_alert`` cannot remember what was sent. Then Airflow's states decide: the
    failure is sent unless the task failed in the previous run too.
    """
    settings, error = _settings(context), context.get("exception")
    if settings.alerts.conn_id is None or isinstance(getattr(error, "__cause__", None), InvalidTrigger):
        return
    if _can_remember(settings) or not _failed_before(context):
        notify_once(settings, _failure(context), remembered=False)


@harmless
def notify_task_worked(context: Context) -> None:
    """Send that a task works again if its failure was sent. This is an ``on_success_callback``."""
    settings = _settings(context)
    if settings.alerts.conn_id is None:
        return
    recovery = _recovery(context)
    with sent_alerts(settings) as alerts:
        is_open = alerts.is_open("failed", recovery.subject)
    if is_open:
        notify_recovery(settings, "failed", recovery)
    elif _failed_before(context):  # its failure was sent while Postgres did not answer
        notify_once(settings, recovery)


@harmless
def notify_unless_unreachable(context: Context) -> None:
    """Send a failure once until the task works again, unless Postgres does not answer. An ``on_failure_callback``.

    Then ``close_stale_runs`` fails in the same run and sends it. A stale table is skipped, because its alert was sent
    already.
    """
    settings, error = _settings(context), context.get("exception")
    if settings.alerts.conn_id is not None and not isinstance(error, TableStale):
        notify_once(settings, _failure(context))


@harmless
def notify_read(context: Context) -> None:
    """Send that a task works again if its failure was sent: that of a table too, whether it is fresh or stale."""
    settings = _settings(context)
    if settings.alerts.conn_id is not None:
        notify_recovery(settings, "failed", _recovery(context))


def _settings(context: Context) -> Settings:
    task: Any = context["task"]
    settings: Settings = getattr(task, "alerting", None) or task.settings
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
        with sent_alerts(settings) as alerts:
            alerts.is_open("failed", "")
    except (SyncError, AirflowNotFoundException):
        return False
    return True


def _failed_before(context: Context) -> bool:
    """Ask Airflow whether the task failed in the previous run; a run without a logical date has no previous run.

    Of the tasks of several feeds it asks about the one at the same place.
    """
    ti: Any = context["ti"]
    dag_run: Any = context["dag_run"]
    previous = ti.get_previous_ti(map_index=ti.map_index) if dag_run.logical_date else None
    return previous is not None and previous.state == "failed"
