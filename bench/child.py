"""Run each measured step in its own process, which is forked from one that has imported everything."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.memory import Measured, measured

PROCESSES = multiprocessing.get_context("forkserver")
PRELOADED = [
    "airflow.sdk.execution_time.supervisor",  # a task's process has imported it; reading a connection would import it
    "bench.ours",
    "bench.limit",
    "bench.reads",
    "bench.dag_run",
    "bench.peers.airflow_operator",
    "bench.peers.alike",
    "bench.peers.on_conflict",
]

LOG = Path("build/bench.log")
"""The file for everything that the steps print and log."""

Prepare = Callable[..., Callable[[], Any]]


class StepFailed(Exception):
    """A measured step raised; its traceback is the message."""


def start(preloaded: Sequence[str] = PRELOADED) -> None:
    """Import once, so that a step's process starts like a task whose Dag is parsed."""
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_text("")
    PROCESSES.set_forkserver_preload(list(preloaded))


def in_child(prepare: Prepare, *arguments: Any) -> Measured:
    """Call ``prepare(*arguments)`` in a new process and measure the step it returns.

    :raises StepFailed: the step did not return.
    """
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=_run, args=(theirs, prepare, arguments))
    process.start()
    theirs.close()
    try:
        outcome = ours.recv()
    except EOFError:
        process.join()
        raise StepFailed(f"{prepare.__qualname__} died with exit code {process.exitcode}; see {LOG}") from None
    process.join()
    if isinstance(outcome, str):
        raise StepFailed(outcome)
    found: Measured = outcome
    return found


def _run(parent: Connection, prepare: Prepare, arguments: tuple[Any, ...]) -> None:
    _print_into(LOG)
    try:
        parent.send(measured(prepare(*arguments)))
    except BaseException:
        parent.send(traceback.format_exc())


def _print_into(path: Path) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(file, sys.stdout.fileno())
    os.dup2(file, sys.stderr.fileno())
    logging.basicConfig(level=logging.INFO, filename=path, force=True)
