"""The BigQuery emulator in the foreground: `python -m dev.services.emulator HOME REST_PORT GRPC_PORT`.

It keeps its data in memory, and ends when the program that holds its standard input does.
"""

import gc
import os
import runpy
import stat
import sys
import threading
from pathlib import Path
from typing import Any

PROJECT = "sqp-demo"
HOST = "127.0.0.1"
READ_SESSIONS_KEPT = 16


class Newest(dict[str, Any]):
    """The newest read sessions. The emulator keeps every session's rows for ever, about 200 MB for a million."""

    def __setitem__(self, name: str, session: Any) -> None:
        super().__setitem__(name, session)
        while len(self) > READ_SESSIONS_KEPT:
            del self[next(iter(self))]


def main(home: Path, rest_port: str, grpc_port: str) -> None:
    """Run the emulator until it is told to stop."""
    os.environ |= {
        "HOME": str(home),  # where DuckDB keeps its extensions
        "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",  # Avro would be downloaded, and nothing here uses it
        # Also bounds what it sends: a batch of 65,536 snapshot rows would not pass the default of 10 MiB.
        "BQEMU_WRITE_API_MAX_REQUEST_BYTES": str(256 * 2**20),
        "BQEMU_UPLOAD_STAGING_DIR": str(home / "uploads"),
    }
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_end_with_input, daemon=True).start()
    _adapt()
    where = ["--rest-host", HOST, "--rest-port", rest_port, "--grpc-host", HOST, "--grpc-port", grpc_port]
    how = ["--ephemeral", "--project", PROJECT, "--log-level", "warning", "--log-format", "console"]
    sys.argv = ["bqemulator", "start", *where, *how]
    runpy.run_module("bqemulator", run_name="__main__", alter_sys=True)


def _adapt() -> None:
    """Import what the emulator would download, and bound the time and memory it takes."""
    import duckdb_extensions
    from bqemulator.streaming import read_session

    duckdb_extensions.import_extension("spatial")
    read_session._SESSIONS = Newest()
    # It parses a statement some seventy times over. A tree is thousands of objects that die young, and Python's default
    # checks for garbage every few hundred of them: that took a third of its time.
    gc.set_threshold(10_000, 10, 10)


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *sys.argv[2:])
