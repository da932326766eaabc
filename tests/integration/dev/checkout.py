"""A second checkout for a test, next to the running services of this one."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev.checkout import ROOT

SERVICES_PYTHON = ROOT / ".dev" / "venv" / "bin" / "python"
PROGRAMS = "import json; from dev.services import supervisor; print(json.dumps(supervisor.programs()))"


class Checkout:
    """A copy of dev/ that shares this checkout's environments, but nothing that services write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".dev"
        shutil.copytree(ROOT / "dev", folder / "dev", ignore=shutil.ignore_patterns("__pycache__"))
        for shared in (".venv", "plugins", "dags"):
            (folder / shared).symlink_to(ROOT / shared)
        self.state.mkdir()
        for shared in ("uv", "venv"):
            (self.state / shared).symlink_to(ROOT / ".dev" / shared)

    def python(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the services' Python in the checkout."""
        environment = bare_environment() | variables
        command = [SERVICES_PYTHON, *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=environment)

    def services(self, command: str) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "dev.services", command)

    def start(self) -> str:
        started = self.services("start")
        assert started.returncode == 0, started.stderr
        return started.stdout

    def pids(self) -> dict[str, int]:
        """The programs at work, as supervisord says."""
        asked = self.python("-c", PROGRAMS)
        assert asked.returncode == 0, asked.stderr
        programs: list[dict[str, Any]] = json.loads(asked.stdout)
        return {program["name"]: program["pid"] for program in programs if program["pid"]}

    def supervisord(self) -> int:
        return int((self.state / "supervisord.pid").read_text())

    def sourced(self, shell: str = "env", times: int = 1) -> str:
        run = ["/bin/sh", "-euc", '. "$1"; ' * times + shell, "sh", self.state / "env"]
        return subprocess.run(run, capture_output=True, text=True, check=True, env=bare_environment()).stdout

    def variable(self, name: str) -> str:
        return self.sourced(f'printf %s "${name}"')


def bare_environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"].replace(f"{ROOT}/.venv/bin:", ""), "HOME": os.environ.get("HOME", "/")}


@contextmanager
def removed_afterwards(folder: Path) -> Iterator[Checkout]:
    """Make a new checkout, and leave nothing behind that was started in it."""
    checkout = Checkout(folder)
    try:
        yield checkout
    finally:
        removed = checkout.services("remove")
        assert removed.returncode == 0, removed.stderr


@contextmanager
def started_in(folder: Path) -> Iterator[Checkout]:
    """Start the services of a new checkout, and leave nothing of them behind."""
    with removed_afterwards(folder) as checkout:
        checkout.start()
        yield checkout
