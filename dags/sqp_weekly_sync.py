"""### Weekly Search Query Performance sync

Keeps `weekly_summary` in Postgres equal to what BigQuery holds for one week, Sunday to Saturday.

| stage | what it does |
|---|---|
| log_start | writes the run's row into `sync_log`, or comes back to it as a further attempt |
| extract | one BigQuery job: clean rows and rejects into a snapshot table |
| load | snapshot to a staged table by binary COPY, then its key |
| validate | compares the staged rows with the snapshot; results in `data_quality_checks` |
| publish | attaches a new week, or writes only the rows that differ; months, quarters and ledger follow |
| log_finish | `completed` or `failed` with the reason; drops what was staged |

A failed run leaves the published week as it was. Trigger it with *period_start* for another week, with *dry_run*
to see what would change. Which week can be trusted: `select * from sqp.synced_period`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from sqp_provider.core.period import SyncType  # absent: install airflow-provider-sqp
from sqp_provider.sync import overdue, read_config, sync_params, sync_period
from sqp_provider.timetables.period import PeriodTimetable

settings = read_config(__file__)

with DAG(
    dag_id="sqp_weekly_sync",
    description="One week of Search Query Performance, BigQuery to Postgres",
    schedule=PeriodTimetable(SyncType.WEEKLY, settings.schedule.delay(SyncType.WEEKLY)),
    start_date=datetime(2025, 1, 5, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    params=sync_params(SyncType.WEEKLY),
    deadline=overdue(settings),
    rerun_with_latest_version=True,  # a cleared run reads the corrected configuration
    doc_md=__doc__,
    tags=["sqp", "weekly"],
    default_args={"owner": settings.owner},
    owner_links=settings.owner_links,
):
    sync_period(SyncType.WEEKLY, settings)
