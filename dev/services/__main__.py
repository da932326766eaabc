"""`python -m dev.services start|stop|status|remove`: the embedded services of this checkout."""

import argparse
import shutil
import sys

from dev.checkout import AIRFLOW_HOME, ENVIRONMENT_FILE, LOGS, STATE
from dev.services import environment, metadata
from dev.services.airflow import Airflow
from dev.services.bigquery import BigQuery
from dev.services.errors import ServiceError
from dev.services.lock import locked
from dev.services.ports import Ports
from dev.services.postgres import Postgres
from dev.services.progress import progress


class Services:
    """PostgreSQL and the BigQuery emulator, started and stopped together; `dev.up` starts Airflow on them."""

    def __init__(self) -> None:
        self.ports = Ports(STATE / "ports.json")
        self.postgres = Postgres(self.ports)
        self.bigquery = BigQuery(self.ports)
        self.airflow = Airflow(self.ports)

    def start(self) -> int:
        """Start what does not run and write the environment file. Starting twice changes nothing."""
        with progress("PostgreSQL") as report:
            outcome = _started(self.postgres.start())
            self.postgres.create_databases()
            report(f"{outcome} on port {self.ports.recall('postgres')}")
        with progress("BigQuery emulator") as report:
            outcome = _started(self.bigquery.start())
            report(f"{outcome} on {self.bigquery.emulator.rest_url}, data in memory only")
        self.airflow.choose_ports()
        variables = environment.variables(self.postgres, self.bigquery, self.ports)
        environment.write(variables)
        if version := metadata.pending_version(self.postgres):
            with progress("Airflow metadata database") as report:
                metadata.migrate(self.postgres, version, variables)
                report(f"migrated to {version}")
        return 0

    def stop(self) -> int:
        """Stop Airflow and both, by pid. The environment file stays, since a restart uses the same ports if it can."""
        if self.airflow.stop():
            print("Airflow: stopped")
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
        """Stop Airflow and both, and delete their data, Airflow's home, the logs and the environment file."""
        self.airflow.stop()
        self.bigquery.remove()
        self.postgres.remove()
        for folder in (AIRFLOW_HOME, LOGS):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (ENVIRONMENT_FILE, self.ports.path):
            file.unlink(missing_ok=True)
        return 0


def _started(anew: bool) -> str:
    return "started" if anew else "running already"


def main() -> int:
    """Run one command, one at a time in this checkout."""
    parser = argparse.ArgumentParser(prog="python -m dev.services", description=__doc__)
    parser.add_argument("command", choices=["start", "stop", "status", "remove"])
    command = parser.parse_args().command
    try:
        with locked():
            return int(getattr(Services(), command)())
    except ServiceError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error}\nIf it belongs to another user, run make as that user.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
