"""The feed that a schema belongs to."""

from sqp_provider.revisions import refuse_downgrade, run_sql_of

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
