"""The asset event of a publish, by Airflow's task runner and through its API, as a consumer would read it."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.dagrun import DagRun
from airflow.sdk import Asset
from airflow.utils.session import create_session
from sqlalchemy import select

from sqp_provider.assets import published
from sqp_provider.core.period import SyncType
from tests.dags.conftest import AirflowRuns
from tests.landing import Landing, report_row


def events(run: DagRun) -> list[tuple[str, dict[str, Any]]]:
    """URI and extra of each event that the run's publish has emitted."""
    statement = (
        select(AssetModel.uri, AssetEvent.extra)
        .join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
        .where(AssetEvent.source_run_id == run.run_id, AssetEvent.source_task_id == "publish")
    )
    with create_session() as session:
        return [(uri, extra) for uri, extra in session.execute(statement)]


@pytest.mark.parametrize(
    ("sync_type", "uri"),
    [("weekly", "x-sqp://sqp/weekly_summary"), (SyncType.QUARTERLY, "x-sqp://sqp/quarterly_summary")],
)
def test_airflow_leaves_the_uri_as_it_is(sync_type: SyncType | str, uri: str) -> None:
    assert published(sync_type) == Asset(name=uri.removeprefix("x-sqp://").replace("/", "."), uri=uri, group="sqp")
    assert published(sync_type).uri == uri


def test_a_published_week_is_an_event_with_period_counts_and_log_row(landing: Landing, airflow: AirflowRuns) -> None:
    landing.land(report_row("q 0"), report_row("q 1"))
    run = airflow.run(period_start="2026-11-08")
    about = {
        "sync_type": "weekly",
        "period_start": "2026-11-08",
        "period_end": "2026-11-14",
        "sync_log_id": airflow.log(run)["id"],
        "attempt": 1,
    }
    counts = {"how": "attached", "inserted": 2, "updated": 0, "deleted": 0, "unchanged": 0}
    assert events(run) == [("x-sqp://sqp/weekly_summary", about | counts)]


def test_what_publishes_nothing_emits_nothing(landing: Landing, airflow: AirflowRuns) -> None:
    landing.land(report_row("q"))
    dry = airflow.run(period_start="2026-11-08", dry_run=True)
    assert (dry.state, events(dry)) == ("success", [])
    assert len(events(airflow.run(period_start="2026-11-08"))) == 1
    unchanged = airflow.run(period_start="2026-11-08")
    assert (unchanged.state, events(unchanged)) == ("success", [])
    landing.land(report_row("bad", asin="?"))
    failed = airflow.run(period_start="2026-11-08")
    assert (failed.state, events(failed)) == ("failed", [])
