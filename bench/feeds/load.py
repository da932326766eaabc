"""What the machine does while the runs run, seen once a second by a thread."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from bench.feeds import processes
from bench.feeds.database import Watched
from bench.feeds.processes import Groups

SECONDS = 1
MEMORY_EVERY = 10
ITSELF = "this benchmark"


@dataclass
class Load:
    """Use it as a context around what is measured.

    :param roots: the process ids of what belongs together, by name.
    :param forking: of which of these only the root counts, and what its descendants are called.
    """

    watched: Watched
    roots: Mapping[str, list[int]]
    forking: Mapping[str, str]

    def __enter__(self) -> Load:
        self.groups = Groups({**self.roots, ITSELF: [os.getpid()]}, {**self.forking, ITSELF: None})
        self.began, self.at_start = time.monotonic(), processes.machine()
        self.failure: BaseException | None = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.ended.set()
        self.thread.join()
        self.groups.sample()
        self.seconds, self.at_end = time.monotonic() - self.began, processes.machine()

    def busy(self) -> float:
        """Return the part of all processors that has worked so far."""
        worked, waited, idle = self._spent(processes.machine())
        return worked / max(worked + waited + idle, 1e-9)

    def found(self) -> dict[str, Any]:
        """Return all figures."""
        if self.failure:
            raise RuntimeError("The load could not be watched to the end.") from self.failure
        worked, waited, idle = self._spent(self.at_end)
        return {
            "seconds": round(self.seconds, 1),
            "processors": {"worked": round(worked), "waited_for_disks": round(waited), "idle": round(idle)},
            "groups": {
                name: {
                    "cpu_seconds": round(group.cpu_seconds, 1),
                    "peak_mb": group.peak_bytes >> 20,
                    "largest_process_mb": group.largest_rss >> 20,
                    "most_processes": group.processes,
                }
                for name, group in self.groups.groups.items()
            },
            "postgres": self.watched.since_start(),
        }

    def _spent(self, now: tuple[float, float, float]) -> tuple[float, ...]:
        return tuple(later - earlier for later, earlier in zip(now, self.at_start, strict=True))

    def _watch(self) -> None:
        number = 0
        try:
            while not self.ended.wait(SECONDS):
                self.groups.sample(memory=number % MEMORY_EVERY == 0)
                self.watched.sample()
                number += 1
        except BaseException as error:
            self.failure = error
