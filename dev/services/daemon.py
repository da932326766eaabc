"""Starting a background process and waiting until it answers."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dev.services.errors import ServiceError, tail
from dev.services.pidfile import Pidfile


def start(
    name: str,
    command: Sequence[str],
    *,
    pidfile: Pidfile,
    log: Path,
    environment: Mapping[str, str],
    answers: Callable[[], bool],
    patience: float,
    **as_account: Any,
) -> None:
    """Start a process that outlives this one, and return once it answers.

    :param answers: asks the service whether it is ready; called until it is.
    :raises ServiceError: it ended or stayed silent; the message shows the end of its log.
    """
    process = spawn(command, pidfile=pidfile, log=log, environment=environment, **as_account)
    await_answer(name, answers, log=log, patience=patience, ended=lambda: process.poll() is not None)


def spawn(
    command: Sequence[str], *, pidfile: Pidfile, log: Path, environment: Mapping[str, str], **as_account: Any
) -> "subprocess.Popen[bytes]":
    """Start a process that outlives this one, as the first of a session, and write its pid down."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment,
            start_new_session=True,
            **as_account,
        )
    pidfile.record(process.pid, command)
    return process


def await_answer(
    name: str,
    answers: Callable[[], bool],
    *,
    log: Path,
    patience: float,
    ended: Callable[[], bool] = lambda: False,
) -> None:
    """Return once a running service answers, within the patience in seconds."""
    deadline = time.monotonic() + patience
    while not answers():
        if ended():
            raise ServiceError(
                f"{name} ended while starting. Run 'make services' again; if it ends again, 'make clean' "
                f"deletes its data first.\n{tail(log)}"
            )
        if time.monotonic() > deadline:
            raise ServiceError(
                f"{name} runs but did not answer within {patience:.0f} s. "
                f"Run 'make services-stop', then 'make services'.\n{tail(log)}"
            )
        time.sleep(0.1)
