"""`python -m dev.services start|airflow|stop|remove`: what runs in the background of this checkout."""

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from xmlrpc.client import Fault

from dev.checkout import STATE
from dev.services import airflow, environment, ports, supervisor
from dev.services.bigquery import START_SECONDS, Emulator
from dev.services.errors import ServiceError
from dev.services.lock import locked
from dev.services.place import OUTSIDE
from dev.services.postgres import Postgres
from dev.services.progress import await_answer, progress

LABELS = {"airflow": "Airflow", "bigquery": "BigQuery emulator", "postgres": "PostgreSQL"}
"""Of each group of `supervisord.conf`."""
AIRFLOW_SECONDS = 600


def start() -> None:
    """Start PostgreSQL and the emulator unless they run, and write the environment file."""
    supervisor.launch()
    choose_ports()
    emulator = Emulator.of_checkout()
    with progress("PostgreSQL") as report:
        postgres = Postgres()
        postgres.create()
        environment.write(postgres, emulator)
        # Both at once: the emulator takes longer than all the rest.
        started = {group for group in ("postgres", "bigquery") if supervisor.start(group)}
        wait("postgres", postgres.answers, 60)  # a crashed server replays its log first
        report(f"{outcome('postgres' in started)} on port {ports.remembered()['postgres']}")
    if version := postgres.pending_migration():
        with progress("Airflow metadata database") as report:
            postgres.migrate(version)
            report(f"migrated to {version}")
    with progress("BigQuery emulator") as report:
        wait("bigquery", emulator.answers, START_SECONDS)
        report(f"{outcome('bigquery' in started)} on {emulator.rest_url}, data in memory only")


def start_airflow() -> None:
    """Start those of Airflow's four components that do not run. `start` comes before."""
    with progress("Airflow (takes about a minute)") as report:
        started = supervisor.start("airflow")
        wait("airflow", airflow.answers, AIRFLOW_SECONDS)
        report(f"{', '.join(started) or 'all of it'} {outcome(bool(started))}")


def stop() -> None:
    """End everything. The environment file stays, since a restart uses the same ports if it can."""
    stopped = supervisor.stop()
    for group, label in LABELS.items():
        if group in stopped or group != "airflow":
            print(f"{label}: {'stopped' if group in stopped else 'was not running'}")


def remove() -> None:
    """End everything and delete its data, Airflow's home, the logs and the environment file."""
    supervisor.stop()
    for path in {OUTSIDE, *STATE.iterdir()} - {STATE / kept for kept in ("uv", "venv", "services.lock")}:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def choose_ports() -> None:
    """Keep the ports of what runs. Airflow cannot go on without its API server: it ends if that has lost its port."""
    running, page = supervisor.running("name"), ports.remembered().get("airflow_api")
    if page and "api-server" not in running and not ports.is_free(page):
        supervisor.stop_group("airflow")
    ports.choose(supervisor.running())


def wait(group: str, answers: Callable[[], bool], seconds: float) -> None:
    """Return once a group answers."""
    await_answer(LABELS[group], answers, lambda: supervisor.alive(group), seconds)


def outcome(anew: bool) -> str:
    """Say whether something had to be started."""
    return "started" if anew else "running already"


def main() -> None:
    """Run one command, one at a time in this checkout."""
    parser = argparse.ArgumentParser(prog="python -m dev.services", description=__doc__)
    commands = {"start": start, "airflow": start_airflow, "stop": stop, "remove": remove}
    parser.add_argument("command", choices=commands)
    command = commands[parser.parse_args().command]
    os.umask(0o077)  # what is written here holds passwords
    for name in [name for name in os.environ if name.startswith(("PG", "PYTHON"))]:
        del os.environ[name]  # would point PostgreSQL's tools and the services' Python elsewhere
    try:
        with locked():
            command()
    except ServiceError as error:
        sys.exit(str(error))
    except Fault as fault:
        sys.exit(f"supervisord refused: {fault.faultString}. Run 'make down', then the command again.")
    except OSError as error:
        sys.exit(f"{error}\nIf it belongs to another user, run make as that user.")


if __name__ == "__main__":
    main()
