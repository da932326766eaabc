"""### Check all that a sync needs, before the first run

Checks connections, BigQuery (rights, source table, location, Storage read), what a week, a year and a daily check would
read by dry runs, Postgres (rights, pooler, schema, other writers, triggers, replication, row security, what an adoption
meets) and the alert channel. The log has a line for each check with what was found and what to do; the task fails if a
check fails. Nothing is changed anywhere. `sqp doctor` prints the same table.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from sqp_provider.operators.doctor import DoctorOperator  # absent: install airflow-provider-sqp
from sqp_provider.sync import doctor_params, of_each, read_feeds

feeds = read_feeds(__file__)

with DAG(
    dag_id="sqp_doctor",
    description="Check connections, rights, source table, cost and target; change nothing",
    schedule=None,
    start_date=datetime(2025, 1, 5, tzinfo=UTC),
    max_active_runs=1,
    params=doctor_params(feeds),
    rerun_with_latest_version=True,  # a cleared run reads the corrected configuration
    doc_md=__doc__,
    tags=["sqp", "doctor"],
    default_args={"owner": feeds.defaults.owner},
    owner_links=feeds.defaults.owner_links,
):
    of_each(feeds, DoctorOperator, task_id="doctor")
