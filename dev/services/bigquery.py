"""The BigQuery emulator: REST and the gRPC Storage Read API, in memory. Stopping it forgets the data."""

import http.client
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dev.checkout import LOGS, STATE
from dev.services import daemon
from dev.services.errors import ServiceError
from dev.services.pidfile import Pidfile
from dev.services.ports import HOST, Ports

PROJECT = "sqp-demo"
IMPORT_SPATIAL = "import duckdb_extensions; duckdb_extensions.import_extension('spatial')"

# The emulator parses a statement some seventy times over. A tree is thousands of objects that die young, and Python's
# default looks for garbage every few hundred of them: that took a third of its time. It also keeps the rows of every
# read session for ever, about 200 MB for a million: here the newest stay.
RUN = """import gc, runpy
from bqemulator.streaming import read_session
class Newest(dict):
    def __setitem__(self, name, session):
        super().__setitem__(name, session)
        while len(self) > 16:
            del self[next(iter(self))]
read_session._SESSIONS = Newest()
gc.set_threshold(10_000, 10, 10)
runpy.run_module("bqemulator", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class BigQuery:
    """The emulator of this checkout."""

    ports: Ports
    log: Path = LOGS / "bigquery.log"
    home: Path = STATE / "bigquery"

    @property
    def pidfile(self) -> Pidfile:
        return Pidfile(STATE / "bigquery.pid")

    @property
    def rest_url(self) -> str:
        return f"http://{HOST}:{self.ports.recall('bigquery_rest')}"

    @property
    def storage_endpoint(self) -> str:
        return f"{HOST}:{self.ports.recall('bigquery_grpc')}"

    def start(self) -> bool:
        """Start the emulator. Return whether it had to be started; False when it ran already."""
        if self.pidfile.process() is not None:
            daemon.await_answer("The BigQuery emulator", self.answers, log=self.log, patience=30)
            return False
        self.home.mkdir(exist_ok=True)
        self._import_spatial_extension()
        rest, grpc = self.ports.recall_free("bigquery_rest"), self.ports.recall_free("bigquery_grpc")
        where = ["--rest-host", HOST, "--rest-port", str(rest), "--grpc-host", HOST, "--grpc-port", str(grpc)]
        how = ["--ephemeral", "--project", PROJECT, "--log-level", "warning", "--log-format", "console"]
        daemon.start(
            "The BigQuery emulator",
            [sys.executable, "-c", RUN, "start", *where, *how],
            pidfile=self.pidfile,
            log=self.log,
            environment=self._environment(),
            answers=self.answers,
            patience=120,  # 8 s alone, much longer on a busy machine
        )
        return True

    def stop(self) -> bool:
        """End the emulator and with it the data in it. Return whether it was running."""
        return self.pidfile.stop(signal.SIGTERM, patience=10)

    def remove(self) -> None:
        """Stop the emulator and delete what it kept on disk."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def answers(self) -> bool:
        """Return whether the emulator says it is ready."""
        connection = http.client.HTTPConnection(HOST, self.ports.recall("bigquery_rest"), timeout=3)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _import_spatial_extension(self) -> None:
        """Hand DuckDB the extension from its wheel, or the emulator's start would download it."""
        command = [sys.executable, "-c", IMPORT_SPATIAL]
        done = subprocess.run(command, env=self._environment(), cwd="/", capture_output=True, text=True)
        if done.returncode != 0:
            raise ServiceError(
                f"DuckDB's spatial extension could not be installed below {self.home}. "
                f"Run 'make clean install'.\n{done.stderr.strip()}"
            )

    def _environment(self) -> dict[str, str]:
        # DuckDB keeps its extensions in HOME. Avro would be downloaded, and nothing here uses it.
        ours = {
            "HOME": str(self.home),
            "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",
            # Also bounds what it sends: a batch of 65,536 snapshot rows would not pass the default of 10 MiB.
            "BQEMU_WRITE_API_MAX_REQUEST_BYTES": str(256 * 2**20),
            "BQEMU_UPLOAD_STAGING_DIR": str(self.home / "uploads"),
        }
        return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | ours
