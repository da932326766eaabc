"""docs/operations.md says what each action in the Airflow UI does, as tests/e2e proves, and what each error wants."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sqp_provider.core.errors import SyncError

ROOT = Path(__file__).parents[2]
ACTIONS = "## What each action in the Airflow UI does"
ERRORS = "## What an error wants"

WITHOUT_CLASS = {"NothingPublished", "Stale", "Killed", "AirflowFailException"}
"""Types without an exception of ours: what log_finish and the reaper write, and Airflow's for a missing connection."""


def lines_of_the_table(heading: str) -> list[list[str]]:
    """The cells of each line, without the head."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.split(f"{heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def actions_tested() -> set[str]:
    """The test functions of tests/e2e that operate Dag runs."""
    modules = (
        ROOT / "tests" / "e2e" / f"test_{name}.py" for name in ("trigger", "clear", "mark", "interrupted", "backfill")
    )
    trees = [ast.parse(module.read_text(encoding="utf-8")) for module in modules]
    found = (node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef))
    return {name for name in found if name.startswith("test_")}


def test_each_line_names_a_test_and_each_test_has_a_line() -> None:
    lines = lines_of_the_table(ACTIONS)
    assert all(len(cells) == 5 and all(cells) for cells in lines)
    named = [re.fullmatch(r"`(test_\w+)`", cells[4]) for cells in lines]
    assert all(named)
    assert sorted(match[1] for match in named if match) == sorted(actions_tested())


def subclasses(kind: type[SyncError]) -> Iterator[type[SyncError]]:
    """All kinds of error below one, in core/errors.py."""
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def test_each_error_has_a_line_that_says_whether_it_is_tried_again_and_what_to_do() -> None:
    lines = {cells[0].strip("`"): cells[1:] for cells in lines_of_the_table(ERRORS)}
    kinds = {kind.__name__: kind for kind in subclasses(SyncError) if kind.__module__ == SyncError.__module__}
    assert lines.keys() == kinds.keys() | WITHOUT_CLASS
    assert all(remedy for _, remedy in lines.values())
    tried_again = {name: again for name, (again, _) in lines.items() if name in kinds}
    assert tried_again == {name: "yes" if kind.heals else "no" for name, kind in kinds.items()}
