"""### Quarterly Search Query Performance sync

Keeps `quarterly_summary` in Postgres equal to what BigQuery holds for one calendar quarter: Amazon's own
QUARTER rows where `source.columns.report_period` is mapped, otherwise the weeks that begin in the quarter, added
up in BigQuery.

The stages are those of `sqp_weekly_sync`: log_start, extract, load, validate, publish, log_finish. Until its own run
has published a quarter, its rows are *derived* from the weeks in Postgres; from then on it is *synced*, and weeks leave
it alone. A quarter made of weeks is published again by `sqp_restatements` when one of them changes or arrives late.

A failed run leaves the published quarter as it was. Trigger it with *period_start* for another quarter, with *dry_run*
to see what would change. Which quarter can be trusted: `select * from sqp.period_status`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from sqp_provider.core.period import SyncType  # absent: install airflow-provider-sqp
from sqp_provider.sync import overdue, read_config, sync_params, sync_period
from sqp_provider.timetables.period import PeriodTimetable

settings = read_config(__file__)

with DAG(
    dag_id="sqp_quarterly_sync",
    description="One quarter of Search Query Performance, BigQuery to Postgres",
    schedule=PeriodTimetable(SyncType.QUARTERLY, settings.schedule.delay(SyncType.QUARTERLY)),
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    params=sync_params(SyncType.QUARTERLY),
    deadline=overdue(settings),
    rerun_with_latest_version=True,  # a cleared run reads the corrected configuration
    doc_md=__doc__,
    tags=["sqp", "quarterly"],
    default_args={"owner": settings.owner},
    owner_links=settings.owner_links,
):
    sync_period(SyncType.QUARTERLY, settings)
