"""What the source was seen to hold, and one row for each period that says how it stands."""

from sqp_provider.migrations import refuse_downgrade, run_sql_of

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
