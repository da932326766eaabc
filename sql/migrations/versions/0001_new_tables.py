"""New tables: sync log, quality checks, rejects, ledger."""

from sqp_provider.migrations import refuse_downgrade, run_sql_of

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the .sql file of the same name."""
    run_sql_of(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
