"""Describe the machine on which the figures were measured."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg

from bench.statements import statement
from bench.target import Server

PACKAGES = (
    *("apache-airflow", "apache-airflow-providers-google", "apache-airflow-providers-postgres", "psycopg", "pyarrow"),
    "pgpq",
)


def describe(server: Server) -> dict[str, Any]:
    """Return processors, memory, versions and the database's settings."""
    with psycopg.connect(server.dsn) as connection:
        settings: dict[str, str] = dict(connection.execute(statement("database", "settings")).fetchall())
    return {
        "processors": os.cpu_count(),
        "processor": _line("/proc/cpuinfo", "model name"),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "postgres": settings,
        "load_at_start": os.getloadavg()[0],
        "commit": _commit(),
    }


def _line(file: str, field: str) -> str:
    for line in Path(file).read_text().splitlines():
        if line.startswith(field):
            return line.split(":", 1)[1].strip()
    return "unknown"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()
