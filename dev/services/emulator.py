"""The BigQuery emulator in the foreground: `python -m dev.services.emulator HOME`.

REST and the gRPC Storage Read API, with data in memory only. It listens where BIGQUERY_EMULATOR_HOST and
SQP_BIGQUERY_STORAGE_ENDPOINT send its clients, and ends with the program that holds its standard input.
"""

import gc
import os
import runpy
import sys
import threading
from pathlib import Path
from typing import Any

from dev.services.texts import lower_as_bigquery
from dev.services.translations import remember

PROJECT = "sqp-demo"
READ_SESSIONS_KEPT = 16
ENTRIES_LISTED = 1_000_000


class Newest(dict[str, Any]):
    """The newest read sessions. The emulator keeps every session's rows for ever, about 200 MB for a million."""

    def __setitem__(self, name: str, session: Any) -> None:
        super().__setitem__(name, session)
        while len(self) > READ_SESSIONS_KEPT:
            del self[next(iter(self))]


def main(home: Path) -> None:
    """Run the emulator until it is stopped."""
    home.mkdir(exist_ok=True)
    os.environ |= {
        "HOME": str(home),  # where DuckDB keeps its extensions
        "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",  # Avro would be downloaded, and nothing here uses it
        # Also bounds what it sends: a batch of 65,536 snapshot rows would not pass the default of 10 MiB.
        "BQEMU_WRITE_API_MAX_REQUEST_BYTES": str(256 * 2**20),
        "BQEMU_UPLOAD_STAGING_DIR": str(home / "uploads"),
    }
    threading.Thread(target=_end_with_input, daemon=True).start()
    _adapt()
    sys.argv = ["bqemulator", "start", "--ephemeral", f"--project={PROJECT}"]
    sys.argv += ["--log-level=warning", "--log-format=console"]
    for kind, variable in (("rest", "BIGQUERY_EMULATOR_HOST"), ("grpc", "SQP_BIGQUERY_STORAGE_ENDPOINT")):
        host, port = os.environ[variable].removeprefix("http://").split(":")
        sys.argv += [f"--{kind}-host={host}", f"--{kind}-port={port}"]
    runpy.run_module("bqemulator", run_name="__main__", alter_sys=True)


def _adapt() -> None:
    """Import what the emulator would download, and bound the time and memory it takes."""
    import duckdb
    import duckdb_extension_spatial
    from bqemulator.api.routes import datasets, tables
    from bqemulator.streaming import read_session

    (spatial,) = Path(duckdb_extension_spatial.__file__).parent.rglob("spatial.duckdb_extension")
    duckdb.install_extension(str(spatial))
    read_session._SESSIONS = Newest()
    lower_as_bigquery()
    _fetch_undisturbed()
    remember()
    # It lists the first 1,000 and offers no next page, so that new tables of a full dataset could not be found.
    for route in (datasets.list_datasets, tables.list_tables):
        for parameter in route.__defaults__:
            parameter.default = ENTRIES_LISTED
    # It parses a statement some seventy times over. A tree is thousands of objects that die young, and Python's default
    # checks for garbage every few hundred of them: that took a third of its time.
    gc.set_threshold(10_000, 10, 10)


def _fetch_undisturbed() -> None:
    """Give each reading statement a cursor of its own, so that no other thread takes its result away.

    The emulator has one connection to DuckDB for all threads. A query was now and then answered with the columns or
    the rows of another. Writing statements stay there: some read what is registered with that connection alone.
    """
    from bqemulator.storage.engine import DuckDBEngine

    execute = DuckDBEngine.execute

    def read_apart(engine: Any, sql: str, parameters: list[Any] | None = None) -> Any:
        if not sql.lstrip(" \n(").lower().startswith(("select", "with", "describe")):
            return execute(engine, sql, parameters)
        cursor = engine.connection.cursor().execute("set TimeZone = 'UTC'")  # a cursor does not inherit it
        return cursor.execute(sql, parameters) if parameters is not None else cursor.execute(sql)

    DuckDBEngine.execute = read_apart


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).resolve())
    except OSError as error:
        sys.exit(f"The emulator cannot start: {error}")
