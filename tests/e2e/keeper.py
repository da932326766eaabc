"""Kills every process of the sessions that it was given, as soon as the tests are gone, however they stopped.

Started by :class:`tests.e2e.airflow_server.AirflowServer`, which writes one session id a line to its standard input.
Airflow moves its tasks into process groups of their own, but never into another session.
"""

import os
import sys

import psutil


def members(sessions: set[int]) -> list[psutil.Process]:
    """The processes of these sessions."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue
    return found


def kill(sessions: set[int]) -> None:
    """Kill them until none is left: one of them may just be starting another."""
    while alive := members(sessions):
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=1)


if __name__ == "__main__":
    kill({int(line) for line in sys.stdin})
