"""The channel: whatever service the Apprise connection names."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import apprise
from airflow.providers.apprise.hooks.apprise import AppriseHook

from sqp_provider.core.alerts import Alert


class AlertChannel(AppriseHook):
    """The Apprise provider's hook, which also tells whether the message was taken."""

    def send(self, alert: Alert) -> bool:
        """Send to all services of the connection; False when one did not take it."""
        services = apprise.Apprise()
        with _silenced():
            self.set_config_from_conn(conn=self.get_connection(self.apprise_conn_id), apprise_obj=services)
            sent = services.notify(
                body=alert.body,
                title=alert.title,
                notify_type=apprise.NotifyType(alert.level),
                body_format=apprise.NotifyFormat.TEXT,
                tag="all",
            )
        return bool(sent)


@contextmanager
def _silenced() -> Iterator[None]:
    # Apprise and requests name the URL in their messages, and the URL of a chat or mail service is its password.
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3", "requests")]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was
