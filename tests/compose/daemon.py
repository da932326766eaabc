"""A Docker daemon of the tests' own: its data are in .dev/compose, nothing of this machine's Docker is touched."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dev.checkout import STATE

FOLDER = STATE / "compose"
"""Stays from one session to the next: images, and what they are made from."""

NEEDED = {"dockerd": "docker.io", "docker": "docker.io", "mmdebstrap": "mmdebstrap"}
"""Programs, and the packages of Debian 12 that have them."""

# Ends the daemon, which stops its containers, as soon as standard input is closed: however the tests stopped.
KEEP = """
exec 3<&0
"$@" & daemon=$!
(read -r _; kill $daemon) <&3 & keeper=$!
wait $daemon
stopped_with=$?
kill $keeper
exit $stopped_with
"""


class DaemonError(RuntimeError):
    """No daemon can be started here; the message says what is missing, or what it said last."""


@contextmanager
def running_or_skipped() -> Iterator[str]:
    """As :func:`running`; without a daemon the tests are skipped, unless SQP_REQUIRE_DOCKER=1 makes that a failure."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(running())
        except DaemonError as error:
            message = f"DOCKER COMPOSE IS NOT TESTED: {error}"
            if os.environ.get("SQP_REQUIRE_DOCKER") == "1":
                pytest.fail(message, pytrace=False)
            pytest.skip(message)
        yield address


@contextmanager
def running() -> Iterator[str]:
    """Start a daemon and yield its address, such as `unix:///tmp/sqp-docker-x1/docker.sock`; stop it afterwards.

    :raises DaemonError: root or a program is missing, or it stopped before it answered.
    """
    packages = {package for program, package in NEEDED.items() if not shutil.which(program)}
    if packages:
        raise DaemonError(f"programs are missing (Debian: apt-get install {' '.join(sorted(packages))})")
    if os.geteuid() != 0:
        raise DaemonError("only root can start a Docker daemon")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock, tempfile.TemporaryDirectory(prefix="sqp-docker-") as place:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another session waits until this one has stopped
        address = f"unix://{place}/docker.sock"
        with _started(Path(place), address) as process:
            while not _answers(address):
                if process.poll() is not None:
                    raise DaemonError(f"dockerd stopped with {process.returncode}:\n{said()[-3000:]}")
                time.sleep(0.2)
            yield address


def environment(address: str) -> dict[str, str]:
    """Return the environment in which Docker's programs find the daemon, and none of this machine's settings."""
    return os.environ | {"DOCKER_HOST": address, "DOCKER_CONFIG": str(FOLDER / "config")}


def said() -> str:
    """Return the daemon's log."""
    return (FOLDER / "dockerd.log").read_text(errors="replace")


def _answers(address: str) -> bool:
    command = ["docker", "version"]
    return subprocess.run(command, env=environment(address), capture_output=True).returncode == 0


@contextmanager
def _started(place: Path, address: str) -> Iterator[subprocess.Popen[bytes]]:
    options = {
        "data-root": FOLDER / "docker",
        "exec-root": place / "exec",
        "pidfile": place / "pid",
        "host": address,
        # The firewall and the bridge docker0 are the machine's: containers reach each other, and ports are published
        # by a proxy. Builds use the machine's network.
        "bridge": "none",
        "iptables": "false",
        "ip6tables": "false",
        # Where the machine has a containerd, dockerd uses that one.
        "containerd-namespace": "sqp-compose",
        "containerd-plugins-namespace": "sqp-compose-plugins",
    }
    command = ["dockerd", *(f"--{name}={value}" for name, value in options.items())]
    with (
        (FOLDER / "dockerd.log").open("wb") as log,
        subprocess.Popen(
            ["/bin/sh", "-c", KEEP, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        assert process.stdin
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait()
