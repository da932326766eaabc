"""The provider in Airflow's plugins folder, as docs/deployment.md says: nothing else puts it on Python's path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pytest

from tests.integration.package.conftest import ROOT

FOUND = """
import json, os, sys
from airflow import plugins_manager
from airflow.dag_processing.dagbag import DagBag
from sqp_provider.sql_files import sql_folder
bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
found = [plugin for plugin in plugins_manager._get_plugins()[0] if "sqp" in plugin.name]
print("FOUND", json.dumps({
    "sources": [str(plugin.source) for plugin in found],
    "apps": [app["name"] for app in plugins_manager.get_fastapi_plugins()[0] if "SQP" in app["name"]],
    "plugin_errors": plugins_manager.get_import_errors(),
    "dags": sorted(bag.dags),
    "dag_errors": bag.import_errors,
    "package": sys.modules["sqp_provider"].__file__,
    "sql": str(sql_folder()),
    "bare": sorted({"errors", "settings", "contract", "publish"} & sys.modules.keys()),
}))
"""


class Folder:
    """A folder with plugins/, sql/ and dags/ as a deployment mounts them, and an Airflow that knows only these."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for each in ("plugins", "sql", "dags"):
            copytree(ROOT / each, path / each, ignore=ignore_patterns("__pycache__"))

    def run(self, *arguments: str) -> str:
        """Run Python far from the checkout, without a PYTHONPATH; return what it printed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SQP_", "PYTHON", "COV"))}
        own = {"AIRFLOW_HOME": self.path / "home", "AIRFLOW__CORE__PLUGINS_FOLDER": self.path / "plugins"}
        own["AIRFLOW__CORE__DAGS_FOLDER"] = self.path / "dags"
        done = subprocess.run(
            [sys.executable, *arguments],
            env=kept | {name: str(value) for name, value in own.items()},
            cwd=self.path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def found(self) -> dict[str, Any]:
        """What Airflow registers and parses."""
        (line,) = [line for line in self.run("-c", FOUND).splitlines() if line.startswith("FOUND ")]
        found: dict[str, Any] = json.loads(line.removeprefix("FOUND "))
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder of its own."""
    return Folder(tmp_path)


def test_the_plugins_folder_alone_registers_once_and_the_dags_parse(folder: Folder) -> None:
    found = folder.found()
    assert (found["plugin_errors"], found["dag_errors"]) == ({}, {})
    assert len(found["sources"]) == 1
    assert found["apps"] == ["SQP sync"]
    assert sorted([*found["dags"], "sqp_feeds"]) == sorted(path.stem for path in (ROOT / "dags").glob("*.py"))
    assert found["package"] == str(folder.path / "plugins/sqp_provider/__init__.py")
    assert found["sql"] == str(folder.path / "sql")
    assert found["bare"] == []


def test_airflow_plugins_lists_it(folder: Folder) -> None:
    plugins = json.loads(folder.run("-m", "airflow", "plugins", "--output", "json"))
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "sqp_provider"]
    assert "sqp_airflow_plugin.py" in ours["source"]
    assert ours["timetables"] == ["sqp_provider.timetables.period.PeriodTimetable"]


def test_without_its_airflowignore_modules_are_imported_under_names_that_are_not_theirs(folder: Folder) -> None:
    (folder.path / "plugins/.airflowignore").unlink()
    found = folder.found()
    assert found["bare"] == ["contract", "errors", "publish", "settings"]
    assert found["plugin_errors"] == {
        "$PLUGINS_FOLDER/sqp_provider/plugin.py": "Plugin 'sqp_provider' already registered, skipping"
    }
