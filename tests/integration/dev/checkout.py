"""A second checkout for a test, next to the running services of this one."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

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

    @cached_property
    def socket(self) -> str:
        return self.python("-c", "from dev.services import supervisor; print(supervisor.SOCKET)").stdout.strip()

    def supervisord(self) -> int:
        return int((self.state / "supervisord.pid").read_text())

    def sourced(self, shell: str = "env", times: int = 1) -> str:
        run = ["/bin/sh", "-euc", '. "$1"; ' * times + shell, "sh", self.state / "env"]
        return subprocess.run(run, capture_output=True, text=True, check=True, env=bare_environment()).stdout

    def variable(self, name: str) -> str:
        return self.sourced(f'printf %s "${name}"')


class Made:
    """A checkout in which `make` finds everything installed."""

    def __init__(self, folder: Path) -> None:
        self.checkout = Checkout(folder)
        for shared in ("Makefile", "sql", *(path.name for path in ROOT.glob("requirements*.txt"))):
            (folder / shared).symlink_to(ROOT / shared)

    def make(self, target: str) -> str:
        done = subprocess.run(
            [shutil.which("make") or "make", "--no-print-directory", target],
            cwd=self.checkout.folder,
            capture_output=True,
            text=True,
            env=bare_environment(),
        )
        logs = "\n".join(path.read_text()[-2000:] for path in self.checkout.state.glob("log/*.log"))
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
        return done.stdout

    def up(self) -> tuple[str, str, str]:
        """Start Airflow on sample data; return what was said, the address and the password of the page's user."""
        said = self.make("up")
        found = re.search(r"status page +(\S+)/plugin/sqp-sync\n.*\npassword +(\S+)", said)
        assert found, said
        return said, found[1], found[2]

    def processes(self) -> list[str]:
        """What runs in the checkout, Airflow's tasks included."""
        return [" ".join(process.cmdline()) for process in psutil.process_iter() if self.is_ours(process)]

    def is_ours(self, process: psutil.Process) -> bool:
        try:
            ours = process.environ().get("SQP_SUPERVISOR_SOCKET") == self.checkout.socket
            return process.status() != psutil.STATUS_ZOMBIE and ours
        except psutil.Error:
            return False


def bare_environment() -> dict[str, str]:
    ours = (str(ROOT / ".venv" / "bin"), str(ROOT / ".dev" / "bin"))
    path = ":".join(folder for folder in os.environ["PATH"].split(":") if folder not in ours)
    return {"PATH": path, "HOME": os.environ.get("HOME", "/")}


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


@contextmanager
def cleaned_afterwards(folder: Path) -> Iterator[Made]:
    """Make a checkout for `make`, and leave nothing behind that was started in it."""
    made = Made(folder)
    try:
        yield made
    finally:
        made.make("clean")
