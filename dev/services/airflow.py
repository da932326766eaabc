"""Airflow's four components in the background, each in a session of its own."""

import json
import os
import secrets
import signal
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psutil

from dev.checkout import AIRFLOW_HOME, LOGS, PROJECT_BIN, ROOT, STATE
from dev.services import daemon
from dev.services.errors import ServiceError, tail
from dev.services.pidfile import Pidfile, send, wait_for_end
from dev.services.ports import HOST, Ports, is_free

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
LISTENS_ON = ("airflow_api", "airflow_worker_log", "airflow_trigger_log")
USER = "admin"
START_SECONDS = 180
STOP_SECONDS = 10
"""How long a task at work may take to end when Airflow is stopped. A sync that is cut off leaves what was published."""


@dataclass(frozen=True)
class Airflow:
    """The API server, scheduler, Dag processor and triggerer of this checkout."""

    ports: Ports

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.ports.recall('airflow_api')}"

    @property
    def password(self) -> str:
        """The one user's password, as the API server reads it."""
        return str(json.loads((AIRFLOW_HOME / "passwords.json").read_text())[USER])

    def choose_ports(self) -> None:
        """Move to free ports while none of the four runs; end what is left of them if the page's port was taken."""
        if self._pidfile("api-server").process() is None and not is_free(self.ports.recall("airflow_api")):
            self.stop()
        if not any(self._pidfile(component).process() for component in COMPONENTS):
            for name in LISTENS_ON:
                self.ports.recall_free(name)

    def start(self, variables: Mapping[str, str]) -> list[str]:
        """Start those of the four that do not run, and return their names. `answers` tells when they are ready.

        :param variables: what `.dev/env` says.
        """
        missing = [component for component in COMPONENTS if self._pidfile(component).process() is None]
        environment = {**os.environ, **variables, **self._settings()}
        for component in missing:
            self._kill_session(component)  # a killed one leaves its children, which would go on working
            command = [str(PROJECT_BIN / "python"), "-m", "airflow", component]
            daemon.spawn(
                command, pidfile=self._pidfile(component), log=LOGS / f"{component}.log", environment=environment
            )
        return missing

    def await_answer(self) -> None:
        """Return once all four are healthy.

        :raises ServiceError: one ended, or they took too long.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            for component in COMPONENTS:
                if self._pidfile(component).process() is None:
                    raise ServiceError(
                        f"Airflow's {component} ended while starting. Run 'make up' again; if it ends again, "
                        f"'make down' and 'make up'.\n{tail(LOGS / f'{component}.log')}"
                    )
            if time.monotonic() > deadline:
                logs = "\n".join(tail(LOGS / f"{component}.log", 5) for component in COMPONENTS)
                raise ServiceError(
                    f"Airflow runs but was not healthy within {START_SECONDS} s. "
                    f"Run 'make down', then 'make up'.\n{logs}"
                )
            time.sleep(0.5)

    def answers(self) -> bool:
        """Return whether the API server answers and the others have a heartbeat."""
        if any(self._pidfile(component).process() is None for component in COMPONENTS):
            return False  # the metadata database believes a killed one for half a minute
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(f"{self.url}/api/v2/monitor/health", timeout=5) as answer:
                states = json.load(answer)
        except OSError:
            return False
        return all(states[part]["status"] == "healthy" for part in ("scheduler", "dag_processor", "triggerer"))

    def stop(self) -> bool:
        """End the four with all that they started. Return whether anything of them was running."""
        mains = [process for component in COMPONENTS if (process := self._pidfile(component).process())]
        for process in mains:
            send(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in mains:
            wait_for_end(process, max(0, deadline - time.monotonic()))
        left = [self._kill_session(component) for component in COMPONENTS]
        for component in COMPONENTS:
            self._pidfile(component).path.unlink(missing_ok=True)
        return bool(mains) or any(left)

    def _pidfile(self, component: str) -> Pidfile:
        return Pidfile(STATE / f"airflow-{component}.pid", renames_itself=True)

    def _kill_session(self, component: str) -> bool:
        """Kill what a component has started, and itself. Return whether there was anything."""
        session = self._pidfile(component).recorded_pid()
        found = False
        while session and (alive := list(_members(session))):
            found = True
            for process in alive:
                send(process, signal.SIGKILL)
            for process in alive:
                wait_for_end(process, 5)
        return found

    def _settings(self) -> dict[str, str]:
        """Return what the four add to `.dev/env`; what is secret stays the same from one start to the next."""
        AIRFLOW_HOME.mkdir(parents=True, exist_ok=True)
        passwords = AIRFLOW_HOME / "passwords.json"
        if not passwords.exists():
            _write_secret(passwords, {USER: secrets.token_urlsafe(9)})
        keys = AIRFLOW_HOME / "keys.json"
        if not keys.exists():
            _write_secret(keys, {"jwt": secrets.token_hex(32), "session": secrets.token_hex(32)})
        key = json.loads(keys.read_text())
        return {
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": key["session"],
            "AIRFLOW__API_AUTH__JWT_SECRET": key["jwt"],
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",  # on a busy machine the Google provider's import takes 30 s
            "AIRFLOW__CORE__EXECUTOR": "dev.up.warm_executor.WarmLocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}",
            "SPT_NOENV": "1",  # processes that rename themselves keep the environment that we know them by
        }


def _members(session: int) -> Iterator[psutil.Process]:
    """The processes of a session that are this checkout's Airflow: its number may have become another's."""
    for process in psutil.process_iter():
        try:
            ours = os.getsid(process.pid) == session and process.environ().get("AIRFLOW_HOME") == str(AIRFLOW_HOME)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (OSError, psutil.Error):
            continue


def _write_secret(path: os.PathLike[str], content: Mapping[str, str]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
