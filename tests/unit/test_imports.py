"""Imports point only the way that docs/architecture.md says."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import distribution

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "plugins" / "sqp_provider"

MAY_IMPORT = {
    "core": set(),
    "sql_files": {"core"},
    "hooks": {"sql_files", "core"},
    "source": {"hooks", "sql_files", "core"},
    "landings": {"hooks", "sql_files", "core"},
    "target": {"hooks", "sql_files", "core"},
    "revisions": {"sql_files", "core"},
    "migration_session": {"revisions", "sql_files"},
    "obstacles": {"revisions", "sql_files", "core"},
    "feed_views": {"revisions", "sql_files", "core"},
    "together": {"feed_views", "migration_session", "revisions", "core"},
    "deletion": {"together", "feed_views", "migration_session", "obstacles", "revisions", "sql_files", "core"},
    "migrations": {"migration_session", "obstacles", "revisions", "sql_files", "core"},
    "task_log": set(),
    "failures": {"task_log", "core"},
    "assets": {"core"},
    "timetables": {"core"},
    "deadlines": {"core"},
    "triggers": {"target", "hooks", "core"},
    "notifications": {"failures", "target", "hooks", "core"},
    "status": {"hooks", "core"},
    "sensors": {"failures", "triggers", "target", "core"},
    "doctor": {"feed_views", "migration_session", "obstacles", "revisions", "source", "target", "hooks", "core"},
    "proof": {"source", "target", "hooks", "core"},
    "operators": {
        "doctor",
        "proof",
        "sensors",
        "notifications",
        "failures",
        "triggers",
        "assets",
        "migrations",
        "together",
        "revisions",
        "status.addresses",
        "source",
        "target",
        "hooks",
        "core",
    },
    "sync": {"operators", "notifications", "failures", "assets", "deadlines", "core"},
    "commands": {
        "deletion",
        "doctor",
        "proof",
        "hooks.bigquery",
        "hooks.postgres",
        "source.survey",
        "operators.owner",
        "status.config",
        "together",
        "migrations",
        "revisions",
        "core",
    },
    "__main__": {"commands", "landings", "revisions", "core"},
    "plugin": {"status", "timetables", "deadlines"},
    "get_provider_info": set(),
    "__init__": set(),
    "dags": {"sync", "timetables", "core", "operators.doctor", "operators.prove"},
}
"""What each part may import of the others, besides itself."""

CLIENTS = ("airflow", "google", "psycopg", "sqlalchemy", "alembic", "requests", "httpx", "time", "os")
"""What core never imports: Airflow, a client, a clock's module, the environment."""

FILES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "dags").glob("*.py")])


def part(file: Path) -> str:
    """The part that a file belongs to."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py") if file.is_relative_to(PACKAGE) else "dags"


def imported(file: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it, with what it takes of a package that could be a module."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            yield str(node.module)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_imports_only_what_its_part_may(file: Path) -> None:
    own = part(file)
    ours = (name.removeprefix("sqp_provider.") for name in imported(file) if name.startswith("sqp_provider."))
    for name in ours:
        allowed = {own} | MAY_IMPORT[own]
        assert any(name == each or name.startswith(f"{each}.") for each in allowed), f"{own} imports {name}"
    if own == "core":
        assert not {name.split(".")[0] for name in imported(file)} & set(CLIENTS)


STAGED_PERIOD = "sqp_provider.operators.staged_period"
"""What validate and publish use of it reads nothing from BigQuery."""


@pytest.mark.parametrize("stage", ["log_start", "validate", "publish", "log_finish"])
def test_a_stage_that_reads_nothing_from_bigquery_loads_neither_its_client_nor_arrow(stage: str) -> None:
    """Each task is a process of its own, and these take longer to import than such a stage takes for a small week."""
    operator = PACKAGE / "operators" / f"{stage}.py"
    needed = sorted({name for name in imported(operator) if name.startswith("sqp_provider.")} | {STAGED_PERIOD})
    heavy = ("pyarrow", "numpy", "pandas", "grpc", "google.cloud.bigquery")
    program = f"import sys, {', '.join(needed)}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_table_of_the_documentation_names_every_part() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("## What lives where\n", 1)[1]
    parts = {part(file) for file in FILES} - {"__init__", "get_provider_info"}
    assert parts == MAY_IMPORT.keys() - {"__init__", "get_provider_info"}
    for name in parts:
        assert f"{name}/`" in table or f"`{name}.py`" in table or f"/{name}.py`" in table, name


def test_one_folder_of_tests_loads_googlesql_so_that_one_worker_has_it() -> None:
    folder = "tests/googlesql"
    assert folder in distribution.FOLDERS
    loading = {
        str(file.parent.relative_to(ROOT))
        for file in (ROOT / "tests").rglob("*.py")
        if any(name.startswith(("tests.googlesql", "zetasql", "wasmtime")) for name in imported(file))
    }
    assert loading == {folder}
