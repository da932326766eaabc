"""The supervisord of this checkout, which runs what `supervisord.conf` names.

No pid is written down here, so none is ever mistaken for another's: supervisord knows its children.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import sleep
from typing import Any
from xmlrpc.client import ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from dev.checkout import LOGS, ROOT, STATE
from dev.services.errors import ServiceError, tail
from dev.services.place import OUTSIDE, outside

CONFIGURATION = Path(__file__).with_name("supervisord.conf")
# A socket's path may have 104 to 108 bytes, and supervisord appends its pid for a moment.
SOCKET = (STATE if len(os.fsencode(STATE)) <= 75 else OUTSIDE) / "supervisor.sock"
MARK = "SQP_SUPERVISOR_SOCKET"
"""A variable that supervisord and everything below it carries."""


def call(method: str, *arguments: Any) -> Any:
    """Call a method of supervisord's, `call("startProcessGroup", "airflow")`. A program without a group is its own."""
    transport = SupervisorTransport(serverurl=f"unix://{SOCKET}")
    return getattr(ServerProxy("http://localhost", transport).supervisor, method)(*arguments)


def supervisord() -> psutil.Process | None:
    """Return supervisord's process, or None when it does not run."""
    try:
        return psutil.Process(call("getPID"))
    except (FileNotFoundError, ConnectionRefusedError):
        return None


def launch() -> None:
    """Start supervisord unless it runs, and end what a killed program or supervisord has left."""
    end_leftovers()
    if supervisord():
        return
    if SOCKET.parent == OUTSIDE:
        outside()
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(CONFIGURATION)]
    environment = os.environ | {MARK: str(SOCKET)}
    started = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if started.returncode != 0:
        raise ServiceError(f"supervisord did not start. {started.stderr}\n{tail(LOGS / 'supervisord.log')}")


def programs() -> list[dict[str, Any]]:
    """Return what supervisord knows of each program: its name and group, its log, and its pid while it runs."""
    return list(call("getAllProcessInfo")) if supervisord() else []


def running(kind: str = "group") -> set[str]:
    """Return the groups of which something is at work, or the programs by `running("name")`."""
    return {program[kind] for program in programs() if program["pid"]}


def alive(group: str) -> dict[Path, bool]:
    """Return the log of each program of a group, and whether the program is at work."""
    return {Path(each["stdout_logfile"]): bool(each["pid"]) for each in programs() if each["group"] == group}


def start(group: str) -> list[str]:
    """Start the programs of a group that do not run. Return their names."""
    return [started["name"] for started in call("startProcessGroup", group, False)]


def stop_group(group: str) -> None:
    """End the programs of a group with everything they started."""
    call("stopProcessGroup", group)
    end_leftovers()


def stop() -> set[str]:
    """End all programs with everything they started, and supervisord. Return the groups that were at work."""
    stopped = running()
    if supervisord():
        call("shutdown")
        while SOCKET.exists():  # supervisord's last deed is to remove it
            sleep(0.05)
    end_leftovers()
    return stopped


def end_leftovers() -> None:
    """End what carries our mark but is no descendant of a supervisord at work.

    A killed scheduler leaves its workers and their tasks, which would go on. A killed supervisord leaves everything.
    """
    marked = [process for process in psutil.process_iter() if _carries_mark(process)]
    family = set()  # asked for after the list, so that what starts meanwhile is in neither
    if parent := supervisord():
        family = {parent, *parent.children(recursive=True)}
    left = [process for process in marked if process not in family]
    for request, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(request)
        _, left = psutil.wait_procs(left, timeout=seconds)


def _carries_mark(process: psutil.Process) -> bool:
    try:
        return bool(process.environ().get(MARK) == str(SOCKET))
    except psutil.Error:
        return False
