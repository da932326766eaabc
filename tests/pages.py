"""What a page of the documentation promises, and the tests that it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"


def section(page: Path, heading: str) -> str:
    """What a page says below a heading."""
    parts = page.read_text(encoding="utf-8").split(f"\n## {heading}\n")
    assert len(parts) == 2, f"{page.name} has no single heading {heading!r}"
    return parts[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every table of a text, without the heads."""
    tables = re.findall(r"^\|.*\n\|[-|]+\|\n((?:\|.*(?:\n|$))+)", text, re.MULTILINE)
    lines = (line for table in tables for line in table.splitlines())
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def functions_of(file: Path) -> set[str]:
    """The test functions of a file."""
    found = (
        node.name for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)
    )
    return {name for name in found if name.startswith("test_")}
