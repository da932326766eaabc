"""A second checkout for a test, next to the running services of this one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.checkout import ROOT
from dev.services.pidfile import Pidfile

SERVICES_PYTHON = ROOT / ".dev" / "venv" / "bin" / "python"


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

    def services(self, command: str) -> subprocess.CompletedProcess[str]:
        run = [SERVICES_PYTHON, "-m", "dev.services", command]
        return subprocess.run(run, cwd=self.folder, capture_output=True, text=True, env=bare_environment())

    def start(self) -> str:
        started = self.services("start")
        assert started.returncode == 0, started.stderr
        return started.stdout

    def pid(self, service: str) -> int:
        process = Pidfile(self.state / f"{service}.pid").process()
        assert process is not None, f"{service} does not run"
        return process.pid

    def sourced(self, shell: str = "env", times: int = 1) -> str:
        run = ["/bin/sh", "-euc", '. "$1"; ' * times + shell, "sh", self.state / "env"]
        return subprocess.run(run, capture_output=True, text=True, check=True, env=bare_environment()).stdout

    def variable(self, name: str) -> str:
        return self.sourced(f'printf %s "${name}"')


def bare_environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"].replace(f"{ROOT}/.venv/bin:", ""), "HOME": os.environ.get("HOME", "/")}


@contextmanager
def started_in(folder: Path) -> Iterator[Checkout]:
    """Start the services of a new checkout, and leave nothing of them behind."""
    checkout = Checkout(folder)
    try:
        checkout.start()
        yield checkout
    finally:
        removed = checkout.services("remove")
        assert removed.returncode == 0, removed.stderr
