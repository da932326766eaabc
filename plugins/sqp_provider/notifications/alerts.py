"""Tells people: each cause once, over the connection ``alerts.conn_id``, and never at the cost of a sync."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, ParamSpec
from urllib.parse import quote

from airflow.sdk import Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException

from sqp_provider.core.alerts import Alert, fresh_alert, late_alert, logged_alert, stale_alert, unlogged_alert
from sqp_provider.core.errors import SyncError
from sqp_provider.core.freshness import Freshness
from sqp_provider.core.settings import Settings
from sqp_provider.failures import SyncFailed
from sqp_provider.hooks.alert_channel import AlertChannel
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.target.sent_alerts import SentAlerts

P = ParamSpec("P")

MOST_REFUSALS = 3
"""After so many messages that the channel did not take it is left alone: each may have waited for a time-out."""

log = logging.getLogger("airflow.task.sqp_alerts")


def harmless(tell: Callable[P, None]) -> Callable[P, None]:
    """Turn whatever goes wrong while telling into a warning."""

    @functools.wraps(tell)
    def harmlessly(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            tell(*args, **kwargs)
        except (SyncError, AirflowNotFoundException) as error:
            log.warning("No alert was sent: %s", error)
        except Exception as error:
            # Its message may hold the service's URL, which is its password.
            log.warning("No alert was sent: %s. Check the connection alerts.conn_id names.", type(error).__name__)

    return harmlessly


@harmless
def notify_run_finished(settings: Settings, sync_log_id: int) -> None:
    """Tell a failure, warnings, or that failures which were told are over."""
    if settings.alerts.conn_id is None:
        return
    with SqpPostgresHook(settings.target).transaction() as database:
        alerts = SentAlerts(database)
        run = alerts.finished_run(sync_log_id)
        if run.is_clean:
            alerts.resolve("warning", run.subject)
        if run.sync_status == "failed":
            alerts.resolve_overtaken(run)
        could_not_log = alerts.is_open("failed", str(run.dag_id))
    notify_recoveries(settings)
    link = link_to(run.dag_id, run.run_id)
    alert = run.alert(link)
    if alert:
        notify_once(settings, alert)
    if could_not_log:
        notify_recovery(settings, "failed", logged_alert(str(run.dag_id), str(run.run_id), link))


@harmless
def notify_recoveries(settings: Settings) -> None:
    """Tell of each period that recovered, those included of which it could not be told when they did."""
    if settings.alerts.conn_id is None:
        return
    with SqpPostgresHook(settings.target).transaction() as database:
        recovered = SentAlerts(database).recovered_runs()
    refused = 0
    for run in recovered:
        if notify_recovery(settings, "failed", run.recovery(link_to(run.dag_id, run.run_id))):
            continue
        refused += 1
        if refused == MOST_REFUSALS:
            return  # the next chance is the next run's end or the next daily look


def notify_recovery(settings: Settings, kind: str, recovery: Alert) -> bool:
    """Tell that what was told of a subject is over, and only then close both; False when it could not be told."""
    postgres = SqpPostgresHook(settings.target)
    with postgres.transaction() as database:
        if not SentAlerts(database).is_open(kind, recovery.subject):
            return True
    told = notify_once(settings, recovery)
    if told:
        with postgres.transaction() as database:
            alerts = SentAlerts(database)
            alerts.resolve(kind, recovery.subject)
            alerts.resolve(recovery.kind, recovery.subject)
    return told


@harmless
def notify_freshness(settings: Settings, freshness: Freshness, ti: Any) -> None:
    """Tell that a table is stale, or that one which was told is fresh again."""
    if settings.alerts.conn_id is None:
        return
    link = link_to(ti.dag_id, ti.run_id)
    if freshness.is_stale:
        notify_once(settings, stale_alert(freshness, link))
    else:
        notify_recovery(settings, "stale", fresh_alert(freshness, link))


@harmless
def notify_unlogged(context: Context) -> None:
    """Tell the failure of a task that writes the log: an ``on_failure_callback``.

    When Postgres does not answer, nothing can be remembered: then each such run tells.
    """
    ti: Any = context["ti"]
    task: Any = context["task"]
    error, settings = context.get("exception"), task.settings
    if settings.alerts.conn_id is None or isinstance(error, SyncFailed):
        return
    try:
        with SqpPostgresHook(settings.target).transaction() as database:
            sync_log_id = SentAlerts(database).failed_run(ti.dag_id, ti.run_id)
    except (SyncError, AirflowNotFoundException):
        sync_log_id = None
    if sync_log_id is not None:
        notify_run_finished(settings, sync_log_id)
    else:
        notify_once(settings, unlogged_alert(ti, str(error), link_to(ti.dag_id, ti.run_id)), remembered=False)


@harmless
def notify_overdue(context: dict[str, Any], settings: dict[str, Any]) -> None:
    """Tell that a run takes long: what Airflow calls when the deadline has passed.

    :param settings: the sections ``source``, ``target`` and ``alerts``, as JSON can hold them.
    """
    checked = Settings.checked(settings, origin="deadline")
    dag_run = context["dag_run"]
    dag_id, run_id, is_queued = dag_run["dag_id"], dag_run["dag_run_id"], dag_run["state"] == "queued"
    if is_queued and dag_run["run_type"] == "backfill":
        return  # it waits for its turn among many, as it should
    try:
        with SqpPostgresHook(checked.target).transaction() as database:
            if not SentAlerts(database).is_at_work(dag_id, run_id):
                return
    except SyncError as error:
        log.warning("%s", error)
    minutes, link = checked.alerts.runs_longer_than_minutes, link_to(dag_id, run_id)
    notify_once(checked, late_alert(dag_id, run_id, minutes, link, is_queued=is_queued), remembered=False)


def link_to(dag_id: str | None, run_id: str | None) -> str:
    """Return the address of a run in Airflow, or nothing where there is none."""
    if not (dag_id and run_id):
        return ""
    base = conf.get("api", "base_url", fallback="http://localhost:8080/").rstrip("/")
    return f"{base}/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"


def notify_once(settings: Settings, alert: Alert, *, remembered: bool = True) -> bool:
    """Write it down, then send it; what could not be sent counts as not told.

    :param remembered: whether it must be: if not, it is sent although Postgres does not answer.
    :return: whether it was told, now or before, or nobody wants to hear it.
    """
    if alert.kind not in settings.alerts.causes:
        return True
    postgres, alert_id = SqpPostgresHook(settings.target), None
    try:
        with postgres.transaction() as database:
            alert_id = SentAlerts(database).claim(alert)
        if alert_id is None:
            log.info("Not told again: %s (%s)", alert.title, alert.cause)
            return True
    except (SyncError, AirflowNotFoundException):
        if remembered:
            raise
    sent = False
    try:
        sent = AlertChannel(str(settings.alerts.conn_id)).send(alert)
    finally:
        if not sent and alert_id is not None:
            with postgres.transaction() as database:
                SentAlerts(database).take_back(alert_id)
    if sent:
        log.info("Told: %s", alert.title)
    else:
        log.warning("Not told, connection %s did not take it: %s", settings.alerts.conn_id, alert.title)
    return sent
