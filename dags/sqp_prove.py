"""### Prove a published period, or one figure of it

Asks BigQuery again now (a snapshot of the period, within `source.maximum_bytes_billed`, deleted afterwards), compares
each row with Postgres, and shows the rows that differ with both values. With *query* or *ASIN*, the log also has the
row, its sync, BigQuery job, checks and changes, and a statement that shows its source rows in BigQuery's console. A
derived month or quarter is compared with the sum of its weeks.

The task fails if the period differs or could not be proved. Nothing is changed. `sqp prove` prints the same report.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from sqp_provider.operators.prove import ProveOperator  # absent: install airflow-provider-sqp
from sqp_provider.sync import of_each, prove_params, read_feeds

feeds = read_feeds(__file__)

with DAG(
    dag_id="sqp_prove",
    description="Compare a published period with BigQuery now, and show what a figure rests on",
    schedule=None,
    start_date=datetime(2025, 1, 5, tzinfo=UTC),
    params=prove_params(feeds),
    rerun_with_latest_version=True,  # a cleared run reads the corrected configuration
    doc_md=__doc__,
    tags=["sqp", "prove"],
    default_args={"owner": feeds.defaults.owner},
    owner_links=feeds.defaults.owner_links,
):
    of_each(feeds, ProveOperator, task_id="prove")
