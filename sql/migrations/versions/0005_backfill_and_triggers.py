"""Backfill of sync metadata, then the triggers that keep months and quarters equal to the weeks."""

from sqp_provider.migrations import refuse_downgrade, run_sql_of

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
