"""The identity of a background process, so that a reused pid is never mistaken for it."""

import contextlib
import json
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from dev.services.errors import ServiceError

# A process's start is computed from the boot time, which moves a little when the clock is adjusted.
START_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True)
class Pidfile:
    """A file that names one process by pid, start and command line.

    `{"pid": 4711, "started": 1794139200.1, "command": ["…/postgres", "-D", "…/.dev/postgres"]}`

    :param renames_itself: the process changes its command line, so that pid and start have to do.
    """

    path: Path
    renames_itself: bool = False

    def record(self, pid: int, command: Sequence[str]) -> None:
        """Write down a process just started with this command.

        The command is not read back from the process: for a moment after the start it has none yet.
        """
        identity = {"pid": pid, "started": psutil.Process(pid).create_time(), "command": list(command)}
        self.path.write_text(json.dumps(identity))

    def recorded_pid(self) -> int | None:
        """Return the pid that was written down, whatever became of the process: its session may live on."""
        try:
            return int(json.loads(self.path.read_text())["pid"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def process(self) -> psutil.Process | None:
        """Return the recorded process, or None when it ended, even if its pid lives on as another's."""
        try:
            identity = json.loads(self.path.read_text())
            process = psutil.Process(identity["pid"])
            same_start = abs(process.create_time() - identity["started"]) <= START_TOLERANCE_SECONDS
            same = same_start and (self.renames_itself or process.cmdline() == identity["command"])
        except (FileNotFoundError, ValueError, TypeError, KeyError, psutil.Error):
            return None
        return process if same and not _ended(process) else None

    def stop(self, gentle: signal.Signals, patience: float = 30.0) -> bool:
        """Ask the recorded process to end, then insist.

        :return: whether there was a process to end.
        :raises ServiceError: it belongs to somebody else, or outlived SIGKILL.
        """
        process = self.process()
        if process is None:
            self.path.unlink(missing_ok=True)
            return False
        for request, seconds in ((gentle, patience), (signal.SIGKILL, 5.0)):
            send(process, request)
            if wait_for_end(process, seconds):
                self.path.unlink(missing_ok=True)
                return True
        raise ServiceError(f"process {process.pid} of {self.path} is still there after SIGKILL.")


def send(process: psutil.Process, request: signal.Signals) -> None:
    """Send a signal; to a process that has ended is no mistake.

    :raises ServiceError: the process belongs to somebody else.
    """
    try:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(request)
    except psutil.AccessDenied as denied:
        raise ServiceError(
            f"process {process.pid} belongs to another user and was left running. "
            "Stop it as the user that ran 'make services'."
        ) from denied


def wait_for_end(process: psutil.Process, seconds: float) -> bool:
    """Return whether the process ended within the seconds."""
    deadline = time.monotonic() + seconds
    while not _ended(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _ended(process: psutil.Process) -> bool:
    """A container's first process may never collect its children, so a zombie counts as ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
