"""The locks fit one environment, and the extras are locked as pyproject.toml has them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BESIDE = ("requirements-celery.txt", "requirements-extras.txt", "requirements-dev.txt")


def pins(lock: str) -> dict[str, str]:
    """The packages of a lock, each with its version."""
    return dict(re.findall(r"^([a-z0-9.-]+)(?:\[[^]]+\])?==(\S+)(?: ;.*)?$", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", BESIDE)
def test_a_lock_agrees_with_requirements_txt(lock: str) -> None:
    base, own = pins("requirements.txt"), pins(lock)
    shared = base.keys() & own.keys()
    assert len(base) > 100
    assert own
    assert {name: own[name] for name in shared} == {name: base[name] for name in shared}


def test_the_extras_are_locked() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    # Airflow's own extra brings the package of the same name.
    wanted = {re.sub(r"^apache-airflow-core\[(\w+)\]$", r"\1", each) for names in extras.values() for each in names}
    lines = (ROOT / "requirements-extras.in").read_text().splitlines()
    assert {line for line in lines if line and not line.startswith(("#", "-c"))} == wanted
    locked = pins("requirements-extras.txt")
    assert {re.split(r"[>=]", name)[0] for name in wanted} <= locked.keys()


def test_every_lock_is_made_by_make_lock() -> None:
    recipe = (ROOT / "Makefile").read_text().split("\nlock:", 1)[1].split("\n\n", 1)[0]
    assert set(re.findall(r"--output-file (\S+)", recipe)) == {path.name for path in ROOT.glob("requirements*.txt")}
