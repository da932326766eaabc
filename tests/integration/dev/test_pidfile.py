"""Only the recorded process counts as running, and only it is ever stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from dev.services.pidfile import Pidfile

SLEEP = "import time; print('ready', flush=True); time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


@contextmanager
def running(program: str = SLEEP) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def recorded(folder: Path, process: "subprocess.Popen[bytes]", **changes: object) -> Pidfile:
    pidfile = Pidfile(folder / "service.pid")
    pidfile.record(process.pid, process.args)  # type: ignore[arg-type]
    pidfile.path.write_text(json.dumps(json.loads(pidfile.path.read_text()) | changes))
    return pidfile


def test_a_running_process_is_found_and_stopped(tmp_path: Path) -> None:
    with running() as process:
        pidfile = recorded(tmp_path, process)
        found = pidfile.process()
        assert found is not None
        assert found.pid == process.pid
        assert pidfile.stop(signal.SIGTERM)
        assert process.wait(5) == -signal.SIGTERM
    assert not pidfile.path.exists()


def test_a_process_is_found_from_its_first_moment(tmp_path: Path) -> None:
    for _ in range(50):  # its command line appears only a moment after its pid
        with subprocess.Popen(["/bin/sleep", "60"]) as process:
            pidfile = recorded(tmp_path, process)
            deadline = time.monotonic() + 5
            while pidfile.process() is None:
                assert time.monotonic() < deadline
            process.kill()


def test_a_stopped_process_is_not_running(tmp_path: Path) -> None:
    with running() as process:
        pidfile = recorded(tmp_path, process)
    assert pidfile.process() is None
    assert not pidfile.stop(signal.SIGTERM)
    assert not pidfile.path.exists()


def test_a_process_nobody_collected_counts_as_stopped(tmp_path: Path) -> None:
    with running() as process:
        pidfile = recorded(tmp_path, process)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
        assert pidfile.process() is None


def test_another_command_under_the_same_pid_is_left_alone(tmp_path: Path) -> None:
    with running() as process:
        pidfile = recorded(tmp_path, process, command=["postgres", "-D", "/somewhere/.dev/postgres"])
        assert pidfile.process() is None
        assert not pidfile.stop(signal.SIGKILL)
        assert process.poll() is None


def test_the_same_command_started_at_another_time_is_left_alone(tmp_path: Path) -> None:
    with running() as process:
        pidfile = recorded(tmp_path, process, started=1_794_139_200.0)
        assert not pidfile.stop(signal.SIGKILL)
        assert process.poll() is None


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    with running(DEAF) as process:
        pidfile = recorded(tmp_path, process)
        assert pidfile.stop(signal.SIGTERM, patience=0.5)
        assert process.wait(5) == -signal.SIGKILL


def test_a_damaged_file_means_no_process(tmp_path: Path) -> None:
    pidfile = Pidfile(tmp_path / "service.pid")
    for damage in ("", "{", "[]", "{}", '{"pid": "x"}'):
        pidfile.path.write_text(damage)
        assert pidfile.process() is None
