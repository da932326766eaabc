"""A run that made way for another has not failed its period."""

from sqp_provider.migrations import refuse_downgrade, run_sql_of

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
