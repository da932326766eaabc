"""Peak memory of this process, as Linux counts it. Standard library only, because the peers' environment runs it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Measured:
    """What a step returned, how long it took, and how much memory its process used above its memory before."""

    result: Any
    seconds: float
    memory_bytes: int
    idle_bytes: int


def measured(step: Callable[[], Any]) -> Measured:
    """Run a step and measure it. Memory of earlier imports and preparations counts as idle."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    idle = _status("VmRSS")
    started = time.monotonic()
    result = step()
    seconds = time.monotonic() - started
    return Measured(result, seconds, max(0, _status("VmHWM") - idle), idle)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}; the benchmark needs Linux.")
