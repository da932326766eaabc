"""A month or quarter that begins with one week takes the week's figures as they are."""

from sqp_provider.migrations import refuse_downgrade, run_sql_of

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
