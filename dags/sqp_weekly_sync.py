"""### Weekly Search Query Performance sync

Keeps `weekly_summary` in Postgres equal to what BigQuery has for one week, Sunday to Saturday.

| stage | what it does |
|---|---|
| log_start | writes the run's row into `sync_log`, or starts a new attempt on it |
| extract | writes clean rows and rejects into a snapshot table, with one BigQuery job |
| load | copies the snapshot into a staged table by binary COPY and adds the key |
| validate | compares the staged rows with the snapshot and writes the results into `data_quality_checks` |
| publish | attaches a new week, or writes only the rows that differ; updates months, quarters and ledger |
| log_finish | writes `completed`, or `failed` with the reason, and drops the staged table |

If a run fails, the published week is unchanged. Trigger the Dag with *period_start* for another week, or with
*dry_run* to see what would change. `select * from sqp.period_status` says which week can be trusted.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from sqp_provider.core.period import SyncType  # absent: install airflow-provider-sqp
from sqp_provider.sync import each_feed, overdue, sync_params, sync_period
from sqp_provider.timetables.period import PeriodTimetable

for settings in each_feed(__file__, "sqp_weekly_sync"):
    with DAG(
        dag_id=settings.dag_id(SyncType.WEEKLY),
        description="One week of Search Query Performance, BigQuery to Postgres",
        schedule=PeriodTimetable(SyncType.WEEKLY, settings.schedule.delay(SyncType.WEEKLY), settings.spread),
        start_date=datetime(2025, 1, 5, tzinfo=UTC),
        catchup=False,
        max_active_runs=4,
        params=sync_params(SyncType.WEEKLY),
        deadline=overdue(settings),
        rerun_with_latest_version=True,  # a cleared run reads the corrected configuration
        doc_md=settings.worded(__doc__),
        tags=["sqp", "weekly", *settings.tags],
        default_args={"owner": settings.owner},
        owner_links=settings.owner_links,
    ):
        sync_period(SyncType.WEEKLY, settings)
