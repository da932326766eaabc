"""What checks a change says the same everywhere, and GitHub can read it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def recipe(target: str) -> list[str]:
    """The commands of a make target."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found, f"make {target}: no such target"
    return [line.strip().removeprefix("@") for line in found[1].splitlines()]


def test_pre_commit_runs_what_make_lint_types_does() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in local["hooks"]] == [*recipe("lint"), *recipe("types")]


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-workflows", ROOT / ".github" / "workflows" / "tests.yml"),
        ("vendor.github-issue-config", ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"),
        *(("vendor.github-issue-forms", form) for form in FORMS),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else value,
)
def test_github_can_read_it(schema: str, file: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_a_report_asks_for_period_log_row_and_error() -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "sync.yml").read_text())
    required = {field["id"] for field in form["body"] if field.get("validations", {}).get("required")}
    assert {"period", "sync-log-id", "error"} <= required


def test_the_pages_stay_short_enough_to_be_read() -> None:
    pages = {ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")}
    # Written from the code, and looked up, not read.
    pages -= {ROOT / "docs" / "configuration.md", ROOT / "docs" / "status-json.md"}
    words = sum(len(page.read_text(encoding="utf-8").split()) for page in pages)
    assert words < 12_700, "say each thing once; the decisions of docs/adr do not count"
