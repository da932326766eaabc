"""The freshness check of the Dag sqp_freshness: it checks once and sends alerts."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from sqp_provider.core.freshness import Freshness
from sqp_provider.core.settings import TargetSettings
from sqp_provider.notifications.alerts import notify_freshness
from sqp_provider.notifications.task_alerts import notify_read
from sqp_provider.operators.feed import FeedOperator
from sqp_provider.operators.metrics import table_age
from sqp_provider.sensors.freshness import SqpFreshnessSensor


class FreshnessCheckOperator(FeedOperator, SqpFreshnessSensor):
    """Send an alert and fail if the table is stale; send another alert when it is fresh again."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(when_stale="fail", **kwargs)

    def target(self) -> TargetSettings:
        """Return the feed's target."""
        return self.settings.target

    def conclude(self, context: Context, freshness: Freshness) -> dict[str, Any]:
        """Send the alerts and the metric, then return or fail as the sensor does."""
        notify_read(context)
        table_age(freshness, self.settings.labels)
        notify_freshness(self.settings, freshness, context["ti"])
        return super().conclude(context, freshness)
