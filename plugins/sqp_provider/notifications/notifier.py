"""Tell the same people of Dags of your own: a callback over the connection of the alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from airflow.sdk import BaseNotifier, Context

from sqp_provider.core.alerts import Alert, of_a_dag_of_yours
from sqp_provider.hooks.alert_channel import AlertChannel
from sqp_provider.notifications.alerts import harmless, link_to


class AlertNotifier(BaseNotifier):
    """Send a message to every service of an Apprise connection; what goes wrong is a warning, without an address.

    ``DAG("report", default_args={"on_failure_callback": AlertNotifier(conn_id="sqp_alerts")})``

    Without a title and a body it says which task or Dag failed, why, and where its run is. Each call tells: nothing
    is remembered.

    :param conn_id: the connection, ``alerts.conn_id`` of the project's own alerts for example (templated).
    :param title: what the message is called (templated).
    :param body: what it says (templated).
    :param kind: how it is coloured: ``failed`` red, ``warning`` yellow, ``recovered`` green.
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
        """Send it."""
        self._send(context)

    @harmless
    def _send(self, context: Context) -> None:
        if not AlertChannel(self.conn_id).send(self._alert(context)):
            self.log.warning("Not told: no service of connection %s took it", self.conn_id)

    def _alert(self, context: Context) -> Alert:
        """Say what the context knows; a Dag's callback has no task instance and perhaps no exception."""
        ti: Any = context.get("ti")
        dag_run: Any = context.get("dag_run")
        dag_id, run_id = str(getattr(dag_run, "dag_id", "unknown")), str(getattr(dag_run, "run_id", "unknown"))
        error = context.get("exception") or context.get("reason")
        told = of_a_dag_of_yours(self.kind, dag_id, ti.task_id if ti else None, run_id, error, link_to(dag_id, run_id))
        return Alert(told.kind, told.subject, told.cause, self.title or told.title, self.body or told.body)
