"""How fresh each table is, with all that a person asks next."""

from sqp_provider.migrations import refuse_downgrade, run_sql_of

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
