"""### Sync what the source has changed, added late or never had synced

Every day `check` compares what BigQuery holds of the last weeks, months and quarters with the ledger: one query a type,
no snapshot. Each period that is missing, restated or was written to by somebody else becomes one `sync`, a run of the
type's own Dag; at most `restatements.at_once` of them at a time. A sync that fails makes this run red: clear `sync` to
run it again. The log of `check` has a line for each period; `select * from sqp.period_status` has them all.

A period that is being synced, that the source does not have, or whose rows a run has refused already (`ChecksFailed`,
`DeletesRefused`) is left alone, and the log says so. Trigger it with *dry run* to see what it would do.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from sqp_provider.sync import read_config, restatement_params, sync_restatements  # absent: install airflow-provider-sqp

settings = read_config(__file__)

with DAG(
    dag_id="sqp_restatements",
    description="Find periods that differ from the source, and sync them",
    schedule="0 6 * * *",
    start_date=datetime(2025, 1, 5, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=23),  # a sync whose run was deleted would be waited for for ever
    params=restatement_params(),
    rerun_with_latest_version=True,  # a cleared run reads the corrected configuration
    doc_md=__doc__,
    tags=["sqp", "restatements"],
    default_args={"owner": settings.owner},
    owner_links=settings.owner_links,
):
    sync_restatements(settings)
