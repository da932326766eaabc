"""The BigQuery emulator: REST and the gRPC Storage Read API, in memory. Stopping it forgets the data."""

import http.client
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.checkout import LOGS, ROOT, STATE
from dev.services import daemon
from dev.services.emulator import HOST, PROJECT
from dev.services.pidfile import Pidfile
from dev.services.ports import Ports, any_free

NAME = "The BigQuery emulator"
START_SECONDS = 120
"""4 s alone, much longer on a busy machine."""


@dataclass(frozen=True)
class Emulator:
    """One emulator: where it listens and what a client has to know."""

    home: Path
    rest_port: int
    grpc_port: int

    @property
    def rest_url(self) -> str:
        return f"http://{HOST}:{self.rest_port}"

    @property
    def command(self) -> list[str]:
        """The emulator in the foreground."""
        python = STATE / "venv" / "bin" / "python"
        return [str(python), "-m", "dev.services.emulator", str(self.home), str(self.rest_port), str(self.grpc_port)]

    @property
    def variables(self) -> dict[str, str]:
        """What the project, its tests and Airflow read from the environment."""
        storage_endpoint = f"{HOST}:{self.grpc_port}"
        extra = {
            "project": PROJECT,
            "is_anonymous": True,
            "use_legacy_sql": False,
            "api_endpoint": self.rest_url,
            "storage_api_endpoint": storage_endpoint,
        }
        return {
            "BIGQUERY_EMULATOR_HOST": self.rest_url,
            "SQP_BIGQUERY_STORAGE_ENDPOINT": storage_endpoint,
            "AIRFLOW_CONN_SQP_BIGQUERY": json.dumps({"conn_type": "gcpbigquery", "extra": extra}),
        }

    def answers(self) -> bool:
        """Return whether the emulator says it is ready."""
        connection = http.client.HTTPConnection(HOST, self.rest_port, timeout=3)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextmanager
def another_emulator(home: Path) -> Iterator[Emulator]:
    """Run one more emulator on free ports while the block lasts, beside the checkout's own.

    Each worker of a test session can have its own, with nothing but `make install` done before:

        with another_emulator(tmp_path_factory.mktemp("bigquery")) as emulator:
            os.environ |= emulator.variables  # BIGQUERY_EMULATOR_HOST and the two others of .dev/env
            yield

    It starts empty, takes about 4 s and 270 MB, and ends with its caller, even by `kill -9`.

    :param home: an empty folder for its files; its log is `emulator.log` in there.
    :raises ServiceError: it ended or did not answer; the message shows the end of its log.
    """
    rest_port = any_free(set())
    emulator = Emulator(home, rest_port, any_free({rest_port}))
    with (log := home / "emulator.log").open("wb") as output:
        # Its standard input ends with the caller, and the emulator with that.
        process = subprocess.Popen(
            emulator.command, stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=ROOT, env=clean_environment()
        )
    with process:
        try:
            daemon.await_answer(
                NAME, emulator.answers, log=log, patience=START_SECONDS, ended=lambda: process.poll() is not None
            )
            yield emulator
        finally:
            process.kill()  # it has nothing to save


def clean_environment() -> dict[str, str]:
    """Return the caller's environment without what is meant for the project's Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


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
    def emulator(self) -> Emulator:
        return Emulator(self.home, self.ports.recall("bigquery_rest"), self.ports.recall("bigquery_grpc"))

    def start(self) -> bool:
        """Start the emulator. Return whether it had to be started; False when it ran already."""
        if self.pidfile.process() is not None:
            daemon.await_answer(NAME, self.answers, log=self.log, patience=30)
            return False
        self.home.mkdir(exist_ok=True)
        for port in ("bigquery_rest", "bigquery_grpc"):
            self.ports.recall_free(port)
        daemon.start(
            NAME,
            self.emulator.command,
            pidfile=self.pidfile,
            log=self.log,
            environment=clean_environment() | {"PYTHONPATH": str(ROOT)},
            answers=self.answers,
            patience=START_SECONDS,
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
        return self.emulator.answers()
