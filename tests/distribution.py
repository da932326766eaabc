"""How workers share the tests: what shares a server or a preparation stays on one, and the longest begins first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

FOLDERS = ("tests/compose", "tests/e2e", "tests/googlesql", "tests/integration/package", "tests/integration/status")
"""Each has one Docker daemon, Airflow, GoogleSQL, application or installed wheel for all its files."""

ONE_BY_ONE = ("tests/integration/exactness", "tests/integration/stages")
"""Each test prepares what it needs."""

LONGEST_FIRST = (
    "tests/compose/",
    "tests/e2e/test_workers.py",
    "tests/e2e/",
    "tests/integration/exactness/test_histories.py",
    "tests/integration/status/",
    "tests/integration/dev/test_up.py",
    "tests/integration/dev/test_services.py",
    "tests/dags/",
    "tests/googlesql/",
    "tests/integration/exactness/",
    "tests/integration/test_compose",
    "tests/integration/package/",
    "tests/docs/",
    "tests/integration/dev/",
    "tests/integration/sql/",
    "tests/integration/",
)


class Groups(LoadScopeScheduling):
    """Give a worker one group after another.

    xdist has groups of its own, which it writes into ids that pytest 9.2 does not read.
    """

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False  # the order is that of collection, see `longest_first`
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """Return the name of what a test shares something with: a folder, a file, or the test alone."""
    path = Path(nodeid.partition("::")[0])
    if path.name == "test_workers.py":  # it has an Airflow of its own
        return str(path)
    if str(path.parent) in ONE_BY_ONE:
        return nodeid
    return str(path.parent) if str(path.parent) in FOLDERS else str(path)


def rank(item: pytest.Item) -> int:
    """Return a test's place in :data:`LONGEST_FIRST`."""
    return next((n for n, start in enumerate(LONGEST_FIRST) if item.nodeid.startswith(start)), len(LONGEST_FIRST))
