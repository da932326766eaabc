"""What it costs to parse a Dag file: nothing that only a task, the page or the triggerer needs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import DAGS

PARSED = [*sorted(DAGS.glob("*.py")), DAGS.parent / "plugins" / "sqp_provider" / "plugin.py"]
"""The Dag files, and the plugin that each process of Airflow loads."""

CLIENTS = ("alembic", "apprise", "google", "grpc", "numpy", "pandas", "pgpq", "psycopg", "pyarrow", "sqlalchemy")
"""Each of them costs as much as all of a Dag file may."""

PARSE = """
import runpy, sys
import airflow.sdk
before = set(sys.modules)
runpy.run_path(sys.argv[1])
print(*sorted(set(sys.modules) - before))
"""

SETTINGS = {
    "source": {"table": "amazon.search_query_performance"},
    "alerts": {"conn_id": "sqp_alerts"},
}


@pytest.mark.parametrize("path", PARSED, ids=lambda path: path.stem)
def test_a_parse_imports_no_client(path: Path, configure: Callable[[Mapping[str, Any]], Path]) -> None:
    """Airflow parses each file again and again, in a new process, and kills a parse that is slow."""
    configure(SETTINGS)
    done = subprocess.run([sys.executable, "-c", PARSE, str(path)], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "sqp_provider.core.period" in loaded
    assert [name for name in loaded if name.split(".")[0] in CLIENTS] == []
    # TriggerDagRunOperator brings them along, and they cost three times what a Dag file may.
    assert [name for name in loaded if name.startswith("airflow.models")] == []
