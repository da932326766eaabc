"""A month or quarter without rows is built apart and attached, as a week is."""

from sqp_provider.migrations import refuse_downgrade, run_sql_of

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
