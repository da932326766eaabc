"""### Bring the target's schema up to date

Runs the revisions of `sql/migrations` that the configured schema lacks. Trigger it after an upgrade, or before the
first sync; a second run finds nothing to do. The same as `make migrate`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from sqp_provider.operators.migrate import SchemaMigrateOperator  # absent: install airflow-provider-sqp
from sqp_provider.sync import read_config

settings = read_config(__file__)

with DAG(
    dag_id="sqp_migrate",
    description="Create or upgrade the target's tables, functions and triggers",
    schedule=None,
    start_date=datetime(2025, 1, 5, tzinfo=UTC),
    max_active_runs=1,
    doc_md=__doc__,
    tags=["sqp", "schema"],
    default_args={"owner": settings.owner},
    owner_links=settings.owner_links,
):
    SchemaMigrateOperator(task_id="migrate", settings=settings)
