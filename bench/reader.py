"""A dashboard that reads the target continuously and remembers its longest wait."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from bench.child import PROCESSES
from bench.statements import statement
from bench.target import Target

PAUSE_SECONDS = 0.005
"""The pause between two reads, so that the reader takes no core away from the measured step."""


class Reader:
    """Reads in its own process from ``with`` to the end of the block."""

    def __init__(self, target: Target, week: date) -> None:
        query = target.row("database", "a_query", {"week": week})["query"]
        self.reads = PROCESSES.Value("q", 0)
        self.longest = PROCESSES.Value("d", 0.0)
        arguments = (target.dsn, week, query, self.reads, self.longest)
        self.process = PROCESSES.Process(target=_read, args=arguments, daemon=True)

    def __enter__(self) -> Reader:
        self.process.start()
        self._await_reads(1)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.join()

    def forget(self) -> None:
        """Forget the longest wait so far."""
        self._await_reads(1)
        with self.longest.get_lock():
            self.longest.value = 0.0

    def longest_seconds(self) -> float:
        """Return the longest wait since :meth:`forget`, including that of the current read."""
        self._await_reads(2)
        return float(self.longest.value)

    def _await_reads(self, more: int) -> None:
        wanted = self.reads.value + more
        while self.reads.value < wanted:
            if not self.process.is_alive():
                raise RuntimeError("the reader died; see build/bench.log")
            time.sleep(0.001)


def _read(dsn: str, week: date, query: str, reads: Any, longest: Any) -> None:
    with psycopg.connect(dsn, autocommit=True, application_name="bench reader") as connection:
        question = statement("database", "read_as_a_dashboard", week=sql.Literal(week), query=sql.Literal(query))
        while True:
            started = time.monotonic()
            connection.execute(question, prepare=False).fetchall()
            waited = time.monotonic() - started
            with longest.get_lock():
                longest.value = max(longest.value, waited)
            reads.value += 1
            time.sleep(PAUSE_SECONDS)
