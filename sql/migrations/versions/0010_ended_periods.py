"""A period that is not over yet is no fresh period."""

from sqp_provider.migrations import refuse_downgrade, run_sql_of

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
