"""Log, checks, rejects, ledger, period types, alerts, and who the schema belongs to."""

from sqp_provider.revisions import refuse_downgrade, run_sql_of

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
