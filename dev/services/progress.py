"""What a developer reads while something is started."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
