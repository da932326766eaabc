"""The provider as an installed wheel: what Airflow lists, and that nothing of the checkout is missing in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import psycopg

from sqp_provider import __version__
from tests.integration.package.conftest import ROOT, Installed

FOUND = """
import json, sqp_provider
from sqp_provider.sql_files import named_statements, sql_folder
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.operators.links import SyncPageLink
from sqp_provider.operators.publish import SyncPublishOperator
from sqp_provider.sensors.freshness import SqpFreshnessSensor
from sqp_provider.status.app import StatusPage
from sqp_provider.status.templates import FOLDER
app = StatusPage().app
print(json.dumps({
    "package": sqp_provider.__file__,
    "sql": str(sql_folder()),
    "statements": len(named_statements("sync_log")),
    "routes": len(app.routes),
    "pages": sorted(path.name for path in FOLDER.glob("templates/*")),
}))
"""

REGISTERED = """
import json
from airflow import plugins_manager
found = [plugin for plugin in plugins_manager._get_plugins()[0] if "sqp" in plugin.name]
print("FOUND", json.dumps({
    "sources": [str(plugin.source) for plugin in found],
    "timetables": [name for name in plugins_manager.get_timetables_plugins() if "sqp" in name],
    "apps": [app["name"] for app in plugins_manager.get_fastapi_plugins()[0] if "SQP" in app["name"]],
    "errors": plugins_manager.get_import_errors(),
}))
"""


def test_the_wheel_holds_every_file_of_package_and_sql(installed: Installed) -> None:
    checkout = {path.relative_to(ROOT / "plugins") for path in _files(ROOT / "plugins/sqp_provider")}
    checkout |= {Path("sqp_provider") / path.relative_to(ROOT) for path in _files(ROOT / "sql")}
    names = {Path(name) for name in ZipFile(installed.wheel).namelist()}
    assert {name for name in names if name.parts[0] == "sqp_provider"} == checkout
    assert Path("sqp_provider/py.typed") in names
    assert installed.wheel.name == f"airflow_provider_sqp-{__version__}-py3-none-any.whl"


def test_airflow_lists_the_provider_with_its_version(installed: Installed) -> None:
    providers = json.loads(installed.airflow("providers", "list", "--output", "json"))
    (ours,) = [row for row in providers if row["package_name"] == "airflow-provider-sqp"]
    assert ours["version"] == __version__
    assert ours["description"].startswith("Keeps Amazon Search Query Performance figures in Postgres")


def test_airflow_lists_what_the_provider_brings(installed: Installed) -> None:
    (ours,) = json.loads(installed.airflow("providers", "get", "airflow-provider-sqp", "--full", "--output", "json"))
    assert "sqp_provider.operators.publish" in str(ours)
    assert "sqp_provider.sensors.freshness" in str(ours)
    assert "sqp_provider.operators.links.BigQueryJobLink" in str(ours)


def test_airflow_loads_the_plugin_of_the_wheel_once(installed: Installed) -> None:
    plugins = json.loads(installed.airflow("plugins", "--output", "json"))
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "sqp_provider"]
    assert f"airflow-provider-sqp=={__version__}" in ours["source"]
    assert ours["timetables"] == ["sqp_provider.timetables.period.PeriodTimetable"]
    assert [view["destination"] for view in ours["external_views"]] == ["nav", "dag_run"]


def test_a_plugins_folder_beside_the_wheel_is_refused_and_registers_nothing_twice(installed: Installed) -> None:
    """Providers are not loaded lazily here: then Airflow searches for plugins in all three places."""
    plugins = ROOT / "plugins"
    both = {
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
        "PYTHONPATH": str(plugins),
        "AIRFLOW__CORE__LAZY_LOAD_PROVIDERS": "False",
    }
    (line,) = [line for line in installed.run("-c", REGISTERED, **both).splitlines() if line.startswith("FOUND ")]
    found: dict[str, Any] = json.loads(line.removeprefix("FOUND "))
    (error,) = found["errors"].values()
    assert error == (
        f"airflow-provider-sqp {__version__} is installed in {installed.site_packages} and registers itself; "
        f"the copy in the plugins folder {plugins} was not loaded. Keep one of the two: remove sqp_airflow_plugin.py "
        "and sqp_provider/ from the plugins folder, or run 'pip uninstall airflow-provider-sqp'."
    )
    assert len(found["sources"]) == 1
    assert f"airflow-provider-sqp=={__version__}" in found["sources"][0]
    assert found["timetables"] == ["sqp_provider.timetables.period.PeriodTimetable"]
    assert found["apps"] == ["SQP sync"]


def test_statements_and_pages_are_those_of_the_wheel(installed: Installed) -> None:
    found = json.loads(installed.run("-c", FOUND).splitlines()[-1])
    package = installed.site_packages / "sqp_provider"
    assert (found["package"], found["sql"]) == (str(package / "__init__.py"), str(package / "sql"))
    assert found["statements"] >= 8
    assert found["routes"] >= 10
    assert found["pages"] == sorted(path.name for path in (ROOT / "plugins/sqp_provider/status/templates").iterdir())


def test_the_wheel_migrates_a_new_database(installed: Installed, empty_database: str) -> None:
    command = str(installed.folder / "bin/sqp")
    assert __version__ in installed.run(command, "--version")
    installed.run(command, "migrate", SQP_POSTGRES_DSN=empty_database)
    revisions = sorted(path.stem[:4] for path in (ROOT / "sql/migrations/versions").glob("*.sql"))
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select version_num from sqp.alembic_version").fetchall() == [(revisions[-1],)]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
