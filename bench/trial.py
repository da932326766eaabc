"""The trial of one size: its source, a database to clone, its rows as files, and how a step is measured."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from bench.child import in_child
from bench.counters import Counters
from bench.kept import Kept
from bench.memory import Measured
from bench.ours import EXTRACT, Ours, TakenSnapshot, write_files
from bench.reader import Reader
from bench.reads import Read
from bench.rows import EARLIER, LANDED, WEEK, SourceRows
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
    snapshots: dict[tuple[str, date], TakenSnapshot] = field(default_factory=dict)
    """By state of the source and week. BigQuery is not what is measured, so each is taken once."""
    kept: dict[str, Kept] = field(default_factory=dict)
    """What each contender's table keeps, by contender."""
    reads: list[Read] = field(default_factory=list)
    """What was asked of BigQuery in the case that counts it."""
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="sqp_bench_")))
    rows: int = 0

    @cached_property
    def template(self) -> Target:
        """A database with the week before; month and quarter of the measured week count as synced."""
        target = self.server.migrated()
        for week in (EARLIER, WEEK):
            target.keep_month_and_quarter_of(week)
        Ours(target, self.source.settings(LANDED)).sync(EARLIER, "earlier")
        return target

    @cached_property
    def published(self) -> Target:
        """The same with the measured week as it landed: what a sync of each later state finds."""
        target = self.server.copy(self.template)
        Ours(target, self.source.settings(LANDED)).sync(WEEK, "landed", self.snapshot)
        return target

    @property
    def snapshot(self) -> TakenSnapshot:
        """A snapshot of the measured week as it landed; the other contenders get its rows."""
        return self.snapshots[LANDED, WEEK]

    def prepare(self) -> None:
        """Create the database, take the snapshot and write the files."""
        settings = self.source.settings(LANDED)
        with self.server.clone(self.template) as scratch:
            tasks = Ours(scratch, settings).run(WEEK, "files")
            next(tasks)[1]()
            self.snapshots[LANDED, WEEK] = next(tasks)[1]().result
        self.rows = in_child(write_files, settings, self.snapshot, self.folder).result

    @contextmanager
    def repeat(self, template: Target, number: int) -> Iterator[Repeat]:
        """Clone the database and start a reader on it; drop the snapshots that no other repeat uses at the end."""
        try:
            with self.server.clone(template) as target, Reader(target, EARLIER) as reader:
                yield Repeat(self, target, reader, number)
        finally:
            self.source.drop_snapshots(keep={taken["job_id"] for taken in self.snapshots.values()})

    def drop(self) -> None:
        """Delete files, databases and source."""
        shutil.rmtree(self.folder)
        self.server.drop()
        self.source.drop()


@dataclass(frozen=True)
class Repeat:
    """One clone of the database and its reader.

    :param number: 1 for the first repeat of a case.
    """

    trial: Trial
    target: Target
    reader: Reader
    number: int

    def measure(self, contender: str, case: str, stage: str, step: Callable[[], Measured], rows: int = 0) -> Measured:
        """Run a step and record its measurement."""
        before = Counters.read(self.target.dsn)
        self.reader.forget()
        found = step()
        waited = self.reader.longest_seconds()
        self.trial.measurements.append(
            Measurement(
                contender,
                case,
                stage,
                self.number,
                rows or self.trial.rows,
                found.seconds,
                found.memory_bytes,
                reader_seconds=waited,
                changed=_changed(found.result),
                **Counters.read(self.target.dsn).since(before),
            )
        )
        return found

    def sync(self, case: str, state: str, week: date = WEEK, *, again: bool = False) -> None:
        """Sync a week from a state of the source, and measure each task.

        :param again: with a snapshot of its own, because the state was published from another one.
        """
        for task_id, task in self.tasks(case, state, week, again=again):
            self.measure("ours", case, task_id, task)

    def tasks(
        self, case: str, state: str, week: date = WEEK, *, again: bool = False
    ) -> Iterator[tuple[str, Callable[[], Measured]]]:
        """Yield the tasks of a sync; the first repeat's extract serves the others too."""
        snapshots, key = self.trial.snapshots, (f"{state} again" if again else state, week)
        ours = Ours(self.target, self.trial.source.settings(state))

        def remembered(extract: Callable[[], Measured]) -> Measured:
            found = extract()
            snapshots[key] = found.result
            return found

        for task_id, task in ours.run(week, f"{case} {state}", snapshots.get(key)):
            yield task_id, partial(remembered, task) if task_id == EXTRACT else task


def _changed(result: Any) -> int:
    changes = ("inserted", "updated", "deleted")
    return sum(int(result.get(change, 0)) for change in changes) if isinstance(result, dict) else 0
