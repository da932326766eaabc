"""Publish a period together with the months and quarters that are summed from it: all at once, or nothing.

What takes long is prepared in transactions of its own: comparing, summing, building a new partition. The last
transaction waits for no lock longer than a moment; if one is not free, it gives everything back and tries again. If
somebody has written to a period since it was prepared, it is prepared anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from psycopg.errors import UniqueViolation

from sqp_provider.core.errors import SyncError, TargetBusy, TargetUnusable
from sqp_provider.core.publish import PublishResult, Way
from sqp_provider.core.run import SyncRun
from sqp_provider.hooks.postgres import MOMENT_SECONDS, Database, SqpPostgresHook
from sqp_provider.target.part import Part
from sqp_provider.target.preparation import Preparation, months_of
from sqp_provider.target.target import Target
from sqp_provider.target.versions import Versions, begin_version, end_version, stamp_version
from sqp_provider.target.waiting import Moved, Waiting


@dataclass
class Publication:
    """What is published together: the run's period, and what is summed from it.

    :param give_up_at: when to stop trying, by ``time.monotonic``.
    :param rows: how many rows are staged.
    :param sums: those of the snapshot, by column.
    :param is_sum: the period is a month or quarter that is summed anew; nothing is staged yet.
    :param check: raises if the run may not publish; called in the first and in the last transaction.
    :param judge: raises if the changes that were found are not allowed.
    :param conclude: writes what belongs into the last transaction.
    :param renew: stages the whole period, where only changes are staged that do not fit any more.
    """

    postgres: SqpPostgresHook
    run: SyncRun
    log: Any
    give_up_at: float
    rows: int = 0
    sums: Mapping[str, int] = field(default_factory=dict)
    is_sum: bool = False
    check: Callable[[Target], None] = lambda target: None
    judge: Callable[[Target, PublishResult], None] = lambda target, found: None
    conclude: Callable[[Target, PublishResult], None] = lambda target, result: None
    renew: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        if self.run.sync_log_id:
            self.run = self.run.model_copy(update={"try_id": token_hex(2)})
        self.waiting = Waiting(self.postgres, self.run, self.log, self.give_up_at)
        self.prepared = self._unprepared()

    @property
    def parts(self) -> list[Part]:
        """What is put in place, the run's own period first."""
        return self.prepared.parts

    def publish(self) -> PublishResult:
        """Prepare and put in place until it succeeds, and return what changed in the run's own period.

        :raises TargetBusy: somebody held a lock until the time was up. What is staged stays.
        """
        with self.postgres.kept_open():
            try:
                return self._publish()
            finally:
                self._clean_up()

    def _publish(self) -> PublishResult:
        while True:
            try:
                self.waiting.patiently(self._prepare, lambda: self.parts)
                result = self.waiting.patiently(self._commit, lambda: self.parts)
            except TargetUnusable as error:
                with (
                    self.waiting.moment() as database
                ):  # another try of the same task may have published what was staged
                    self.check(Target(database, self.run))
                if not isinstance(error.__cause__, UniqueViolation) or self.waiting.is_over:
                    raise
                self.log.info("%s: somebody has added rows of it, so it is prepared again", self.run.period)
            except Moved as moved:
                if self.waiting.is_over:
                    raise TargetBusy(
                        f"{self.run}: {moved}, again and again. The target is unchanged, and what is staged stays. "
                        "Find out who writes to it all the time, then clear 'publish'."
                    ) from moved
                self.log.info("%s: %s, so it is prepared again", self.run.period, moved)
            else:
                for part in self.parts:
                    if part.derived:
                        how = {Way.ATTACH: "attached", Way.SWAP: "swapped", None: "written row by row"}[part.way]
                        self.log.info("%s: summed from its weeks, %s", part.run.period, how)
                for period in self.prepared.marked:
                    self.log.info("%s: the last of its weeks that are being synced sums it", period)
                return result

    def _unprepared(self) -> Preparation:
        return Preparation(self.waiting, self.run, self.rows, self.sums, self.is_sum, self.judge)

    def _prepare(self) -> None:
        while True:
            self.prepared = self._unprepared()
            with self.waiting.moment() as database:
                target = Target(database, self.run)
                self.check(target)
                target.adopt_unknown()
            if self.prepared.prepare():
                return
            self.renew()

    def _commit(self) -> PublishResult:
        own = self.parts[0]
        with self.waiting.moment() as database:
            target = own.target(database)
            target.lock_periods()
            for part in self.parts:
                found, part.is_doubted = part.target(database).locked_version()
                if found != part.version:
                    raise Moved(f"somebody has written to {part.run.period} meanwhile")
            version = begin_version(database)
            self._mark(database)
            for part in self.parts:
                if part.way is None:
                    part.target(database).apply_difference()
            self.check(target)  # locks the row of sync_log, so it comes after what takes long
            self.conclude(target, own.result)
            for part in self.parts:
                if part.derived:
                    part.target(database).record_derived(part.way)
            self._end_version(database, version)
            self._put_in_place(database)
            if any(part.way for part in self.parts):  # it may have waited for its locks
                stamp_version(database, version)
        return own.result

    def _end_version(self, database: Database, version: int) -> None:
        kept = [(part.run, part.kept, part.is_doubted) for part in self.parts if part.kept]
        for run, changes, _ in kept:
            if not Versions(database, run).copy(version, changes):
                raise Moved(f"what was found of {run.period} is gone, because the server has restarted")
        end_version(database, version, kept)

    def _mark(self, database: Database) -> None:
        """Leave the sum to the last of several weeks. The others have said under the same lock that they published."""
        months = months_of(database, self.run)
        for period, facts in self.prepared.months.items():
            if months[period].is_derived is not facts.is_derived:
                raise Moved(f"the other weeks of {period} are published")
        for period in self.prepared.marked:
            if not months[period].is_marked:
                raise Moved(f"the other weeks of {period} are published")
            Target(database, self.run.of(period), derived=True).mark_derived()

    def _put_in_place(self, database: Database) -> None:
        whole = [(part.target(database), part.way, part) for part in self.parts if part.way is not None]
        until = time.monotonic() + MOMENT_SECONDS
        for target, way, _ in whole:
            target.lock_readers_out(way, until)
        if whole:
            database.wait_until(until)
            database.run("publish", "lock_log")  # attaching locks what the partition's keys refer to
        for target, way, part in whole:
            if target.way_as_a_whole() is not way:
                raise Moved(f"somebody has changed the partition of {part.run.period} meanwhile")
        for target, way, part in whole:
            target.put_in_place(way, part.partition)

    def _clean_up(self) -> None:
        """Drop what was made beside the staged table. What cannot be dropped now goes with the end of the run."""
        with suppress(SyncError), self.waiting.working() as database:
            for run in {part.run.staged_name: part.run for part in self.prepared.made}.values():
                Target(database, run).staging.drop_made()
