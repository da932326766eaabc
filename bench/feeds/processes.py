"""Processor seconds and memory of groups of processes, from /proc, whose counts miss no short-lived process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """A line of ``/proc/<pid>/stat``."""

    pid: int
    parent: int
    session: int
    own: float
    """Processor seconds of its own."""
    ended: float
    """Those of its children that have ended."""
    rss: int


@dataclass
class Group:
    """What was seen of one of the groups."""

    roots: list[int]
    start_seconds: float = 0
    cpu_seconds: float = 0
    largest_rss: int = 0
    """Of one process."""
    peak_bytes: int = 0
    """Of all its processes together, a page that several share counted once."""
    processes: int = 0


def processes() -> dict[int, Process]:
    """Return all that run."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            ticks = [int(word) for word in words[11:15]]
            found[int(folder.name)] = Process(
                int(folder.name),
                parent=int(words[1]),
                session=int(words[3]),
                own=(ticks[0] + ticks[1]) / TICKS,
                ended=(ticks[2] + ticks[3]) / TICKS,
                rss=int(words[21]) * PAGE,
            )
    return found


class Groups:
    """Counts what groups of processes use, each by the process ids that all others of it descend from.

    :param roots: ``{"scheduler": [4711], "Postgres": [17]}``.
    :param forking: of these groups the root alone counts; what descends from it has another name, or none.
    """

    def __init__(self, roots: Mapping[str, list[int]], forking: Mapping[str, str | None]) -> None:
        self.groups = {name: Group(pids) for name, pids in roots.items()}
        self.forking = dict(forking)
        for name in filter(None, self.forking.values()):
            self.groups.setdefault(name, Group([]))
        self.sample()
        for group in self.groups.values():
            group.start_seconds, group.cpu_seconds = group.cpu_seconds, 0

    def sample(self, *, memory: bool = False) -> None:
        """Read /proc; memory costs more than the rest and is read when asked for."""
        running = processes()
        used = dict.fromkeys(self.groups, 0.0)
        members: dict[str, list[int]] = {name: [] for name in self.groups}
        for name, group in self.groups.items():
            rest = self.forking.get(name, name)
            for process in _descendants(running, group.roots):
                is_root = process.pid in group.roots
                for place, seconds in ((name if is_root else rest, process.own), (rest, process.ended)):
                    if place:
                        used[place] += seconds
                if place := name if is_root else rest:
                    members[place].append(process.pid)
        for name, group in self.groups.items():
            group.cpu_seconds = max(group.cpu_seconds, used[name] - group.start_seconds)
            group.processes = max(group.processes, len(members[name]))
            group.largest_rss = max([group.largest_rss, *(running[pid].rss for pid in members[name])])
            if memory:
                group.peak_bytes = max(group.peak_bytes, sum(map(proportional, members[name])))


def _descendants(running: Mapping[int, Process], roots: list[int]) -> list[Process]:
    children: dict[int, list[int]] = {}
    for process in running.values():
        children.setdefault(process.parent, []).append(process.pid)
    found, waiting = [], [pid for pid in roots if pid in running]
    while waiting:
        pid = waiting.pop()
        found.append(running[pid])
        waiting += children.get(pid, [])
    # Whoever lost its parent still has the session of the root that started it.
    known = {process.pid for process in found}
    sessions = {pid for pid in roots if pid in running and running[pid].session == pid}
    return found + [each for each in running.values() if each.session in sessions and each.pid not in known]


def proportional(pid: int) -> int:
    """Return the memory of a process, its part of shared pages only."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def machine() -> tuple[float, float, float]:
    """Return the seconds that all processors together have worked, waited for disks, and had nothing to do."""
    words = [int(word) / TICKS for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, idle, waiting, irq, soft, steal = words
    return user + nice + system + irq + soft + steal, waiting, idle


def listening(port: int) -> list[int]:
    """Return the process that listens on a port of this machine.

    :raises RuntimeError: none does, or it belongs to somebody else.
    """
    import psutil

    found = {each.pid for each in psutil.net_connections("tcp") if each.laddr and each.laddr.port == port}
    listeners = [
        pid for pid in found if pid and any(_listens(each, port) for each in psutil.Process(pid).net_connections())
    ]
    if not listeners:
        raise RuntimeError(f"No process that listens on port {port} was found. Run 'make services' as this user.")
    return listeners


def _listens(connection: object, port: int) -> bool:
    return getattr(connection, "status", "") == "LISTEN" and connection.laddr.port == port  # type: ignore[attr-defined]
