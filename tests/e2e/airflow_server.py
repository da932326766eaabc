"""A whole Airflow for the tests: API server, scheduler, Dag processor, triggerer; a broker and workers if wanted."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType

import httpx
import pytest

from tests import owned
from tests.e2e import keeper

ROOT = Path(__file__).parents[2]
LOCAL = "dev.up.warm_executor.WarmLocalExecutor"
GUARD_SECONDS = 1800
"""The time-out of tests. What asks for a shorter one than its default gets this: the machine may be busy."""
USERS = {"admin": "admin", "viewer": "viewer"}
"""User names, which are their passwords too, and their roles."""


def airflow(*words: str) -> list[str]:
    """The command line of an `airflow` command."""
    return [sys.executable, "-m", "airflow", *words]


COMPONENTS = {name: airflow(name) for name in ("api-server", "scheduler", "dag-processor", "triggerer")}


class ServerError(RuntimeError):
    """Airflow did not do what was waited for; the message ends with the log's last lines."""


class AirflowServer:
    """Its processes, their home directory and their metadata database; use it as a context.

    :param home: an empty directory for AIRFLOW_HOME.
    :param metadata_dsn: a migrated database without Dags.
    :param environment: what to add to the processes' environment: the configuration file, the connections.
    :param executor: where the tasks run; by default beside the scheduler.
    :param besides: command lines, by name, of what runs beside Airflow's own four: a broker, workers. They are
        started in this order, before the four.
    """

    def __init__(
        self,
        home: Path,
        metadata_dsn: str,
        environment: Mapping[str, str],
        *,
        executor: str = LOCAL,
        besides: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self.home = home
        self.commands = {**besides, **COMPONENTS}
        self.port, *log_ports = free_ports(3)
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = _inherited() | self._settings(metadata_dsn, executor, log_ports) | dict(environment)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.open = ExitStack()

    def __enter__(self) -> AirflowServer:
        with self.open:
            self.keeper = self._start_keeper()
            self._prepare_home()
            for component in self.commands:
                self.start(component)
            self.wait_until(self.healthy, "healthy components")
            self.open = self.open.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.open.close()

    def start(self, component: str) -> None:
        """Start one of them in a session of its own, which the keeper ends with the tests."""
        with self.log(component).open("ab") as output:
            process = subprocess.Popen(
                self.commands[component],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.home,
                start_new_session=True,
            )
        self.processes[component] = process
        assert self.keeper.stdin
        self.keeper.stdin.write(f"{process.pid}\n".encode())
        self.keeper.stdin.flush()

    def kill(self, component: str) -> None:
        """End one of them without a warning, with all that it started, as when its container is killed."""
        process = self.processes.pop(component)
        keeper.kill({process.pid})
        process.wait()

    def cli(self, *arguments: str) -> str:
        """Run an `airflow` command beside the server; return what it printed."""
        done = subprocess.run(
            airflow(*arguments),
            env=self.environment,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise ServerError(f"airflow {' '.join(arguments)} stopped with {done.returncode}:\n{done.stdout[-3000:]}")
        return done.stdout

    def healthy(self) -> bool:
        """Return whether Airflow's four answer or have a heart beat."""
        try:
            states = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5).raise_for_status().json()
        except httpx.HTTPError:
            return False
        return all(states[part]["status"] == "healthy" for part in ("scheduler", "dag_processor", "triggerer"))

    def wait_until(self, condition: Callable[[], object], what: str, say: Callable[[], str] | None = None) -> None:
        """Wait until it holds, however long the machine takes. The time-out of tests ends a wait without hope.

        :param say: describes what is waited for; by default what each component said last.
        :raises ServerError: a component has stopped.
        """
        try:
            while not condition():
                self.refuse_if_stopped()
                time.sleep(0.5)
        except pytest.fail.Exception:
            print(f"waited for {what}\n{say() if say else self.said()}")
            raise

    def refuse_if_stopped(self) -> None:
        """Raise ServerError, with the end of its log, if a component has stopped that no test has killed."""
        for component, process in self.processes.items():
            if process.poll() is not None:
                raise ServerError(f"{component} stopped with {process.returncode}:\n{self.tail(component)}")

    def said(self) -> str:
        """The last lines of all components."""
        return "\n".join(f"--- {component}\n{self.tail(component)}" for component in self.commands)

    def log(self, component: str) -> Path:
        """The file with what a component says."""
        return self.home / f"{component}.log"

    def tail(self, component: str, lines: int = 30) -> str:
        """The last lines of it."""
        return "\n".join(self.log(component).read_text(errors="replace").splitlines()[-lines:])

    def _start_keeper(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, keeper.__file__], stdin=subprocess.PIPE, start_new_session=True)

        def end() -> None:
            assert process.stdin
            process.stdin.close()
            process.wait()
            for component in self.processes.values():
                component.wait()

        self.open.callback(end)
        return process

    def _prepare_home(self) -> None:
        self.home.mkdir(parents=True)
        (self.home / "passwords.json").write_text(json.dumps({name: name for name in USERS}))

    def _settings(self, metadata_dsn: str, executor: str, log_ports: list[int]) -> dict[str, str]:
        settings = {
            "CORE__DAGS_FOLDER": ROOT / "dags",
            "CORE__PLUGINS_FOLDER": ROOT / "plugins",
            "CORE__LOAD_EXAMPLES": False,
            "CORE__EXECUTOR": executor,
            "CORE__PARALLELISM": 8,
            "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": self.home / "passwords.json",
            "DATABASE__SQL_ALCHEMY_CONN": owned.for_sqlalchemy(metadata_dsn),
            "API__HOST": "127.0.0.1",
            "API__PORT": self.port,
            "API__BASE_URL": self.url,
            "API__WORKERS": 1,
            "API_AUTH__JWT_SECRET": "a secret of at least sixty-four bytes, that only these tests ever use....",
            "LOGGING__WORKER_LOG_SERVER_PORT": log_ports[0],
            "LOGGING__TRIGGER_LOG_SERVER_PORT": log_ports[1],
            # Quick decisions, and no idle work between them.
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.5,
            "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": 1,
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": 2,
            # A supervisor that misses its task's end by a moment checks again only after this time; by default 5 s.
            "WORKERS__MIN_HEARTBEAT_INTERVAL": 1,
            # How long a task or a scheduler may say nothing before it counts as dead, on a busy machine too.
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": 30,
            "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": 30,
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 2,
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": 5,
            # Each Dag is parsed once, however long it takes on a busy machine: a parse that timed out is not repeated.
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 3600,
            "DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": GUARD_SECONDS,
            "CORE__DAGBAG_IMPORT_TIMEOUT": GUARD_SECONDS,
            "USAGE_DATA_COLLECTION__ENABLED": False,
        }
        python_path = f"{ROOT / 'plugins'}:{ROOT}"
        return {"AIRFLOW_HOME": str(self.home), "PYTHONPATH": python_path} | {
            f"AIRFLOW__{key}": str(value) for key, value in settings.items()
        }


def _inherited() -> dict[str, str]:
    # Without the measuring of coverage: it would slow each of hundreds of task processes, and leave a file of each.
    return {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_CORE_"))}


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on."""
    with ExitStack() as sockets:
        opened = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in opened]
