"""Airflow's own metrics: a StatsD server that keeps how long the scheduler's loop and the parses took."""

from __future__ import annotations

import socket
import threading
from statistics import median, quantiles
from types import TracebackType

PREFIX = "airflow."
WANTED = ("scheduler.", "dag_processing.", "executor.")


class Metrics:
    """Use it as a context; ``environment`` is what Airflow needs.

    :param wanted: how the names begin of those to keep.
    :param tagged: a name has its tags, ``sqp.stage.duration,stage=load``.
    """

    def __init__(self, wanted: tuple[str, ...] = WANTED, *, tagged: bool = False) -> None:
        self.wanted = wanted
        self.tagged = tagged
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(1)
        self.values: dict[str, list[float]] = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._receive, daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """Settings of Airflow."""
        return {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(self.socket.getsockname()[1]),
            "AIRFLOW__METRICS__METRICS_ALLOW_LIST": ",".join(self.wanted),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": str(self.tagged),
        }

    def __enter__(self) -> Metrics:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.ended.set()
        self.thread.join()
        self.socket.close()

    def forget(self) -> None:
        """Measure from now on."""
        self.values.clear()

    def summary(self) -> dict[str, dict[str, float]]:
        """Return median, 95th percentile, largest and sum by metric; times are milliseconds."""
        found = {}
        for name, values in sorted(self.values.copy().items()):
            p95 = quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
            figures = {"median": median(values), "p95": p95, "largest": max(values), "sum": sum(values)}
            found[name] = {"count": len(values)} | {key: round(value, 1) for key, value in figures.items()}
        return found

    def _receive(self) -> None:
        while not self.ended.is_set():
            try:
                lines = self.socket.recv(65536).decode(errors="replace").splitlines()
            except TimeoutError:
                continue
            for line in lines:
                name, _, rest = line.partition(":")
                value, _, kind = rest.partition("|")
                if kind.split("|")[0] in ("ms", "g") and name.removeprefix(PREFIX).startswith(self.wanted):
                    self.values.setdefault(name.removeprefix(PREFIX), []).append(float(value))
