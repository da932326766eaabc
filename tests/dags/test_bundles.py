"""Dag bundles through Airflow's own manager: a folder, and a Git repository made of this checkout."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.bundles.base import BaseDagBundle
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag

from sqp_provider.sql_files import sql_folder
from tests.dags.conftest import DAGS

ROOT = DAGS.parent
GIT = shutil.which("git") or "git is needed"
NAMES = [path.stem for path in sorted(DAGS.glob("*.py")) if path.stem != "sqp_feeds"]  # which is for import errors


class Repository:
    """A Git repository with dags/, plugins/ and sql/ of this checkout."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch", "main")
        for folder in ("dags", "plugins", "sql"):
            shutil.copytree(ROOT / folder, path / folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.first = self.commit()

    def commit(self) -> str:
        """Commit everything and return the commit's id."""
        self.git("add", "--all")
        self.git("-c", "user.name=Test", "-c", "user.email=test@example.com", "commit", "--quiet", "--message", "Test")
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        """Run git in it."""
        return subprocess.check_output([GIT, *arguments], cwd=self.path, text=True)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with one commit."""
    return Repository(tmp_path / "repository")


@pytest.fixture
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Name bundles in the setting that a deployment sets, and get Airflow's manager of them."""
    monkeypatch.delenv("SQP_CONFIG", raising=False)
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))

    def configure(*configured: dict[str, Any]) -> DagBundlesManager:
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(configured))
        return DagBundlesManager()

    return configure


def local_bundle(path: Path) -> dict[str, Any]:
    """As docs/deployment.md shows it."""
    classpath = "airflow.dag_processing.bundles.local.LocalDagBundle"
    return {"name": "sqp", "classpath": classpath, "kwargs": {"path": str(path), "refresh_interval": 60}}


def git_bundle(repository: Repository) -> dict[str, Any]:
    """As docs/deployment.md shows it."""
    classpath = "airflow.providers.git.bundles.git.GitDagBundle"
    kwargs = {"repo_url": str(repository.path), "tracking_ref": "main", "subdir": "dags"}
    return {"name": "sqp", "classpath": classpath, "kwargs": kwargs}


def parse(bundle: BaseDagBundle) -> BundleDagBag:
    """Fetch and parse it, as the Dag processor does."""
    bundle.initialize()
    bag = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    assert bag.import_errors == {}
    return bag


def tables(bag: BundleDagBag) -> set[str]:
    """The source tables that the parsed Dags read."""
    tasks = [task for dag in bag.dags.values() for task in dag.tasks if hasattr(task, "settings")]
    assert tasks
    return {task.settings.source.table for task in tasks}


def test_a_folder_is_a_bundle(bundles: Any) -> None:
    bundle = bundles(local_bundle(DAGS)).get_bundle("sqp")
    bag = parse(bundle)
    assert sorted(bag.dags) == NAMES
    assert tables(bag) == {"amazon.search_query_performance"}
    assert bundle.get_current_version() is None


def test_a_git_repository_is_a_bundle_with_the_commit_as_its_version(bundles: Any, repository: Repository) -> None:
    bundle = bundles(git_bundle(repository)).get_bundle("sqp")
    bag = parse(bundle)
    assert sorted(bag.dags) == NAMES
    assert bundle.get_current_version().version == repository.first
    assert bundle.path.name == "dags"
    assert repository.path not in bundle.path.parents  # a clone of its own, in the bundles' storage
    assert {Path(dag.fileloc).parent for dag in bag.dags.values()} == {bundle.path}


def test_a_run_keeps_the_configuration_of_the_commit_it_began_with(bundles: Any, repository: Repository) -> None:
    manager = bundles(git_bundle(repository))
    tracking = manager.get_bundle("sqp")
    assert tables(parse(tracking)) == {"amazon.search_query_performance"}
    config = repository.path / "dags/sqp_config.yaml"
    config.write_text(config.read_text().replace("amazon.search_query_performance", "amazon.moved"))
    second = repository.commit()
    tracking.refresh()
    assert tables(parse(tracking)) == {"amazon.moved"}
    assert tracking.get_current_version().version == second
    pinned = manager.get_bundle("sqp", repository.first)
    assert tables(parse(pinned)) == {"amazon.search_query_performance"}
    assert pinned.get_current_version().version == repository.first


def test_sqp_config_of_the_environment_wins_over_the_bundles_own(
    bundles: Any, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "client_a.yaml"
    elsewhere.write_text("source: {table: client_a.report}")
    manager = bundles(git_bundle(repository))
    monkeypatch.setenv("SQP_CONFIG", str(elsewhere))
    assert tables(parse(manager.get_bundle("sqp"))) == {"client_a.report"}


def test_the_statements_are_the_packages_own_not_the_bundles(bundles: Any, repository: Repository) -> None:
    """Code and SQL change together; a bundle that is older than the package must not mix the two."""
    bundle = bundles(git_bundle(repository)).get_bundle("sqp")
    tasks = [task for dag in parse(bundle).dags.values() for task in dag.tasks if hasattr(task, "settings")]
    assert (bundle.path.parent / "sql/extract.sql").is_file()
    assert (bundle.path.parent / "plugins/sqp_provider").is_dir()
    assert {Path(inspect.getfile(type(task))).parents[2] for task in tasks} == {ROOT / "plugins"}
    assert sql_folder() == ROOT / "sql"
