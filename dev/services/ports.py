"""Loopback ports: chosen free once, then remembered by this checkout."""

import json
import random
import socket
from collections.abc import Collection
from http.client import HTTPException
from typing import Any
from urllib.request import ProxyHandler, build_opener

from dev.checkout import STATE
from dev.services.errors import ServiceError

HOST = "127.0.0.1"
# Below the range from which Linux takes the ports of outgoing connections, so that no client sits on ours.
CANDIDATES = range(20_000, 32_000)
FILE = STATE / "ports.json"
OF_GROUP = {
    "postgres": ("postgres",),
    "bigquery": ("bigquery_rest", "bigquery_grpc"),
    "airflow": ("airflow_api", "airflow_worker_log", "airflow_trigger_log"),
}
"""On what the programs of a group listen."""


def remembered() -> dict[str, int]:
    """Return the ports of this checkout: `{"postgres": 24117, "bigquery_rest": 21853}`."""
    try:
        return dict(json.loads(FILE.read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def choose(running: Collection[str]) -> None:
    """Remember a port for each name: the one it has, unless somebody else listens there and its group does not run."""
    ports = remembered()
    for group, names in OF_GROUP.items():
        for name in names:
            if name not in ports or (group not in running and not is_free(ports[name])):
                ports[name] = any_free(ports.values())
    FILE.write_text(json.dumps(ports, indent=2) + "\n")


def is_free(port: int) -> bool:
    """Return whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def any_free(taken: Collection[int] = ()) -> int:
    """Return a free port that is none of those taken."""
    for port in random.sample(CANDIDATES, 200):
        if port not in taken and is_free(port):
            return port
    raise ServiceError(f"no free port on {HOST} between {CANDIDATES.start} and {CANDIDATES.stop - 1}.")


def ask(port: int, path: str) -> Any:
    """Return the JSON that a server answers with, without any proxy; None while it is not ready."""
    try:
        with build_opener(ProxyHandler({})).open(f"http://{HOST}:{port}{path}", timeout=5) as answer:
            return json.load(answer)
    except (OSError, HTTPException, ValueError):
        return None
