"""Publish a period together with the months and quarters that are summed from it: all at once, or nothing.

What takes long is prepared in transactions of its own: comparing, summing, building a new partition. The last
transaction waits for no lock longer than a moment; if one is not free, it gives everything back and tries again. If
somebody has written to a period since it was prepared, it is prepared anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import SystemRandom
from secrets import token_hex
from typing import Any, TypeVar

from psycopg import sql
from psycopg.errors import UniqueViolation

from sqp_provider.core.errors import SyncError, TargetBusy, TargetUnusable
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.publish import MonthFacts, PublishResult, Way
from sqp_provider.core.run import SyncRun
from sqp_provider.hooks.postgres import MOMENT_SECONDS, Database, SqpPostgresHook
from sqp_provider.target.sums import Sums
from sqp_provider.target.target import Target
from sqp_provider.target.versions import Kept, Versions, begin_version, end_version, stamp_version

REFUSALS = 5
"""After so many refusals a period is written row by row instead of being replaced, or the other way round."""

LONGEST_PAUSE_SECONDS = 5.0
"""How long a refused publish leaves the tables to others before it tries again."""

T = TypeVar("T")


class _Moved(Exception):
    """Somebody has written to a period since it was prepared."""


_NOTHING = PublishResult(how="unchanged", inserted=0)


@dataclass
class Part:
    """One period of a publish.

    :param version: what the ledger had before the period was read.
    :param way: how it is put in place; None: row by row.
    :param partition: the table of the staging schema that becomes the partition.
    :param is_compared: all its changes are in the table of differences.
    :param kept: what history keeps of its changes.
    """

    run: SyncRun
    derived: bool
    version: str | None = None
    way: Way | None = None
    result: PublishResult = _NOTHING
    partition: str = ""
    is_compared: bool = False
    kept: Kept | None = None
    is_doubted: bool = False

    def target(self, database: Database) -> Target:
        """Return the period inside a transaction."""
        return Target(database, self.run, derived=self.derived)


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
    parts: list[Part] = field(default_factory=list)
    marked: list[Period] = field(default_factory=list)
    months: dict[Period, MonthFacts] = field(default_factory=dict)
    made: list[Part] = field(default_factory=list)
    row_by_row: bool = False
    refused: int = 0

    def __post_init__(self) -> None:
        if self.run.sync_log_id:
            self.run = self.run.model_copy(update={"try_id": token_hex(2)})

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
                self._patiently(self._prepare)
                result = self._patiently(self._commit)
            except TargetUnusable as error:
                with self._moment() as database:  # another try of the same task may have published what was staged
                    self.check(Target(database, self.run))
                if not isinstance(error.__cause__, UniqueViolation) or time.monotonic() > self.give_up_at:
                    raise
                self.log.info("%s: somebody has added rows of it, so it is prepared again", self.run.period)
            except _Moved as moved:
                if time.monotonic() > self.give_up_at:
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
                for period in self.marked:
                    self.log.info("%s: the last of its weeks that are being synced sums it", period)
                return result

    # what is prepared

    def _prepare(self) -> None:
        self.parts, self.marked = [], []
        with self._moment() as database:
            target = Target(database, self.run)
            self.check(target)
            target.adopt_unknown()
        own = Part(self.run, derived=self.is_sum)
        parts = {period: Part(self.run.of(period), derived=True) for period in self._periods_of_sums()}
        self.made = [own, *parts.values()]
        self._look(self.made)
        with self._moment() as database:
            target = own.target(database)
            is_stale, of_changes, whole = target.is_stale(own.version), bool(target.changes.kept), target.changes.whole
            months = self.months = self._months(database)
        if is_stale:
            self.renew()
            self._prepare()
            return
        if self.is_sum:
            self.rows = self._stage_sum(own, {})
        summed = [parts[period] for period, facts in months.items() if facts.is_summed_with_a_partition]
        as_a_whole = not (self.row_by_row or of_changes) and self.rows > 0 and all(part.way for part in (own, *summed))
        if as_a_whole and own.way is Way.SWAP:
            as_a_whole = self._much_changes(own)
        if as_a_whole:
            self._build_all(own, summed)
            self._keep()
            self.marked = [period for period, facts in months.items() if facts.is_marked]
            return
        self._compare(own)
        staged: dict[Period, sql.Composable] = {self.run.period: whole}
        for period, facts in months.items():
            if facts.is_summed_with_rows(own.result.changes):
                self._stage_sum(parts[period], staged)
                self._compare(parts[period])
                staged[period] = self._staged(parts[period].run)
        self._keep()

    def _look(self, parts: Sequence[Part]) -> None:
        """Find out what the ledger has, before anything else is read, and how each part can be put in place."""
        for part in parts:
            with self._moment() as database:
                target = part.target(database)
                part.version, part.way = target.version(), target.way_as_a_whole()
                if part.way is None and (self.rows or self.is_sum) and target.make_room():
                    part.way = target.way_as_a_whole()

    def _periods_of_sums(self) -> list[Period]:
        if self.run.period.sync_type is not SyncType.WEEKLY:
            return []
        return [Period.containing(kind, self.run.period.first_day) for kind in (SyncType.MONTHLY, SyncType.QUARTERLY)]

    def _months(self, database: Database) -> dict[Period, MonthFacts]:
        """Return what is known of the month and quarter of a week, the month first."""
        if self.run.period.sync_type is not SyncType.WEEKLY:
            return {}
        values = {"week": self.run.period.first_day, "sync_log_id": self.run.sync_log_id}
        rows = database.connection.execute(database.statement("sums", "months_of_week"), values).fetchall()
        return {
            Period.starting(SyncType(row.pop("sync_type")), row.pop("period_start")): MonthFacts(**row) for row in rows
        }

    def _much_changes(self, own: Part) -> bool:
        most = self.postgres.target.most_changes(self.rows)
        with self._working() as database:
            target = own.target(database)
            own.result = target.find_difference(most=most)
            self.judge(target, own.result)
        own.is_compared = own.result.changes <= most
        return not own.is_compared

    def _stage_sum(self, part: Part, staged: Mapping[Period, sql.Composable]) -> int:
        """Write the sums into the staged table of a month or quarter, and return how many rows it has."""
        with self._working() as database:
            target = part.target(database)
            target.staging.drop()
            return target.stage_rows(Sums(database, part.run, staged).query())

    def _staged(self, run: SyncRun) -> sql.Identifier:
        return sql.Identifier(self.postgres.target.staging_schema, run.staged_name)

    def _build_all(self, own: Part, summed: list[Part]) -> None:
        staged: dict[Period, sql.Composable] = {self.run.period: self._staged(self.run)}
        with self._moment() as database:
            is_ready = own.way is Way.ATTACH and own.target(database).staging.period_is_new()
        if is_ready:
            own.partition = self.run.staged_name
        else:
            self._build(own, staged[self.run.period], staged)
        own.result = (
            own.result.model_copy(update={"how": "swapped"})
            if own.way is Way.SWAP
            else PublishResult(how="attached", inserted=self.rows)
        )
        for part in summed:
            staged[part.run.period] = self._build(part, None, staged)
        self.parts = [own, *summed]
        self._patiently(self._add_foreign_keys)
        with self._working() as database:
            for part in self.parts:
                part.target(database).staging.prove_foreign_keys(part.partition)

    def _build(
        self, part: Part, rows: sql.Composable | None, staged: Mapping[Period, sql.Composable]
    ) -> sql.Composable:
        replaces = part.way is Way.SWAP
        if rows is None:
            with self._working() as database:
                rows = Sums(database, part.run, staged).query()
        with self._working() as reading, self._working() as database:
            target = part.target(database)
            target.build(reading, rows, replaces=replaces)
            part.partition = part.run.name_of("partition")
            return target.staging.partition

    def _add_foreign_keys(self) -> None:
        """Prove beforehand what attaching would prove while others wait."""
        with self._moment() as database:
            for part in self.parts:
                part.target(database).staging.add_foreign_keys(part.partition)

    def _compare(self, part: Part) -> None:
        needs_room, part.way = part.way is Way.ATTACH, None
        if not part.is_compared:
            with self._working() as database:
                target = part.target(database)
                part.result = target.find_difference()
                if part.run is self.run:
                    self.judge(target, part.result)
        if part.result.changes and needs_room:
            with self._moment() as database:
                part.target(database).make_room()
        self.parts.append(part)

    def _keep(self) -> None:
        """Find out what history keeps of each part."""
        with self._working() as database:
            for part in self.parts:
                versions = Versions(database, part.run)
                are_many = part.way is Way.SWAP and self.parts[0].result.changes > versions.most()
                sums = None if part.derived else self.sums
                part.kept = versions.find(part.way, part.partition, part.result, sums, are_many=are_many)

    # what is put in place

    def _commit(self) -> PublishResult:
        own = self.parts[0]
        with self._moment() as database:
            target = own.target(database)
            target.lock_periods()
            for part in self.parts:
                found, part.is_doubted = part.target(database).locked_version()
                if found != part.version:
                    raise _Moved(f"somebody has written to {part.run.period} meanwhile")
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
                raise _Moved(f"what was found of {run.period} is gone, because the server has restarted")
        end_version(database, version, kept)

    def _mark(self, database: Database) -> None:
        """Leave the sum to the last of several weeks. The others have said under the same lock that they published."""
        months = self._months(database)
        for period, facts in self.months.items():
            if months[period].is_derived is not facts.is_derived:
                raise _Moved(f"the other weeks of {period} are published")
        for period in self.marked:
            if not months[period].is_marked:
                raise _Moved(f"the other weeks of {period} are published")
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
                raise _Moved(f"somebody has changed the partition of {part.run.period} meanwhile")
        for target, way, part in whole:
            target.put_in_place(way, part.partition)

    def _clean_up(self) -> None:
        """Drop what was made beside the staged table. What cannot be dropped now goes with the end of the run."""
        with suppress(SyncError), self._working() as database:
            for run in {part.run.staged_name: part.run for part in self.made}.values():
                Target(database, run).staging.drop_made()

    # waiting

    def _patiently(self, step: Callable[[], T]) -> T:
        """Take a step until no lock is refused any more, or the time is up."""
        while True:
            try:
                return step()
            except TargetBusy as busy:
                self.refused += 1
                who = self._who_is_in_the_way()
                if time.monotonic() > self.give_up_at:
                    raise TargetBusy(
                        f"{self.run}: {who} was in the way until the time was up. The target is unchanged, and what is "
                        "staged stays. End that transaction or wait for it, then clear 'publish'."
                    ) from busy
                if self.refused.bit_count() == 1:  # the 1st, 2nd, 4th, 8th time
                    self.log.warning("%s: %s is in the way. It is tried again", self.run.period, who)
                if self.refused % REFUSALS == 0 and (self.row_by_row or any(p.way is Way.SWAP for p in self.parts)):
                    self.row_by_row = not self.row_by_row
                    raise _Moved("the other way may meet no lock") from busy
                time.sleep(min(LONGEST_PAUSE_SECONDS, 0.2 * 2**self.refused) * SystemRandom().uniform(0.5, 1))

    def _who_is_in_the_way(self) -> str:
        runs = [part.run for part in self.parts] or [self.run]
        values = {
            "sync_types": [run.period.sync_type.value for run in runs],
            "firsts": [run.period.first_day for run in runs],
        }
        try:
            row = self._in_the_way(values, as_login=True)
        except TargetUnusable:  # a login that inherits no right may not even see the tables
            row = self._in_the_way(values, as_login=False)
        if row is None:
            return "somebody who has gone since"
        said = [f"application {row['application']}"] if row["application"] else []
        said += [f"login {row['login']}"] if row["login"] else []
        said += [f"in a transaction since {row['since']:%Y-%m-%d %H:%M:%S %Z}"] if row["since"] else []
        said += [f"which holds {row['relation']}"] if row["relation"] else []
        return f"pid {row['pid']} ({', '.join(said)})"

    def _in_the_way(self, values: Mapping[str, Any], *, as_login: bool) -> dict[str, Any] | None:
        with self._moment() as database:
            if as_login:
                database.run("publish", "act_as_login")
            return database.row("publish", "in_the_way", values)

    @contextmanager
    def _moment(self) -> Iterator[Database]:
        with self.postgres.transaction() as database:
            database.wait_a_moment()
            yield database

    @contextmanager
    def _working(self) -> Iterator[Database]:
        """A transaction in which nobody waits for us, however long it takes."""
        with self.postgres.transaction() as database:
            database.wait_patiently()
            yield database
