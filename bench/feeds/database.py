"""What the Postgres server did meanwhile: counters before and after, and what is seen once a second."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Any

import psycopg
from psycopg.rows import dict_row

from bench.statements import statement


class Watched:
    """The databases of one run, each by what it is for: ``{"metadata": "sqp_bench_1f0c_airflow", …}``."""

    def __init__(self, dsn: str, databases: dict[str, str]) -> None:
        self.purposes = {name: purpose for purpose, name in databases.items()}
        self.connection = psycopg.connect(dsn, autocommit=True, row_factory=dict_row, application_name="bench load")
        self.before = self._counters()
        self.connections: dict[str, int] = dict.fromkeys(databases, 0)
        self.most_active: dict[str, int] = dict.fromkeys(databases, 0)
        self.longest_lock_wait: dict[str, float] = dict.fromkeys(databases, 0)
        self.waits: dict[str, Counter[str]] = {purpose: Counter() for purpose in databases}

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.connection.close()

    @property
    def postmaster(self) -> int:
        """The process that all others of the server descend from."""
        import psutil

        parent = psutil.Process(self._rows("postmaster")[0]["backend"]).parent()
        if parent is None:
            raise RuntimeError("Postgres does not run on this machine; this benchmark measures one that does.")
        return int(parent.pid)

    def sample(self) -> None:
        """Look at the clients."""
        for row in self._rows("clients"):
            purpose = self.purposes[row["database"]]
            self.connections[purpose] = max(self.connections[purpose], row["connections"])
            self.most_active[purpose] = max(self.most_active[purpose], row["active"])
        for row in self._rows("waits"):
            self.waits[self.purposes[row["database"]]][row["wait"]] += row["statements"]
        for row in self._rows("lock_waits"):
            purpose = self.purposes[row["database"]]
            self.longest_lock_wait[purpose] = max(self.longest_lock_wait[purpose], float(row["seconds"] or 0))

    def since_start(self) -> dict[str, Any]:
        """Return what was counted by database, and the WAL of the whole server."""
        after = self._counters()
        found: dict[str, Any] = {}
        for purpose, counted in after.items():
            earlier = self.before[purpose]
            found[purpose] = {name: round(float(value) - float(earlier[name]), 1) for name, value in counted.items()}
            if purpose != "wal":
                found[purpose] |= self._seen(purpose)
        return found

    def _seen(self, purpose: str) -> dict[str, Any]:
        return {
            "peak_connections": self.connections[purpose],
            "peak_active": self.most_active[purpose],
            "longest_lock_wait_seconds": round(self.longest_lock_wait[purpose], 2),
            "active_statements_seen": dict(self.waits[purpose].most_common(8)),
        }

    def _counters(self) -> dict[str, dict[str, Any]]:
        found = {self.purposes[row.pop("database")]: row for row in self._rows("server")}
        return found | {"wal": self._rows("wal")[0]}

    def _rows(self, block: str) -> list[dict[str, Any]]:
        return self.connection.execute(statement("feeds", block), {"databases": list(self.purposes)}).fetchall()
