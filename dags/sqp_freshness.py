"""### Which table is stale

Every day one task a table asks what `sqp.check_data_freshness()` tells: green is fresh, red is stale. Its log and its
error say the newest period, how old it is and may be, and how the last sync went.

`close_stale_runs` closes as failed what runs that Airflow no longer has at work left as `started` in `sync_log`.

Another Dag can wait for a fresh table with `sqp_provider.sensors.freshness.SqpFreshnessSensor`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from sqp_provider.sync import check_freshness, read_config  # absent: install airflow-provider-sqp

settings = read_config(__file__)

with DAG(
    dag_id="sqp_freshness",
    description="Say which table is stale, and close what dead runs left open",
    schedule="0 7 * * *",
    start_date=datetime(2025, 1, 5, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    rerun_with_latest_version=True,  # a cleared run reads the corrected configuration
    doc_md=__doc__,
    tags=["sqp", "freshness"],
    default_args={"owner": settings.owner},
    owner_links=settings.owner_links,
):
    check_freshness(settings)
