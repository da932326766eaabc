"""What our code sends to Postgres: its connections, and the messages after each of which it waits for an answer."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sqp_provider.hooks.postgres import SqpPostgresHook

_WAITED_FOR = re.compile(r"\tF\t\d+\t(?:Query\t \"(.*?)\"|Sync)\n(?=\d{4}-|\Z)", re.DOTALL)
"""A query without parameters, or the end of one with parameters, as libpq writes it into a trace."""


class Wire:
    """The traces of the connections that were opened; ``taken`` starts anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened = 0
        self._seen: dict[Path, int] = {}

    def trace(self, connection: Any) -> None:
        """Write what a connection sends and receives into a file of its own."""
        self.opened += 1
        file = os.open(self.folder / f"{self.opened}.trace", os.O_WRONLY | os.O_CREAT)
        connection.pgconn.trace(file)

    def taken(self) -> tuple[int, list[str]]:
        """Return how many connections were opened since the last call, and the messages."""
        messages: list[str] = []
        before = len(self._seen)
        for file in sorted(self.folder.glob("*.trace")):
            found = [found[1] or "with parameters" for found in _WAITED_FOR.finditer(file.read_text())]
            messages += found[self._seen.get(file, 0) :]
            self._seen[file] = len(found)
        return len(self._seen) - before, messages


@contextmanager
def wire(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Trace every connection of the hook."""
    traced, get_conn = Wire(folder), SqpPostgresHook.get_conn

    def traced_conn(self: SqpPostgresHook) -> Any:
        connection = get_conn(self)
        traced.trace(connection)
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(SqpPostgresHook, "get_conn", traced_conn)
        yield traced
