"""A notifier for your own Dags, over the connection of the alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from airflow.sdk import BaseNotifier, Context

from sqp_provider.core.alerts import Alert, callback_alert
from sqp_provider.notifications.alerts import harmless, link_to


class AlertNotifier(BaseNotifier):
    """Send a message to every service of an Apprise connection.

    ``DAG("report", default_args={"on_failure_callback": AlertNotifier(conn_id="sqp_alerts")})``

    Without title and body the message says which task or Dag failed, why, and where its run is. Every call sends a
    message, because nothing is remembered. A message that cannot be sent is a warning in the log, which never shows
    the service's address.

    :param conn_id: the connection, for example the ``alerts.conn_id`` of the configuration file (templated).
    :param title: the title of the message (templated).
    :param body: the text of the message (templated).
    :param kind: the colour of the message: ``failed`` red, ``warning`` yellow, ``recovered`` green.
    """

    template_fields: Sequence[str] = ("conn_id", "title", "body")

    def __init__(
        self,
        *,
        conn_id: str = "sqp_alerts",
        title: str | None = None,
        body: str | None = None,
        kind: Literal["failed", "warning", "recovered"] = "failed",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if kind not in ("failed", "warning", "recovered"):
            raise ValueError(f"kind {kind!r}: expected 'failed', 'warning' or 'recovered'")
        self.conn_id = conn_id
        self.title = title
        self.body = body
        self.kind = kind

    def notify(self, context: Context) -> None:
        """Send the message."""
        self._send(context)

    @harmless
    def _send(self, context: Context) -> None:
        from sqp_provider.hooks.alert_channel import AlertChannel

        if not AlertChannel(self.conn_id).send(self._alert(context)):
            self.log.warning("Alert not sent: no service of connection %s accepted it", self.conn_id)

    def _alert(self, context: Context) -> Alert:
        """Build the message from the context. A Dag's callback has no task instance and may have no exception."""
        ti: Any = context.get("ti")
        dag_run: Any = context.get("dag_run")
        dag_id, run_id = str(getattr(dag_run, "dag_id", "unknown")), str(getattr(dag_run, "run_id", "unknown"))
        error = context.get("exception") or context.get("reason")
        link = link_to(dag_id, run_id)
        default = callback_alert(self.kind, dag_id, ti.task_id if ti else None, run_id, error, link)
        title, body = self.title or default.title, self.body or default.body
        return Alert(default.kind, default.subject, default.cause, title, body)
