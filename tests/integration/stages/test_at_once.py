"""Two threads publish one week at the same moment, on a real Postgres: one does, the other says who does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
from airflow.sdk.exceptions import AirflowSkipException

from sqp_provider.operators.publish import SyncPublishOperator
from tests.landing import WEEK, Landing, report_row
from tests.stages import NO_OPTIONS, Run, Stages

TEN = [report_row(f"query {n}") for n in range(10)]


def staged(stages: Stages, run: Run) -> Run:
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(run, task)
    return run


def new_run(name: str) -> Run:
    return Run(name, NO_OPTIONS | {"period_start": str(WEEK), "force": True})


def publish_at_once(stages: Stages, *runs: Run) -> list[Any]:
    """Publish in as many threads; return each result or error. They meet before any of them has a lock."""
    barrier = Barrier(len(runs))

    def publish(run: Run) -> Any:
        operator: SyncPublishOperator = stages.operator(run, "publish")
        publish = operator.publish

        def wait_for_the_others(*arguments: Any) -> Any:
            barrier.wait()
            return publish(*arguments)

        operator.publish = wait_for_the_others  # type: ignore[method-assign]
        try:
            return operator.execute(run.context("publish"))
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(publish, runs))


def test_of_two_runs_of_a_week_at_the_same_moment_the_later_one_publishes(landing: Landing, stages: Stages) -> None:
    """The week is new, then it is there: attached, then by difference."""
    landing.land(*TEN)
    for number, how in ((1, "attached"), (2, "difference")):
        early, late = (staged(stages, new_run(f"{name} {number}")) for name in ("early", "late"))
        skipped, published = publish_at_once(stages, early, late)
        assert isinstance(skipped, AirflowSkipException)
        assert f"run late {number} (sync_log {late['log_start']}) does it." in str(skipped)
        assert published["how"] == how
        assert len(stages.target()) == 10
        ledger = stages.query("select sync_log_id from synced_period where sync_type = 'weekly'")
        assert ledger == [{"sync_log_id": late["log_start"]}]
        stages.query("update sync_log set sync_status = 'completed'")


def test_a_publish_and_its_own_retry_at_the_same_moment_publish_once(landing: Landing, stages: Stages) -> None:
    """A worker that Airflow gave up may still be alive when the task is tried again."""
    landing.land(*TEN)
    run = staged(stages, new_run("r"))
    results = publish_at_once(stages, run, run, run)
    assert sorted(result["how"] for result in results) == ["already published", "already published", "attached"]
    assert len(stages.target()) == 10
    assert stages.log(run)["records_inserted"] == 10


def test_a_week_is_attached_as_soon_as_another_sync_has_written(landing: Landing, stages: Stages) -> None:
    """Each row that refers to sync_log locks it until its transaction ends. Nothing else waits meanwhile."""
    landing.land(*TEN)
    run = staged(stages, new_run("r"))
    waiting = "select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
    with psycopg.connect(stages.dsn, options="-c search_path=sqp") as other_sync, ThreadPoolExecutor(1) as pool:
        other_sync.execute("select from sync_log where id = %s for key share", [run["log_start"]])
        publishing = pool.submit(stages.run_task, run, "publish")
        while not stages.query(waiting, other_sync.info.backend_pid):
            assert not publishing.done(), run.errors
        other_sync.commit()
        assert publishing.result(), run.errors
    assert run["publish"]["how"] == "attached"
