"""Several feeds of one database for the page's tests, and an auth manager that lets a user read some Dags only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import yaml
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session
from sqlalchemy import delete

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import Settings
from tests.integration.status.log_rows import add_sync

FEEDS = ("acme_us", "acme_de", "beta")
BUNDLE = "dags-folder"

FAILURE = {
    "sync_status": "failed",
    "error_message": "1 of 9 checks failed. Clear 'load'.",
    "error_details": {"stage": "validate", "type": "ChecksFailed"},
}


class RestrictingAuthManager(SimpleAuthManager):
    """Airflow's own, but the user ``client`` may read the Dags of ``acme_us`` only."""

    def is_authorized_dag(self, *, user: Any, details: DagDetails | None = None, **other: Any) -> bool:
        """Refuse the user all other Dags."""
        if user.username == "client" and not (details and str(details.id).endswith("__acme_us")):
            return False
        return super().is_authorized_dag(user=user, details=details, **other)


def configure(path: Path, feeds: dict[str, Any], **defaults: Any) -> None:
    """Write a file with feeds."""
    same_hour = {"spread_minutes": 0}  # as in newest_due
    content = {"source": {"table": "amazon.report"}, "schedule": same_hour, **defaults, "feeds": feeds}
    path.write_text(yaml.safe_dump(content))


def newest_due(sync_type: SyncType, weeks_ago: int = 0) -> Period:
    """The period that a headline is about, with the default delay; or a week that many weeks before."""
    delay = timedelta(days=sync_type.period_type.delay_days)
    return Period.latest_due(sync_type, datetime.now(UTC), delay).with_previous(weeks_ago + 1)[-1]


def publish(connection: psycopg.Connection[Any], period: Period, **other: Any) -> int:
    """A completed run that published the period, and a row of it."""
    columns = {"sync_type": period.sync_type.value, "period_start": period.first_day, "period_end": period.last_day}
    sync = add_sync(connection, started_at="now", completed_at="now", **columns, **other)
    connection.execute(
        "insert into synced_period (sync_type, period_start, period_end, state, fingerprint, snapshot_at, row_count,"
        " sync_log_id, attempt, published_at, asins, asins_expected, asins_found, expected_by)"
        " values (%s, %s, %s, 'synced', 'f', now(), 19001, %s, 1, now(), array['B000000001'], 360, 360, '2020-11-19')",
        [*columns.values(), sync],
    )
    return sync


def make_fresh(connection: psycopg.Connection[Any]) -> None:
    """Publish the newest week, month and quarter that are due, with a row in each table."""
    connection.execute("set session_replication_role = replica")  # no trigger sums or marks what is written
    for sync_type in SyncType:
        period = newest_due(sync_type)
        publish(connection, period, run_id=f"scheduled__{sync_type}")
        names = period.columns
        connection.execute(
            f"insert into {sync_type.target_table} ({', '.join(names)}, query, asin)"  # type: ignore[arg-type]
            f" values ({', '.join(['%s'] * len(names))}, 'q', 'B00TEST001')",
            list(names.values()),
        )


def let_airflow_know(*settings: Settings) -> None:
    """Put the feeds' sync Dags into Airflow's metadata, as the Dag processor does."""
    with create_session() as session:
        session.execute(delete(DagModel))
        if session.get(DagBundleModel, BUNDLE) is None:
            session.add(DagBundleModel(name=BUNDLE))
            session.flush()
        for each in settings:
            session.add_all(
                DagModel(dag_id=each.dag_id(sync_type), bundle_name=BUNDLE, fileloc="", is_stale=False)
                for sync_type in SyncType
            )


def schema(dsn: str, feed: str) -> psycopg.Connection[Any]:
    """A connection whose search path is the feed's schema."""
    return psycopg.connect(dsn, autocommit=True, options=f"-c search_path=sqp_{feed}")


def spoil(dsn: str, feed: str, **other: Any) -> int:
    """Let the feed's newest week fail, in place of what was published of it."""
    week = newest_due(SyncType.WEEKLY)
    with schema(dsn, feed) as connection:
        connection.execute("delete from synced_period where sync_type = 'weekly'")
        connection.execute("delete from sync_log where sync_type = 'weekly'")
        dates = {
            "period_start": week.first_day,
            "period_end": week.last_day,
            "started_at": "now",
            "completed_at": "now",
        }
        return add_sync(connection, dag_id=f"sqp_weekly_sync__{feed}", run_id="manual__1", **dates, **FAILURE | other)
