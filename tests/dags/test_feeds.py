"""Several feeds in Airflow itself: two that work, and one with a mistake in its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.models.dagrun import DagRun
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction
from pendulum import DateTime
from pendulum import datetime as utc_datetime

from sqp_provider.core.period import SyncType
from tests.dags.conftest import AirflowRuns
from tests.dags.test_observability import Seen, watched
from tests.dags.test_restatements import run_check, states
from tests.feeds import Several
from tests.landing import report_row
from tests.webhook import Webhook

__all__ = ["watched"]  # a fixture

US, CA = "acme_us", "acme_ca"
OF_A_FEED = (*(sync_type.dag_id for sync_type in SyncType), "sqp_restatements")
OF_ALL = ("sqp_doctor", "sqp_freshness", "sqp_migrate", "sqp_prove")

Configure = Callable[[Mapping[str, Any]], Path]


@pytest.fixture
def content(three: Several, dataset: str) -> dict[str, Any]:
    """A file with two feeds that work and a broken one; the table has rows of the first two."""
    for name in (US, CA):
        three.parts[name].land(report_row(name))
    return {
        "source": {
            "table": three.parts[US].table,
            "staging_dataset": dataset,
            "retry_seconds": 1,
            "columns": {"ingested_at": "ingested_at"},
            "same_feed": ["country"],
        },
        "schedule": {"retries": 0},
        "feeds": {
            US: {"source": {"where": {"country": "US"}}, "owner": "us-team"},
            CA: {"source": {"where": {"country": "CA"}}, "schedule": {"delay_days": {"weekly": 6}}},
            "broken": {"source": {"retry_seconds": 0}},
        },
    }


@pytest.fixture
def airflow(three: Several, content: dict[str, Any], configure: Configure) -> AirflowRuns:
    """The Dags of that file; its runs' rows are looked up in the first feed's schema."""
    return AirflowRuns(configure(content), three.stages[US])


def runs_of(run: DagRun, task_id: str) -> list[tuple[int, str | None, str | None]]:
    """Index, shown name and state of a task's instances."""
    found = [ti for ti in run.get_task_instances() if ti.task_id == task_id]
    return sorted((ti.map_index, ti.rendered_map_index, ti.state) for ti in found)


def test_each_feed_has_its_own_sync_dags_and_a_mistake_of_one_is_an_import_error_of_one_file(
    airflow: AirflowRuns,
) -> None:
    bag = airflow.parse()
    (broken,) = bag.import_errors.items()
    assert Path(broken[0]).name == "sqp_feeds.py"
    assert "feeds.broken.source.retry_seconds: Input should be greater than 0, found 0 (feed broken)" in broken[1]
    assert "The other feeds work." in broken[1]
    assert sorted(bag.dags) == sorted([*OF_ALL, *(f"{dag_id}__{feed}" for dag_id in OF_A_FEED for feed in (US, CA))])


def test_the_dags_of_a_feed_name_it(airflow: AirflowRuns) -> None:
    dags = airflow.parse().dags
    for dag_id in OF_A_FEED:
        us, ca = dags[f"{dag_id}__{US}"], dags[f"{dag_id}__{CA}"]
        assert f"feed:{US}" in us.tags
        assert f"feed:{CA}" not in us.tags
        assert "`select * from sqp_acme_us.period_status`" in str(us.doc_md)
        assert "sqp.period_status" not in str(us.doc_md)
        assert ({task.owner for task in us.tasks}, {task.owner for task in ca.tasks}) == ({"us-team"}, {"sqp-sync"})
        assert set(us.params) == set(ca.params)
    assert "those of `sqp_weekly_sync__acme_us`" in str(dags[f"sqp_monthly_sync__{US}"].doc_md)
    assert not any(tag.startswith("feed:") for dag_id in OF_ALL for tag in dags[dag_id].tags)


def test_runs_fall_due_at_minutes_of_their_own_and_a_persons_run_does_not_wait_for_them(
    airflow: AirflowRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DateTime, "now", lambda tz: utc_datetime(2026, 11, 19))
    dags = airflow.parse().dags
    dag = dags[f"sqp_weekly_sync__{US}"]
    timetable: Any = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
    spread = timetable.spread
    assert timedelta() < spread < timedelta(hours=1)
    info = timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(utc_datetime(2025, 1, 5), None, False)
    )
    assert info.data_interval.start == datetime(2026, 11, 8, tzinfo=UTC)  # the newest one, without catchup
    assert info.run_after == datetime(2026, 11, 19, tzinfo=UTC) + spread
    typed = timetable.infer_manual_data_interval(run_after=utc_datetime(2026, 11, 19))
    assert typed.start == datetime(2026, 11, 8, tzinfo=UTC)
    daily: list[Any] = [dags[f"sqp_restatements__{feed}"].schedule for feed in (US, CA)]
    assert len(set(daily)) == 2
    assert all(cron.split()[1] == "6" for cron in daily)


def test_a_task_builds_only_its_own_dag(airflow: AirflowRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a start costs the same however many feeds there are. Airflow says which Dag it wants."""
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", f"sqp_weekly_sync__{CA}")
    built = set(airflow.parse().dags) - set(OF_ALL)
    assert built == {f"sqp_weekly_sync__{CA}"}


def test_a_run_of_one_feed_syncs_that_feed(airflow: AirflowRuns, three: Several) -> None:
    before = three.untouched(CA)
    run = run_dag(airflow, f"sqp_weekly_sync__{US}", period_start="2026-11-08")
    assert (run.state, set(airflow.states(run).values())) == ("success", {"success"})
    assert airflow.log(run)["dag_id"] == "sqp_weekly_sync__acme_us"
    assert [row["query"] for row in airflow.stages.target()] == [US]
    assert three.untouched(CA) == before


def run_dag(airflow: AirflowRuns, dag_id: str, *, due: datetime | None = None, **conf: Any) -> DagRun:
    """Run a Dag although the file has an import error."""
    more = {"logical_date": due} if due else {}
    run: DagRun = airflow.parse().dags[dag_id].test(run_after=due or datetime.now(UTC), run_conf=conf, **more)
    return run


def test_the_check_of_a_feed_starts_the_syncs_of_that_feed(airflow: AirflowRuns) -> None:
    run = run_check(airflow, dag_id=f"sqp_restatements__{CA}")
    assert states(run, "weekly") == [("check_weekly", -1, "success"), ("sync_weekly", 0, "success")]
    (triggered,) = run.get_task_instance("check_weekly").xcom_pull(task_ids="check_weekly")
    assert triggered["trigger_dag_id"] == "sqp_weekly_sync__acme_ca"


def test_a_feed_that_fails_fails_alone_and_says_what_to_do_once(
    airflow: AirflowRuns, content: dict[str, Any], configure: Configure, webhook: Webhook
) -> None:
    """Its connection is missing, so that nothing remembers what was sent: Airflow knows that it failed before."""
    content["feeds"][CA]["target"] = {"conn_id": "sqp_nowhere"}
    content["alerts"] = {"conn_id": "sqp_alerts"}
    configure(content)
    for day in (24, 25):
        run = run_dag(airflow, "sqp_freshness", due=datetime(2031, 12, day, 7, tzinfo=UTC))
        assert run.state == "failed"
        assert runs_of(run, "close_stale_runs") == [(0, CA, "failed"), (1, US, "success"), (2, "broken", "failed")]
        assert runs_of(run, "delete_old") == [(0, CA, "failed"), (1, US, "success"), (2, "broken", "failed")]
    # Of other tests Airflow may remember that the task at the same place failed, so that one is said to work again.
    sent = [message for message in webhook.messages if "failed: close_stale_runs" in message["title"]]
    told = {message["title"].split(":")[0]: message["message"] for message in sent}
    assert set(told) == {CA, "broken"}
    assert "sqp_nowhere" in told[CA]
    assert "Create the connection in Airflow, or as AIRFLOW_CONN_<ITS NAME>" in told[CA]
    assert "feeds.broken.source.retry_seconds: Input should be greater than 0, found 0" in told["broken"]
    assert [message["title"] for message in sent if message["title"].startswith(CA)] == [
        "acme_ca: SQP task failed: close_stale_runs of sqp_freshness"
    ]


def test_a_single_feed_has_no_mapped_task(airflow: AirflowRuns, content: dict[str, Any], configure: Configure) -> None:
    mapped = airflow.parse().dags["sqp_freshness"].tasks
    assert all(isinstance(task, MappedOperator) for task in mapped)
    del content["feeds"]
    configure(content)
    bag = airflow.parse()
    assert (bag.import_errors, sorted(bag.dags)) == ({}, sorted([*OF_ALL, *OF_A_FEED]))
    assert not any(isinstance(task, MappedOperator) for dag_id in OF_ALL for task in bag.dags[dag_id].tasks)


def test_metrics_have_the_feed(airflow: AirflowRuns, watched: Callable[..., Seen]) -> None:
    seen = watched(f"sqp_weekly_sync__{US}")
    assert seen.finished[f"sqp_weekly_sync__{US}"] == "success"
    assert seen.metric(f"airflow.sqp.rows.inserted,sync_type=weekly,feed={US}") == {"1|c"}
    assert seen.metric(f"airflow.sqp.syncs.completed,sync_type=weekly,feed={US}") == {"1|c"}
    assert seen.metric(f"airflow.sqp.freshness.days,sync_type=weekly,feed={US}") != set()
    ours = [line for line in seen.metrics if line.startswith("airflow.sqp.")]
    assert [line for line in ours if "feed=" not in line] == []
