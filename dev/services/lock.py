"""One command at a time that starts or stops something in this checkout."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from dev.checkout import LOGS, STATE


@contextmanager
def locked() -> Iterator[None]:
    """Wait until no other command starts or stops anything here, and keep others waiting meanwhile."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with (STATE / "services.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
