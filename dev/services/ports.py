"""Loopback ports: chosen free once, then remembered by this checkout."""

import json
import random
import socket
from pathlib import Path

from dev.services.errors import ServiceError

HOST = "127.0.0.1"
# Below the range from which Linux takes the ports of outgoing connections, so that no client sits on ours.
CANDIDATES = range(20_000, 32_000)


class Ports:
    """The ports of this checkout, kept in one small file: `{"postgres": 24117, "bigquery_rest": 21853}`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def recall(self, name: str) -> int:
        """Return the port remembered under this name, choosing a free one the first time."""
        known = self._read()
        return known[name] if name in known else self._remember(name, any_free(set(known.values())))

    def recall_free(self, name: str) -> int:
        """Return the remembered port if nobody listens on it, otherwise another free one."""
        port = self.recall(name)
        return port if is_free(port) else self._remember(name, any_free(set(self._read().values())))

    def _read(self) -> dict[str, int]:
        try:
            return {str(name): int(port) for name, port in json.loads(self.path.read_text()).items()}
        except (FileNotFoundError, ValueError, AttributeError):
            return {}

    def _remember(self, name: str, port: int) -> int:
        self.path.write_text(json.dumps(self._read() | {name: port}, indent=2) + "\n")
        return port


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


def any_free(taken: set[int]) -> int:
    """Return a free port that is none of those taken."""
    for port in random.sample(CANDIDATES, 200):
        if port not in taken and is_free(port):
            return port
    raise ServiceError(f"no free port on {HOST} between {CANDIDATES.start} and {CANDIDATES.stop - 1}.")
