"""### Quarterly Search Query Performance sync

Keeps `quarterly_summary` in Postgres equal to what BigQuery has for one calendar quarter. These are Amazon's own
QUARTER rows if `source.columns.report_period` is mapped. Otherwise BigQuery sums the weeks that begin in the quarter.

The stages are those of `sqp_weekly_sync`: log_start, extract, load, validate, publish, log_finish. Before its own run
has published a quarter, Postgres sums it from the weeks, and it is *derived*. From then on it is *synced*, and weeks do
not change it. If a week of a quarter that was summed from weeks changes or arrives late, `sqp_restatements` syncs the
quarter again.

If a run fails, the published quarter is unchanged. Trigger the Dag with *period_start* for another quarter, or with
*dry_run* to see what would change. `select * from sqp.period_status` says which quarter can be trusted.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from sqp_provider.core.period import SyncType  # absent: install airflow-provider-sqp
from sqp_provider.sync import each_feed, overdue, sync_params, sync_period
from sqp_provider.timetables.period import PeriodTimetable

for settings in each_feed(__file__, "sqp_quarterly_sync"):
    with DAG(
        dag_id=settings.dag_id(SyncType.QUARTERLY),
        description="One quarter of Search Query Performance, BigQuery to Postgres",
        schedule=PeriodTimetable(SyncType.QUARTERLY, settings.schedule.delay(SyncType.QUARTERLY), settings.spread),
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=4,
        params=sync_params(SyncType.QUARTERLY),
        deadline=overdue(settings),
        rerun_with_latest_version=True,  # a cleared run reads the corrected configuration
        doc_md=settings.worded(__doc__),
        tags=["sqp", "quarterly", *settings.tags],
        default_args={"owner": settings.owner},
        owner_links=settings.owner_links,
    ):
        sync_period(SyncType.QUARTERLY, settings)
