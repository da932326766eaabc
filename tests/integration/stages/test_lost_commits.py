"""The connection is lost during COMMIT: the error says that nobody knows what happened, and the retry finds out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest

from sqp_provider.core.errors import TargetUnreachable
from sqp_provider.core.settings import TargetSettings
from sqp_provider.hooks.postgres import Database, SqpPostgresHook
from sqp_provider.target.sync_log import SyncLog
from tests.fixtures import connection_to
from tests.landing import WEEK, Landing, report_row
from tests.proxy import CommitCutter, cutting_commits
from tests.stages import Run, Stages

NOT_KNOWN = (
    "It is not known yet whether the change is in the target. Airflow tries the task again, and the retry checks that."
)
Loses = Literal["request", "answer"]


def write(and_then: Callable[[Database], object]) -> None:
    """Write a row, do something more, commit."""
    with SqpPostgresHook(TargetSettings()).transaction() as opened:
        opened.connection.execute("insert into sent_alert (kind, subject, cause, title) values ('a', 'b', 'c', 'd')")
        and_then(opened)


@pytest.fixture(params=["request", "answer"])
def loses(request: pytest.FixtureRequest) -> Loses:
    """What is lost: the request, so that nothing is committed, or the answer, so that all is."""
    lost: Loses = request.param
    return lost


@pytest.fixture
def proxy(database: str, loses: Loses, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommitCutter]:
    with cutting_commits(database, loses) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(proxy.dsn))
        yield proxy


def test_the_error_does_not_claim_that_the_target_is_unchanged(
    database: str, proxy: CommitCutter, loses: Loses, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(proxy.dsn))
    with pytest.raises(TargetUnreachable) as lost:
        write(lambda opened: setattr(proxy, "armed", True))
    assert (proxy.cut, NOT_KNOWN in str(lost.value)) == (1, True)
    assert "is unchanged" not in str(lost.value)
    assert len(stages.query("select * from sent_alert")) == (1 if loses == "answer" else 0)


def test_a_connection_lost_before_commit_leaves_the_target_unchanged(database: str, stages: Stages) -> None:
    def lose(opened: Database) -> None:
        stages.query("select pg_terminate_backend(%s)", opened.connection.info.backend_pid)
        opened.connection.execute("select 1")

    with pytest.raises(TargetUnreachable, match=r"The target is unchanged\."):
        write(lose)
    assert stages.query("select * from sent_alert") == []


def test_a_publish_that_lost_its_commit_is_right_after_the_retry(
    proxy: CommitCutter, loses: Loses, stages: Stages, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(proxy.dsn))
    landing.land(report_row("a"), report_row("b"))
    run = Run("manual__1", {"period_start": str(WEEK)})
    for task in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(run, task)
    record_counts = SyncLog.record_counts

    def record_and_arm(*arguments: Any) -> None:
        record_counts(*arguments)
        proxy.armed = True

    monkeypatch.setattr(SyncLog, "record_counts", record_and_arm)
    assert not stages.run_task(run, "publish")
    monkeypatch.setattr(SyncLog, "record_counts", record_counts)
    assert (proxy.cut, NOT_KNOWN in str(run.errors["publish"])) == (1, True)
    assert len(stages.target()) == (2 if loses == "answer" else 0)
    assert stages.run_task(run, "publish")
    assert run["publish"]["how"] == ("already published" if loses == "answer" else "attached")
    assert stages.run_task(run, "log_finish")
    assert [row["query"] for row in stages.target()] == ["a", "b"]
    assert (stages.log(run)["sync_status"], stages.log(run)["sync_metadata"]["outcome"]) == ("completed", "attached")
