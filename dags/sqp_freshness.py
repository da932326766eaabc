"""### Which table is stale

Every day one task for each table checks what `sqp.check_data_freshness()` says: green is fresh, red is stale. The
task's log and error name the newest period, its age, the allowed age and the last sync.

`close_stale_runs` closes the rows of `sync_log` that still say `started` although Airflow no longer runs their run.
`delete_old` deletes what `retention` no longer keeps, and analyzes the tables that have grown.

Another Dag can wait for a fresh table with `sqp_provider.sensors.freshness.SqpFreshnessSensor`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from sqp_provider.sync import check_freshness, read_feeds  # absent: install airflow-provider-sqp

feeds = read_feeds(__file__)

with DAG(
    dag_id="sqp_freshness",
    description="Check which table is stale, and close the rows of dead runs",
    schedule="0 7 * * *",
    start_date=datetime(2025, 1, 5, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    rerun_with_latest_version=True,  # a cleared run reads the corrected configuration
    doc_md=__doc__,
    tags=["sqp", "freshness"],
    default_args={"owner": feeds.defaults.owner},
    owner_links=feeds.defaults.owner_links,
):
    check_freshness(feeds)
