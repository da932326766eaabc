"""`make ui`: Airflow's API server, scheduler, Dag processor and triggerer on the demo's data, until Ctrl-C."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from dev.checkout import AIRFLOW_HOME, LOGS, PROJECT_BIN, ROOT
from dev.services.errors import ServiceError, tail

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
PATIENCE_SECONDS = 180
USER = "admin"


def settings(password: str) -> dict[str, str]:
    """Write the one user's password and return what the four add to the environment of `.dev/env`."""
    AIRFLOW_HOME.mkdir(parents=True, exist_ok=True)
    passwords = AIRFLOW_HOME / "ui_passwords.json"
    passwords.touch(mode=0o600)
    passwords.write_text(json.dumps({USER: password}))
    return {
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


@contextmanager
def running(environment: Mapping[str, str]) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Start the four, each in a session of its own, and end them with all that they started."""
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for component in COMPONENTS:
            with (LOGS / f"ui-{component}.log").open("wb") as output:
                processes[component] = subprocess.Popen(
                    [PROJECT_BIN / "airflow", component],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(environment),
                    cwd=ROOT,
                    start_new_session=True,
                )
        yield processes
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)  # what it left behind in its session
    except ProcessLookupError:
        return


def refuse_ended(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Stop when one of the four has ended by itself.

    :raises ServiceError: names it, with the last lines of its log.
    """
    for component, process in processes.items():
        if process.poll() is not None:
            log = LOGS / f"ui-{component}.log"
            raise ServiceError(f"{component} ended with {process.returncode}.\n{tail(log)}")


def wait_until_healthy(url: str, processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Return when all four answer.

    :raises ServiceError: one ended, or they did not answer in time.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not healthy(url):
        refuse_ended(processes)
        if time.monotonic() > deadline:
            raise ServiceError(f"Airflow did not answer within {PATIENCE_SECONDS} s. See {LOGS}/ui-*.log.")
        time.sleep(0.5)


def healthy(url: str) -> bool:
    """Tell whether the API server answers and the others have a heart beat."""
    try:
        with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=5) as answer:  # noqa: S310 - loopback
            states = json.load(answer)
    except OSError:
        return False
    return all(states[part]["status"] == "healthy" for part in ("scheduler", "dag_processor", "triggerer"))


def interrupted(signum: int, frame: FrameType | None) -> None:
    """Make SIGTERM end as Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> int:
    """Run until Ctrl-C; 1 when Airflow ends by itself."""
    signal.signal(signal.SIGTERM, interrupted)
    password = secrets.token_urlsafe(9)
    url = f"http://127.0.0.1:{os.environ['AIRFLOW__API__PORT']}"
    print(f"Starting Airflow, which takes about a minute (logs: {(LOGS / 'ui-*.log').relative_to(ROOT)})", flush=True)
    try:
        with running({**os.environ, **settings(password), "AIRFLOW__API__BASE_URL": url}) as processes:
            wait_until_healthy(url, processes)
            print(f"\n  {url}/plugin/sqp-sync\n  user {USER}, password {password}\n")
            print(
                "The Dags are paused until you switch them on. Ctrl-C ends Airflow, but not the services.", flush=True
            )
            while True:
                refuse_ended(processes)
                time.sleep(1)
    except KeyboardInterrupt:
        print("\nAirflow has ended. make services-stop ends PostgreSQL and the BigQuery emulator.")
        return 0
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
