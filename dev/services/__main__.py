"""`python -m dev.services start|stop|status|remove`: the embedded services of this checkout."""

import argparse
import fcntl
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dev.checkout import AIRFLOW_HOME, ENVIRONMENT_FILE, LOGS, STATE
from dev.services import environment, metadata
from dev.services.bigquery import BigQuery
from dev.services.errors import ServiceError
from dev.services.ports import Ports
from dev.services.postgres import Postgres


class Services:
    """PostgreSQL and the BigQuery emulator, started and stopped together."""

    def __init__(self) -> None:
        self.ports = Ports(STATE / "ports.json")
        self.postgres = Postgres(self.ports)
        self.bigquery = BigQuery(self.ports)

    def start(self) -> int:
        """Start what does not run and write the environment file. Starting twice changes nothing."""
        with progress("PostgreSQL") as report:
            outcome = _started(self.postgres.start())
            self.postgres.create_databases()
            report(f"{outcome} on port {self.ports.recall('postgres')}")
        with progress("BigQuery emulator") as report:
            outcome = _started(self.bigquery.start())
            report(f"{outcome} on {self.bigquery.rest_url}, data in memory only")
        variables = environment.variables(self.postgres, self.bigquery, self.ports)
        environment.write(variables)
        if version := metadata.pending_version(self.postgres):
            with progress("Airflow metadata database") as report:
                metadata.migrate(self.postgres, version, variables)
                report(f"migrated to {version}")
        return 0

    def stop(self) -> int:
        """Stop both, by pid. The environment file stays, since a restart uses the same ports if it can."""
        ended = {"BigQuery emulator": self.bigquery.stop(), "PostgreSQL": self.postgres.stop()}
        for name, ran in ended.items():
            print(f"{name}:", "stopped" if ran else "was not running")
        return 0

    def status(self) -> int:
        """Print one line a service. Return 0 when both answer, 1 otherwise."""
        postgres = self.postgres.pidfile.process() is not None and self.postgres.answers()
        bigquery = self.bigquery.pidfile.process() is not None and self.bigquery.answers()
        for name, answers in (("PostgreSQL", postgres), ("BigQuery emulator", bigquery)):
            print(f"{name}:", "answers" if answers else "does not answer; run 'make services'")
        return 0 if postgres and bigquery else 1

    def remove(self) -> int:
        """Stop both and delete their data, Airflow's home, the logs and the environment file."""
        self.bigquery.remove()
        self.postgres.remove()
        for folder in (AIRFLOW_HOME, LOGS):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (ENVIRONMENT_FILE, self.ports.path):
            file.unlink(missing_ok=True)
        return 0


def _started(anew: bool) -> str:
    return "started" if anew else "running already"


@contextmanager
def progress(step: str) -> Iterator[Callable[[str], None]]:
    """Print a step's name when it begins, and its outcome and duration when it ends, on one line."""
    began = time.monotonic()
    print(f"{step}: ", end="", flush=True)
    try:
        yield lambda outcome: print(f"{outcome} ({time.monotonic() - began:.1f} s)", flush=True)
    except BaseException:
        print("failed", flush=True)
        raise


def main() -> int:
    """Run one command, one at a time in this checkout."""
    parser = argparse.ArgumentParser(prog="python -m dev.services", description=__doc__)
    parser.add_argument("command", choices=["start", "stop", "status", "remove"])
    command = parser.parse_args().command
    try:
        LOGS.mkdir(parents=True, exist_ok=True)
        with (STATE / "services.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return int(getattr(Services(), command)())
    except ServiceError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error}\nIf it belongs to another user, run make as that user.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
