"""docker-compose.yaml without Docker: variables filled in, and what a container would see mapped to this machine."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yaml"
VARIABLES = {"AIRFLOW_UID": "1000", "SQP_WORKERS": "3"}
"""What .env says in the tests."""

VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:[-?])([^}]*))?\})")


class VariableMissing(Exception):
    """Compose would refuse to start; the message is the file's own."""


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """Fill in variables as Compose does: ``$$``, ``${NAME}``, ``${NAME:-default}``, ``${NAME:?message}``."""

    def fill(found: re.Match[str]) -> str:
        dollar, name, kind, rest = found.groups()
        if dollar:
            return "$"
        if variables.get(name):
            return variables[name]
        if kind == ":-":
            return str(rest)
        raise VariableMissing(rest or name)

    if isinstance(value, str):
        return VARIABLE.sub(fill, value)
    if isinstance(value, dict):
        return {key: interpolated(each, variables) for key, each in value.items()}
    return [interpolated(each, variables) for each in value] if isinstance(value, list) else value


def services(variables: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The file's services, merged and filled in."""
    found: dict[str, dict[str, Any]] = interpolated(yaml.safe_load(FILE.read_text()), variables)["services"]
    return found


@dataclass
class Container:
    """A service on this machine.

    :param elsewhere: what stands in its texts for a path or an address, and what is there instead.
    """

    service: dict[str, Any]
    elsewhere: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """Its environment, and of ours what finds and runs programs."""
        ours = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        return ours | {name: self.mapped(str(value)) for name, value in self.service.get("environment", {}).items()}

    @property
    def command(self) -> list[str]:
        """Its command."""
        return [self.mapped(word) for word in self.service["command"]]

    @property
    def healthcheck(self) -> list[str]:
        """The command that says whether it is healthy."""
        kind, *words = map(self.mapped, self.service["healthcheck"]["test"])
        return ["sh", "-c", *words] if kind == "CMD-SHELL" else words

    def mapped(self, text: str) -> str:
        """A text of it, for this machine."""
        for there, here in self.elsewhere.items():
            text = text.replace(there, here)
        return text

    def run(self, command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in its environment."""
        return subprocess.run(
            command,
            env=self.environment | environment,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def container(name: str, secrets: Path, **elsewhere: str) -> Container:
    """A service that finds its secrets in a folder of this machine."""
    return Container(services(VARIABLES)[name], elsewhere | {"/run/secrets": str(secrets)})


def write_secrets(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program that the file's header names."""
    command = [sys.executable, "-m", "dev.secrets_folder", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@contextmanager
def running(service: Container, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running service."""
    with subprocess.Popen(service.command, env=service.environment, cwd=folder, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process listens there."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert process.poll() is None, f"stopped with {process.returncode} before it listened on {port}"
            time.sleep(0.05)
        else:
            return
