"""The channel of the alerts: the services that the Apprise connection names."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apprise
from airflow.providers.apprise.hooks.apprise import AppriseHook

from sqp_provider.core.alerts import Alert


class AlertChannel(AppriseHook):
    """The Apprise provider's hook, which also says whether a service accepted the message."""

    def send(self, alert: Alert) -> bool:
        """Send the alert to each service of the connection, and warn of each service that does not accept it.

        The services are called one by one. If Apprise calls them together and one refuses, it reports that all
        refused. A retry would then repeat the message for those that accepted it.

        :return: True if at least one service accepted the alert.
        """
        with _silenced():
            services = self._services()
            refusing = [name for name, service in services if not _accepts(service, alert)]
        for name in refusing:
            self.log.warning("Connection %s: %s did not accept it: %s", self.apprise_conn_id, name, alert.title)
        return len(refusing) < len(services)

    def service_names(self) -> list[tuple[str, bool]]:
        """Return each service by a name that is no secret, and whether Apprise knows its address. Nothing is sent."""
        with _silenced():
            return [(name, service is not None) for name, service in self._services()]

    def _services(self) -> list[tuple[str, Any]]:
        """Return each service by a name that is no secret, ``service 2 of 3 (Slack)``.

        The service is None if Apprise does not know its address.
        """
        config = self.get_config_from_conn(conn=self.get_connection(self.apprise_conn_id))
        found: list[Any] = []
        for entry in config if isinstance(config, list) else [config]:
            named = apprise.Apprise()
            found += list(named) if named.add(entry.get("path") or "", tag=entry.get("tag")) else [None]
        return [(_name(number, len(found), service), service) for number, service in enumerate(found, start=1)]


def _name(number: int, of: int, service: Any) -> str:
    return f"service {number} of {of} ({service.service_name if service else 'no address that Apprise knows'})"


def _accepts(service: Any, alert: Alert) -> bool:
    if service is None:
        return False
    alone = apprise.Apprise()
    alone.add(service)
    return bool(
        alone.notify(
            body=alert.body,
            title=alert.title,
            notify_type=apprise.NotifyType(alert.level),
            body_format=apprise.NotifyFormat.TEXT,
        )
    )


@contextmanager
def _silenced() -> Iterator[None]:
    # Apprise and requests log the URL, and the URL of a chat or mail service is its password.
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3", "requests")]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was
