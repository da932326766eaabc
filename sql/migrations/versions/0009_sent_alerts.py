"""Which alerts were sent, so that each cause is told once."""

from sqp_provider.migrations import refuse_downgrade, run_sql_of

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
