"""A run of a Git bundle that is cleared after its configuration was corrected: Airflow's own API, two commits."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import sync_bag_to_db
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from fastapi.testclient import TestClient
from sqlalchemy import select

from tests.dags.test_bundles import Repository, bundles, git_bundle, parse, repository, tables
from tests.integration.status.conftest import PASSWORDS, api_server

__all__ = ["api_server", "bundles", "repository"]  # fixtures

WRONG, CORRECTED = "amazon.search_query_performance", "amazon.corrected"


class Bundle:
    """The weekly Dag, under an id of its own, from a Git bundle that Airflow knows."""

    def __init__(self, repository: Repository, bundles: Any) -> None:
        self.repository = repository
        self.dag_id = f"sqp_weekly_sync_{uuid4().hex[:8]}"
        for file in repository.path.glob("dags/*.py"):
            if file.stem != "sqp_weekly_sync":
                file.unlink()
        file = "dags/sqp_weekly_sync.py"
        self.edit(file, 'each_feed(__file__, "sqp_weekly_sync")', f'each_feed(__file__, "{self.dag_id}")')
        self.edit(file, "dag_id=settings.dag_id(SyncType.WEEKLY)", f'dag_id="{self.dag_id}"')
        name = f"sqp_{uuid4().hex[:8]}"
        self.manager: DagBundlesManager = bundles(git_bundle(repository) | {"name": name})
        self.manager.sync_bundles_to_db()
        self.tracking = self.manager.get_bundle(name)

    def edit(self, path: str, old: str, new: str) -> str:
        """Change a file and return the commit."""
        file = self.repository.path / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        return self.repository.commit()

    def process(self) -> str:
        """Do what the Dag processor does: fetch, parse, write into the metadata database. Return the commit."""
        self.tracking.initialize()
        self.tracking.refresh()
        version = str(self.tracking.get_current_version().version)
        with create_session() as session:
            bag = parse(self.tracking)
            sync_bag_to_db(bag, self.tracking.name, bundle_version=version, session=session)
        return version

    def fail(self, run_id: str) -> None:
        """Finish a run as failed. Stands in for the scheduler, which would run its tasks first."""
        with create_session() as session:
            run = session.scalar(select(DagRun).where(DagRun.dag_id == self.dag_id, DagRun.run_id == run_id))
            assert run
            for task_instance in run.get_task_instances(session=session):
                task_instance.state = TaskInstanceState.FAILED
            run.state = DagRunState.FAILED

    def source_of(self, version: str) -> set[str]:
        """The source table that a task of a run of that commit reads."""
        return tables(parse(self.manager.get_bundle(self.tracking.name, version)))


@pytest.fixture
def admin(api_server: Any) -> TestClient:
    client = TestClient(api_server, base_url="http://testserver/api/v2")
    login = client.post("http://testserver/auth/token", json={"username": "admin", "password": PASSWORDS["admin"]})
    client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
    return client


def answered(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_cleared_run_reads_the_corrected_configuration_unless_a_person_unticks_that(
    admin: TestClient,
    repository: Repository,
    bundles: Any,
) -> None:
    bundle = Bundle(repository, bundles)
    first = bundle.process()
    runs = f"/dags/{bundle.dag_id}/dagRuns"
    answered(admin.post(runs, json={"dag_run_id": "manual__1", "logical_date": None}))
    bundle.fail("manual__1")
    second = bundle.edit("dags/sqp_config.yaml", WRONG, CORRECTED)
    assert bundle.process() == second

    def clear(**options: Any) -> str:
        answered(admin.post(f"{runs}/manual__1/clear", json={"dry_run": False} | options))
        return str(answered(admin.get(f"{runs}/manual__1"))["bundle_version"])

    assert (clear(run_on_latest_version=False), bundle.source_of(first)) == (first, {WRONG})
    bundle.fail("manual__1")
    assert (clear(), bundle.source_of(second)) == (second, {CORRECTED})
