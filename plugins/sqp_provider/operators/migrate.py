"""Bring the target's schema up to date from Airflow."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from sqp_provider.core.settings import Settings
from sqp_provider.failures import fails_plainly
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.migrations import MigrationError, migrate


class SchemaMigrateOperator(BaseOperator):
    """Run the revisions that the configured schema lacks and return their ids.

    :param settings: the checked configuration file.
    """

    def __init__(self, *, settings: Settings, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = settings

    @fails_plainly
    def execute(self, context: Context) -> list[str]:
        """Run the missing revisions; a second run finds none."""
        target = self.settings.target
        try:
            return migrate(SqpPostgresHook(target).dsn(), target.schema_name)
        except MigrationError as error:
            raise AirflowFailException(str(error)) from error
