"""### Bring the target's schema up to date

Creates the configured schema, or brings it to the version of this code: revisions of `sql/migrations`, then the
functions, views and triggers of `sql/schema`. Trigger it before the first sync and after an upgrade. A second run finds
nothing to do. `sqp migrate` does the same.

Of several feeds each is migrated by itself, *feeds* may name some of them, and *together* puts the views over all feeds
of a database in force (`sqp_all`).

With *take over* this Airflow becomes the owner of a schema that belonged to another one.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from sqp_provider.sync import migrate_feeds, migrate_params, read_feeds  # absent: install airflow-provider-sqp

feeds = read_feeds(__file__)

with DAG(
    dag_id="sqp_migrate",
    description="Create or upgrade the target's tables, functions and triggers",
    schedule=None,
    start_date=datetime(2025, 1, 5, tzinfo=UTC),
    max_active_runs=1,
    params=migrate_params(feeds),
    rerun_with_latest_version=True,  # a cleared run reads the corrected configuration
    doc_md=__doc__,
    tags=["sqp", "schema"],
    default_args={"owner": feeds.defaults.owner},
    owner_links=feeds.defaults.owner_links,
):
    migrate_feeds(feeds)
