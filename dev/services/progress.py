"""What a developer reads while something is started, and waits for."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dev.services.errors import ServiceError, tail


@contextmanager
def progress(step: str) -> Iterator[Callable[[str], None]]:
    """Print a step's name when it begins, and its outcome and duration when it ends, on one line."""
    began = time.monotonic()
    print(f"{step}: ", end="", flush=True)
    try:
        yield lambda outcome: print(f"{outcome} ({time.monotonic() - began:.1f} s)", flush=True)
    except BaseException:
        print("failed", flush=True)
        raise


def await_answer(
    name: str, answers: Callable[[], bool], alive: Callable[[], Mapping[Path, bool]], seconds: float
) -> None:
    """Return once a service answers and all its programs are alive.

    :param alive: says of each program, by its log, whether it still runs.
    :raises ServiceError: one exited, or the service stayed silent; the message shows the end of the logs.
    """
    deadline = time.monotonic() + seconds
    while True:
        programs = alive()
        if exited := [log for log, lives in programs.items() if not lives]:
            problem = "exited while starting. Run the command again; if it exits again, 'make clean' deletes its data"
            raise ServiceError("\n".join([f"{name} {problem}.", *map(tail, exited)]))
        if answers():
            return
        if time.monotonic() > deadline:
            problem = f"runs but did not answer within {seconds:.0f} s. Run 'make down', then the command again"
            raise ServiceError("\n".join([f"{name} {problem}.", *map(tail, programs)]))
        time.sleep(0.1)
