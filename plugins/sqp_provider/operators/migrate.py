"""Bring the target's schema up to date from Airflow."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from sqp_provider.core.trigger import refuse_unknown_keys
from sqp_provider.failures import ExplainedFailure, fails_plainly
from sqp_provider.operators.feed import FeedOperator
from sqp_provider.operators.owner import owner_of


class SchemaMigrateOperator(FeedOperator):
    """Bring the configured schema to the version of this code and return what was applied.

    Param ``take_over``: make this Airflow the owner of the schema.
    """

    @fails_plainly
    def execute(self, context: Context) -> list[str]:
        """Run the missing revisions; a second run finds none."""
        from sqp_provider.hooks.postgres import SqpPostgresHook
        from sqp_provider.migrations import migrate, take_over
        from sqp_provider.revisions import MigrationError

        dag_run: Any = context["dag_run"]
        refuse_unknown_keys(dag_run.conf, set(context["dag"].params))
        self.skip_unless_chosen(context)
        target = self.settings.target
        dsn = SqpPostgresHook(target, target.migrating_conn_id).dsn()
        try:
            owner, takes_over = owner_of(self.settings), context["params"].get("take_over")
            applied = migrate(dsn, target.schema_name, self.settings, None if takes_over else owner)
            if takes_over:
                take_over(dsn, target.schema_name, owner)
            return applied
        except MigrationError as error:
            raise ExplainedFailure(str(error)) from error
