"""Put the views over all feeds in force from Airflow."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowNotFoundException

from sqp_provider.core.errors import SyncError
from sqp_provider.core.feeds import Feeds
from sqp_provider.failures import ExplainedFailure, fails_plainly
from sqp_provider.operators.owner import owner_of


class FeedsTogetherOperator(BaseOperator):
    """Put the views over all feeds in force in each database that the feeds' connections lead to.

    Param ``take_over``: make this Airflow the owner of the views.

    :param feeds: all feeds, whichever were migrated in this run.
    """

    def __init__(self, *, feeds: Feeds, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.feeds = feeds

    @fails_plainly
    def execute(self, context: Context) -> list[str]:
        """Return the names of the feeds that the views have; a second run changes nothing."""
        from sqp_provider.revisions import MigrationError
        from sqp_provider.together import put_together_everywhere

        airflow = owner_of(self.feeds.defaults).airflow
        take_over = bool(context["params"].get("take_over"))
        try:
            return put_together_everywhere(self._dsns(), self.feeds, airflow, take_over=take_over)
        except MigrationError as error:
            raise ExplainedFailure(str(error)) from error

    def _dsns(self) -> dict[str, str]:
        """Return the connection of each feed; that one is missing or not answered made its migration fail already."""
        from sqp_provider.hooks.postgres import SqpPostgresHook

        dsns = {}
        for name, settings in self.feeds.settings.items():
            target = settings.target
            try:
                dsns[str(name)] = SqpPostgresHook(target, target.migrating_conn_id).dsn()
            except (SyncError, AirflowNotFoundException) as error:
                self.log.warning("Feed %s: which database it has is not known: %s", name, error)
        return dsns
