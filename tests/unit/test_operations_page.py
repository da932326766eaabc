"""docs/operations.md says what each action in the Airflow UI does: exactly what the tests of tests/e2e prove."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEADING = "## What each action in the Airflow UI does"


def lines_of_the_table() -> list[list[str]]:
    """The cells of each line, without the head."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.split(f"{HEADING}\n", 1)[1].split("\n## ", 1)[0]
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
    lines = lines_of_the_table()
    assert all(len(cells) == 5 and all(cells) for cells in lines)
    named = [re.fullmatch(r"`(test_\w+)`", cells[4]) for cells in lines]
    assert all(named)
    assert sorted(match[1] for match in named if match) == sorted(actions_tested())
