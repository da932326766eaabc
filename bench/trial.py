"""The trial of one size: its source, a database to clone, its rows as files, and how a step is measured."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.child import in_child
from bench.counters import Counters
from bench.memory import Measured
from bench.ours import Ours, write_files
from bench.reader import Reader
from bench.rows import EARLIER, WEEK, SourceRows
from bench.target import Server, Target


@dataclass(frozen=True)
class Measurement:
    """One step of one contender in one repeat. ``rows`` is its number of rows, ``changed`` how many it published."""

    contender: str
    case: str
    stage: str
    repeat: int
    rows: int
    seconds: float
    memory_bytes: int
    wal_bytes: int
    growth_bytes: int
    written: dict[str, int]
    reader_seconds: float
    changed: int = 0


@dataclass
class Trial:
    """What is prepared once for a size."""

    source: SourceRows
    server: Server
    measurements: list[Measurement] = field(default_factory=list)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="sqp_bench_")))
    rows: int = 0

    @cached_property
    def template(self) -> Target:
        """A database with the week before; month and quarter of the measured week count as synced."""
        target = self.server.migrated()
        for week in (EARLIER, WEEK):
            target.keep_month_and_quarter_of(week)
        Ours(target, self.source.settings("landed")).sync(EARLIER, "earlier")
        return target

    @cached_property
    def snapshot(self) -> dict[str, Any]:
        """A snapshot of the measured week as it landed; the other contenders get its rows."""
        with self.server.clone(self.template) as scratch:
            tasks = Ours(scratch, self.source.settings("landed")).run(WEEK, "files")
            next(tasks)[1]()
            found: dict[str, Any] = next(tasks)[1]().result
        return found

    def prepare(self) -> None:
        """Create the database and the files."""
        self.rows = in_child(write_files, self.source.settings("landed"), self.snapshot, self.folder).result

    @contextmanager
    def repeat(self) -> Iterator[Repeat]:
        """Clone the database and start a reader on it; drop the snapshots at the end."""
        try:
            with self.server.clone(self.template) as target, Reader(target, EARLIER) as reader:
                yield Repeat(self, target, reader)
        finally:
            self.source.drop_snapshots()

    def drop(self) -> None:
        """Delete files, databases and source."""
        shutil.rmtree(self.folder)
        self.server.drop()
        self.source.drop()


@dataclass(frozen=True)
class Repeat:
    """One clone of the database and its reader."""

    trial: Trial
    target: Target
    reader: Reader

    def measure(self, contender: str, case: str, stage: str, step: Callable[[], Measured], rows: int = 0) -> Measured:
        """Run a step and record its measurement."""
        before = Counters.read(self.target.dsn)
        self.reader.forget()
        found = step()
        waited = self.reader.longest_seconds()
        number = sum((m.contender, m.case, m.stage) == (contender, case, stage) for m in self.trial.measurements)
        self.trial.measurements.append(
            Measurement(
                contender,
                case,
                stage,
                number + 1,
                rows or self.trial.rows,
                found.seconds,
                found.memory_bytes,
                reader_seconds=waited,
                changed=_changed(found.result),
                **Counters.read(self.target.dsn).since(before),
            )
        )
        return found

    def sync(self, case: str, state: str) -> None:
        """Sync the measured week from a state of the source, and measure each task."""
        for task_id, task in Ours(self.target, self.trial.source.settings(state)).run(WEEK, f"{case} {state}"):
            self.measure("ours", case, task_id, task)


def _changed(result: Any) -> int:
    changes = ("inserted", "updated", "deleted")
    return sum(int(result.get(change, 0)) for change in changes) if isinstance(result, dict) else 0
