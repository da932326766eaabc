"""### Sync the periods that differ from the source

Every day `check_weekly`, `check_monthly` and `check_quarterly` compare the last weeks, months and quarters in BigQuery
with the ledger, with one query each and no snapshot. `sync_weekly` and the others start one run of the type's own Dag
for each period that is missing, was restated, or was written to by somebody else: all weeks before the months, the
months before the quarters, at most `restatements.at_once` at the same time. If a sync fails, this run is red: clear it
to run it again. The log of a check has one line for each period, and `select * from sqp.period_status` shows all.

A check leaves a period alone, and says so in its log, if the period is being synced, if the source does not have it, or
if a run has already refused the same rows (`ChecksFailed`, `DeletesRefused`). Trigger the Dag with *dry run* to see
what it would sync.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from sqp_provider import sync  # absent: install airflow-provider-sqp

for settings in sync.each_feed(__file__, "sqp_restatements"):
    with DAG(
        dag_id=settings.named("sqp_restatements"),
        description="Find periods that differ from the source, and sync them",
        schedule=sync.every_day(6, settings),
        start_date=datetime(2025, 1, 5, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=23),  # without it, a sync whose run was deleted would wait for ever
        params=sync.restatement_params(),
        rerun_with_latest_version=True,  # a cleared run reads the corrected configuration
        doc_md=settings.worded(__doc__),
        tags=["sqp", "restatements", *settings.tags],
        default_args={"owner": settings.owner},
        owner_links=settings.owner_links,
    ):
        sync.sync_restatements(settings)
