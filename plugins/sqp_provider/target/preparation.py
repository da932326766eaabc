"""Prepare a publish while nobody waits: compare, sum, and build new partitions apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.publish import MonthFacts, PublishResult, Way
from sqp_provider.core.run import SyncRun
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.part import Part
from sqp_provider.target.sums import Sums
from sqp_provider.target.target import Target
from sqp_provider.target.versions import Versions
from sqp_provider.target.waiting import Waiting


def months_of(database: Database, run: SyncRun) -> dict[Period, MonthFacts]:
    """Return what is known of the month and quarter of a week, the month first."""
    if run.period.sync_type is not SyncType.WEEKLY:
        return {}
    values = {"week": run.period.first_day, "sync_log_id": run.sync_log_id}
    rows = database.connection.execute(database.statement("sums", "months_of_week"), values).fetchall()
    return {Period.starting(SyncType(row.pop("sync_type")), row.pop("period_start")): MonthFacts(**row) for row in rows}


@dataclass
class Preparation:
    """What is known and built of a publish before its last transaction.

    :param rows: how many rows are staged.
    :param sums: those of the snapshot, by column.
    :param is_sum: the period is a month or quarter that is summed anew; nothing is staged yet.
    :param judge: raises if the changes that were found are not allowed.
    :param parts: what is put in place, the run's own period first.
    :param marked: months and quarters that another week sums.
    """

    waiting: Waiting
    run: SyncRun
    rows: int
    sums: Mapping[str, int]
    is_sum: bool
    judge: Callable[[Target, PublishResult], None]
    parts: list[Part] = field(default_factory=list)
    marked: list[Period] = field(default_factory=list)
    months: dict[Period, MonthFacts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.own = Part(self.run, derived=self.is_sum)
        self.of_sums = {period: Part(self.run.of(period), derived=True) for period in self._periods_of_sums()}

    @property
    def made(self) -> list[Part]:
        """All for which tables may have been made."""
        return [self.own, *self.of_sums.values()]

    def prepare(self) -> bool:
        """Prepare all parts. Return False if only changes are staged that do not fit any more."""
        own, parts = self.own, self.of_sums
        self._look(self.made)
        with self.waiting.moment() as database:
            target = own.target(database)
            is_stale, of_changes, whole = target.is_stale(own.version), bool(target.changes.kept), target.changes.whole
            months = self.months = months_of(database, self.run)
        if is_stale:
            return False
        if self.is_sum:
            self.rows = self._stage_sum(own, {})
        summed = [parts[period] for period, facts in months.items() if facts.is_summed_with_a_partition]
        may_replace = not (self.waiting.row_by_row or of_changes)
        as_a_whole = may_replace and self.rows > 0 and all(part.way for part in (own, *summed))
        if as_a_whole and own.way is Way.SWAP:
            as_a_whole = self._much_changes(own)
        if as_a_whole:
            self._build_all(own, summed)
            self.marked = [period for period, facts in months.items() if facts.is_marked]
        else:
            self._compare_all(whole)
        self._keep()
        return True

    def _periods_of_sums(self) -> list[Period]:
        if self.run.period.sync_type is not SyncType.WEEKLY:
            return []
        return [Period.containing(kind, self.run.period.first_day) for kind in (SyncType.MONTHLY, SyncType.QUARTERLY)]

    def _look(self, parts: Sequence[Part]) -> None:
        """Find out what the ledger has, before anything else is read, and how each part can be put in place."""
        for part in parts:
            with self.waiting.moment() as database:
                target = part.target(database)
                part.version, part.way = target.version(), target.way_as_a_whole()
                if part.way is None and (self.rows or self.is_sum) and target.make_room():
                    part.way = target.way_as_a_whole()

    def _much_changes(self, own: Part) -> bool:
        most = self.waiting.postgres.target.most_changes(self.rows)
        with self.waiting.working() as database:
            target = own.target(database)
            own.result = target.find_difference(most=most)
            self.judge(target, own.result)
        own.is_compared = own.result.changes <= most
        return not own.is_compared

    def _stage_sum(self, part: Part, staged: Mapping[Period, sql.Composable]) -> int:
        """Write the sums into the staged table of a month or quarter, and return how many rows it has."""
        with self.waiting.working() as database:
            target = part.target(database)
            target.staging.drop()
            return target.stage_rows(Sums(database, part.run, staged).query())

    def _staged(self, run: SyncRun) -> sql.Identifier:
        return sql.Identifier(self.waiting.postgres.target.staging_schema, run.staged_name)

    def _build_all(self, own: Part, summed: list[Part]) -> None:
        staged: dict[Period, sql.Composable] = {self.run.period: self._staged(self.run)}
        with self.waiting.moment() as database:
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
        self.waiting.patiently(self._add_foreign_keys, lambda: self.parts)
        with self.waiting.working() as database:
            for part in self.parts:
                part.target(database).staging.prove_foreign_keys(part.partition)

    def _build(
        self, part: Part, rows: sql.Composable | None, staged: Mapping[Period, sql.Composable]
    ) -> sql.Composable:
        replaces = part.way is Way.SWAP
        if rows is None:
            with self.waiting.working() as database:
                rows = Sums(database, part.run, staged).query()
        with self.waiting.working() as reading, self.waiting.working() as database:
            target = part.target(database)
            target.build(reading, rows, replaces=replaces)
            part.partition = part.run.name_of("partition")
            return target.staging.partition

    def _add_foreign_keys(self) -> None:
        """Prove beforehand what attaching would prove while others wait."""
        with self.waiting.moment() as database:
            for part in self.parts:
                part.target(database).staging.add_foreign_keys(part.partition)

    def _compare_all(self, whole: sql.Composable) -> None:
        """Find what differs row by row, of the period and then of what is summed from it.

        :param whole: the period as it will be.
        """
        self._compare(self.own)
        staged: dict[Period, sql.Composable] = {self.run.period: whole}
        for period, facts in self.months.items():
            if facts.is_summed_with_rows(self.own.result.changes):
                part = self.of_sums[period]
                self._stage_sum(part, staged)
                self._compare(part)
                staged[period] = self._staged(part.run)

    def _compare(self, part: Part) -> None:
        needs_room, part.way = part.way is Way.ATTACH, None
        if not part.is_compared:
            with self.waiting.working() as database:
                target = part.target(database)
                part.result = target.find_difference()
                if part.run is self.run:
                    self.judge(target, part.result)
        if part.result.changes and needs_room:
            with self.waiting.moment() as database:
                part.target(database).make_room()
        self.parts.append(part)

    def _keep(self) -> None:
        """Find out what history keeps of each part."""
        with self.waiting.working() as database:
            for part in self.parts:
                versions = Versions(database, part.run)
                are_many = part.way is Way.SWAP and self.parts[0].result.changes > versions.most()
                sums = None if part.derived else self.sums
                part.kept = versions.find(part.way, part.partition, part.result, sums, are_many=are_many)
