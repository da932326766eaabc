"""The BigQuery emulator's address, for one of this checkout and for others that a test session starts."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.checkout import ROOT, STATE
from dev.services.emulator import PROJECT
from dev.services.ports import HOST, any_free, ask, remembered
from dev.services.progress import await_answer

START_SECONDS = 600
"""4 s alone, much longer on a busy machine."""


@dataclass(frozen=True)
class Emulator:
    """Where an emulator listens, whether it runs or not."""

    rest_port: int
    grpc_port: int

    @classmethod
    def of_checkout(cls) -> "Emulator":
        """Return the one that `make services` starts."""
        return cls(remembered()["bigquery_rest"], remembered()["bigquery_grpc"])

    @property
    def rest_url(self) -> str:
        return f"http://{HOST}:{self.rest_port}"

    @property
    def variables(self) -> dict[str, str]:
        """What the project, its tests, Airflow and the emulator itself read from the environment."""
        storage = f"{HOST}:{self.grpc_port}"
        extra = {"project": PROJECT, "is_anonymous": True, "use_legacy_sql": False}
        extra |= {"api_endpoint": self.rest_url, "storage_api_endpoint": storage}
        return {
            "BIGQUERY_EMULATOR_HOST": self.rest_url,
            "SQP_BIGQUERY_STORAGE_ENDPOINT": storage,
            "AIRFLOW_CONN_SQP_BIGQUERY": json.dumps({"conn_type": "gcpbigquery", "extra": extra}),
        }

    def answers(self) -> bool:
        """Return whether it says that it is ready."""
        return ask(self.rest_port, "/readyz") is not None


@contextmanager
def another_emulator(home: Path) -> Iterator[Emulator]:
    """Run one more emulator on free ports while the block lasts, beside the checkout's own.

    Each worker of a test session can have its own, with nothing but `make install` done before:

        with another_emulator(tmp_path_factory.mktemp("bigquery")) as emulator:
            os.environ |= emulator.variables  # BIGQUERY_EMULATOR_HOST and the two others of .dev/env
            yield

    It starts empty, takes about 4 s and 270 MB, and ends with its caller, even by `kill -9`.

    :param home: an empty folder for its files; its log is `emulator.log` in there.
    :raises ServiceError: it exited or did not answer; the message shows the end of its log.
    """
    rest_port = any_free()
    emulator = Emulator(rest_port, any_free([rest_port]))
    command = [str(STATE / "venv" / "bin" / "python"), "-m", "dev.services.emulator", str(home)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with (log := home / "emulator.log").open("wb") as output:
        # Its standard input ends with the caller, and the emulator with that.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=ROOT, env=inherited | emulator.variables
        )
    with process:
        try:
            await_answer("The emulator", emulator.answers, lambda: {log: process.poll() is None}, START_SECONDS)
            yield emulator
        finally:
            process.kill()  # it has nothing to save
