"""docs/operations.md promises what tests prove, and says what to do about every error."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import airflow.sdk.exceptions
import pytest

from sqp_provider.core.errors import SyncError
from tests.pages import DOCS, TESTS, functions_of, rows, section

OPERATIONS = DOCS / "operations.md"
PROMISES = TESTS / "promises.md"

ACTIONS, ALERTS, ERRORS = "What each action does", "Alerts", "Errors"

OF_AIRFLOW = {"AirflowTaskTimeout"}
"""Exceptions of Airflow's own that a run fails with: a connection is missing, a stage took too long."""

RETRIED_BY_AIRFLOW = {"AirflowTaskTimeout"}
"""Those of them that Airflow retries: ``run`` of its task_runner."""


def promised(heading: str) -> dict[str, list[str]]:
    """The tests of each promise below a heading of promises.md."""
    found = {promise: re.findall(r"`([^`]+)`", tests) for promise, tests in rows(section(PROMISES, heading))}
    assert len(found) == len(rows(section(PROMISES, heading))), "a promise stands there twice"
    return found


@pytest.mark.parametrize("heading", [ACTIONS, ALERTS])
def test_each_row_of_the_page_is_a_promise_and_each_promise_a_row(heading: str) -> None:
    cells = rows(section(OPERATIONS, heading))
    assert cells
    assert all(all(row) for row in cells)
    assert [row[0] for row in cells] == list(promised(heading))


@pytest.mark.parametrize("heading", [ACTIONS, ALERTS])
def test_each_promise_names_tests_that_exist(heading: str) -> None:
    for promise, tests in promised(heading).items():
        assert tests, promise
        for test in tests:
            file, _, name = test.partition("::")
            assert name in functions_of(TESTS / file), test


def test_each_test_that_operates_runs_in_airflow_proves_a_promise() -> None:
    files = [f"e2e/test_{name}.py" for name in ("trigger", "clear", "mark", "interrupted", "backfill")]
    written = {f"{file}::{name}" for file in files for name in functions_of(TESTS / file)}
    named = {test for tests in promised(ACTIONS).values() for test in tests}
    assert written <= named


def subclasses(kind: type[SyncError]) -> Iterator[type[SyncError]]:
    """All kinds of error below one."""
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def classes() -> dict[str, type[SyncError]]:
    """The kinds of error in core/errors.py."""
    return {kind.__name__: kind for kind in subclasses(SyncError) if kind.__module__ == SyncError.__module__}


def types_written_without_an_exception() -> set[str]:
    """The types that a ``Failure(type="Killed", …)`` somewhere in the package names itself."""
    files = (TESTS.parent / "plugins" / "sqp_provider").rglob("*.py")
    calls = (node for file in files for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call))
    failures = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Failure")
    types = (keyword.value for call in failures for keyword in call.keywords if keyword.arg == "type")
    return {
        node.value
        for value in types
        for node in ast.walk(value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_each_error_has_a_row_that_says_what_to_do() -> None:
    said = rows(section(OPERATIONS, ERRORS))
    named = [row[0].strip("`") for row in said]
    written = types_written_without_an_exception()
    assert {"Killed", "Stale"} <= written
    assert all(hasattr(airflow.sdk.exceptions, name) for name in OF_AIRFLOW)
    assert sorted(named) == sorted(classes().keys() | written | OF_AIRFLOW)
    assert all(len(row) == 2 and row[1] for row in said)


def test_the_errors_that_are_retried_are_those_that_heal() -> None:
    (sentence,) = re.findall(r"Airflow retries (.+?) by itself, no other\.", section(OPERATIONS, ERRORS))
    heal = {name for name, kind in classes().items() if kind.heals}
    assert set(re.findall(r"`(\w+)`", sentence)) == heal | RETRIED_BY_AIRFLOW
