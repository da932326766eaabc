"""What every publish changed, and what tells whether a period is complete."""

from sqp_provider.revisions import refuse_downgrade, run_sql_of

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
