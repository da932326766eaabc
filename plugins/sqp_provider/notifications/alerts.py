"""Send each alert once over the connection ``alerts.conn_id``. A channel that fails never fails a sync."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec
from urllib.parse import quote

from airflow.sdk import Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException

from sqp_provider.core.alerts import (
    LATE,
    Alert,
    fresh_alert,
    late_alert,
    late_period_alert,
    logged_alert,
    stale_alert,
    unlogged_alert,
)
from sqp_provider.core.completeness import Answer
from sqp_provider.core.errors import SyncError
from sqp_provider.core.freshness import Freshness
from sqp_provider.core.settings import Settings
from sqp_provider.failures import SyncFailed, failure_of

if TYPE_CHECKING:
    from sqp_provider.target.sent_alerts import SentAlerts

P = ParamSpec("P")

MOST_REFUSALS = 3
"""After this many refused messages the rest waits for the next run, because each may have waited for a timeout."""

log = logging.getLogger("airflow.task.sqp_alerts")


def harmless(notify: Callable[P, None]) -> Callable[P, None]:
    """Turn every error of a notification into a warning."""

    @functools.wraps(notify)
    def harmlessly(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            notify(*args, **kwargs)
        except (SyncError, AirflowNotFoundException) as error:
            log.warning("Alert not sent: %s", error)
        except Exception as error:
            # The error's message may have the service's URL, and the URL is its password.
            log.warning("Alert not sent: %s. Check the connection that alerts.conn_id names.", type(error).__name__)

    return harmlessly


@contextmanager
def sent_alerts(settings: Settings) -> Iterator[SentAlerts]:
    """Open a transaction on the alerts that were sent before."""
    from sqp_provider.hooks.postgres import SqpPostgresHook
    from sqp_provider.target.sent_alerts import SentAlerts

    with SqpPostgresHook(settings.target).transaction() as database:
        yield SentAlerts(database)


@harmless
def notify_run_finished(settings: Settings, sync_log_id: int) -> None:
    """Send the alert of a run's failure or warnings, and the recovery of periods whose failure was sent."""
    if settings.alerts.conn_id is None:
        return
    with sent_alerts(settings) as alerts:
        run = alerts.finished_run(sync_log_id)
        if run.is_clean:
            alerts.resolve("warning", run.subject)
        if run.sync_status == "failed":
            alerts.resolve_overtaken(run)
        could_not_log = alerts.is_open("failed", str(run.dag_id))
        restated = alerts.restated(run)
    notify_recoveries(settings)
    link = link_to(run.dag_id, run.run_id)
    alert = run.alert(link)
    if alert:
        notify_once(settings, alert)
    if restated and restated.is_above(settings.alerts.restated_above):
        notify_once(settings, run.restatement(restated, link))
    if could_not_log:
        notify_recovery(settings, "failed", logged_alert(str(run.dag_id), str(run.run_id), link))


@harmless
def notify_recoveries(settings: Settings) -> None:
    """Send the recovery of each period whose failure was sent, also if the channel refused it before."""
    if settings.alerts.conn_id is None:
        return
    with sent_alerts(settings) as alerts:
        recovered = alerts.recovered_runs()
    refused = 0
    for run in recovered:
        if notify_recovery(settings, "failed", run.recovery(link_to(run.dag_id, run.run_id))):
            continue
        refused += 1
        if refused == MOST_REFUSALS:
            return  # the next finished run, or the next daily check, tries again


def notify_recovery(settings: Settings, kind: str, recovery: Alert) -> bool:
    """Send a recovery if an alert of its subject is open. Close that alert only after the recovery was sent.

    :return: False if the recovery could not be sent.
    """
    with sent_alerts(settings) as alerts:
        if not alerts.is_open(kind, recovery.subject):
            return True
    notified = notify_once(settings, recovery)
    if notified:
        with sent_alerts(settings) as alerts:
            alerts.resolve(kind, recovery.subject)
            alerts.resolve(recovery.kind, recovery.subject)
    return notified


@harmless
def notify_freshness(settings: Settings, freshness: Freshness, ti: Any) -> None:
    """Send the alert of a stale table, or of a table that is fresh again."""
    if settings.alerts.conn_id is None:
        return
    link = link_to(ti.dag_id, ti.run_id)
    if freshness.is_stale:
        notify_once(settings, stale_alert(freshness, link))
    else:
        notify_recovery(settings, "stale", fresh_alert(freshness, link))


@harmless
def notify_late_periods(settings: Settings, answers: list[Answer], ti: Any) -> None:
    """Send once that a period is not complete after its usual day, and forget it when the period is complete."""
    if settings.alerts.conn_id is None:
        return
    for answer in answers:
        alert = late_period_alert(answer, link_to(ti.dag_id, ti.run_id))
        if answer.verdict == "complete":
            with sent_alerts(settings) as alerts:
                alerts.resolve(alert.kind, alert.subject, LATE)
        elif answer.verdict == LATE and not notify_once(settings, alert):
            return  # the next daily check tries again


@harmless
def notify_unlogged(context: Context) -> None:
    """Send the failure of log_start or log_finish. This is an ``on_failure_callback``.

    While Postgres does not answer, nothing remembers which alerts were sent, so each failed run sends one.
    """
    ti: Any = context["ti"]
    task: Any = context["task"]
    error, settings = context.get("exception"), task.settings
    if settings.alerts.conn_id is None or isinstance(error, SyncFailed):
        return
    try:
        with sent_alerts(settings) as alerts:
            sync_log_id = alerts.failed_run(ti.dag_id, ti.run_id)
    except (SyncError, AirflowNotFoundException):
        sync_log_id = None
    if sync_log_id is not None:
        notify_run_finished(settings, sync_log_id)
    else:
        failure, link = failure_of(ti, error), link_to(ti.dag_id, ti.run_id)
        notify_once(settings, unlogged_alert(ti, failure.message, failure.type, link), remembered=False)


@harmless
def notify_overdue(context: dict[str, Any], settings: dict[str, Any]) -> None:
    """Send the alert of a run that takes too long. Airflow calls this when the run's deadline has passed.

    :param settings: ``feed`` and the sections ``source``, ``target`` and ``alerts`` as JSON.
    """
    checked = Settings.checked(settings, origin="deadline")
    dag_run = context["dag_run"]
    dag_id, run_id, is_queued = dag_run["dag_id"], dag_run["dag_run_id"], dag_run["state"] == "queued"
    if is_queued and dag_run["run_type"] == "backfill":
        return  # the runs of a backfill wait for each other, so a long wait is no problem
    try:
        with sent_alerts(checked) as alerts:
            if not alerts.is_unfinished(dag_id, run_id):
                return
    except SyncError as error:
        log.warning("%s", error)
    minutes, link = checked.alerts.runs_longer_than_minutes, link_to(dag_id, run_id)
    notify_once(checked, late_alert(dag_id, run_id, minutes, link, is_queued=is_queued), remembered=False)


def link_to(dag_id: str | None, run_id: str | None) -> str:
    """Return the address of a run in Airflow, or an empty text if there is no run."""
    if not (dag_id and run_id):
        return ""
    base = conf.get("api", "base_url", fallback="http://localhost:8080/").rstrip("/")
    return f"{base}/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"


def notify_once(settings: Settings, alert: Alert, *, remembered: bool = True) -> bool:
    """Write the alert into ``sent_alert``, then send it; delete it again if it could not be sent.

    :param remembered: True raises if Postgres does not answer; False sends the alert all the same.
    :return: whether the alert was sent, now or before, or its kind is switched off.
    """
    from sqp_provider.hooks.alert_channel import AlertChannel

    if alert.kind not in settings.alerts.causes:
        return True
    if settings.feed:
        alert = replace(alert, title=f"{settings.feed}: {alert.title}")
    alert_id = None
    try:
        with sent_alerts(settings) as alerts:
            alert_id = alerts.claim(alert)
        if alert_id is None:
            log.info("Alert already sent: %s (%s)", alert.title, alert.cause)
            return True
    except (SyncError, AirflowNotFoundException):
        if remembered:
            raise
    sent = False
    try:
        sent = AlertChannel(str(settings.alerts.conn_id)).send(alert)
    finally:
        if not sent and alert_id is not None:
            with sent_alerts(settings) as alerts:
                alerts.take_back(alert_id)
    if sent:
        log.info("Alert sent: %s", alert.title)
    else:
        log.warning("Alert not sent, connection %s did not accept it: %s", settings.alerts.conn_id, alert.title)
    return sent
