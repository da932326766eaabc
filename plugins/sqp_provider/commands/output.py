"""Standard output of a command, whatever it is connected to: a pipe that closes early, ASCII, a full disk."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

from sqp_provider.core.errors import SyncError


class OutputLost(SyncError):
    """Standard output cannot be written."""


class Output:
    """Standard output for a command that must not stop half-way because nobody reads on, as after ``| head -1``."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write a text."""
        self._unless_closed(lambda: self.stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        self._unless_closed(self.stream.flush)

    def _unless_closed(self, write: Callable[[], object]) -> None:
        try:
            write()
        except BrokenPipeError:
            self._write_to_nowhere()
        except OSError as error:
            self._write_to_nowhere()
            raise OutputLost(
                f"standard output cannot be written: {error}. The end of what this command says is lost. Make room or "
                "write to another place, then repeat the command."
            ) from error

    def _write_to_nowhere(self) -> None:
        """Let what is buffered go nowhere, or Python would write it again when it ends, and exit with its own code."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.stream.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def lasting_output() -> Iterator[None]:
    """Print to an :class:`Output`, with an escape such as ``\\u2192`` for what its encoding does not have.

    :raises OutputLost: standard output cannot be written; never because its reader has gone.
    """
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error("sqp_escape", _escaped)
        stream.reconfigure(errors="sqp_escape")
    if stream is None:  # it was closed before the command started, and print() writes nothing
        yield
        return
    output = Output(stream)
    with contextlib.redirect_stdout(cast("TextIO", output)):
        try:
            yield
        finally:
            output.flush()


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Return the escapes of JSON, so that ``--json`` stays JSON in every encoding."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
