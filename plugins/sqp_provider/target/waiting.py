"""Wait for those who are in the way of a publish: a moment only, then give everything back and try again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, TypeVar

from sqp_provider.core.errors import TargetBusy, TargetUnusable
from sqp_provider.core.period import Period
from sqp_provider.core.publish import Way
from sqp_provider.core.run import SyncRun
from sqp_provider.hooks.postgres import Database, SqpPostgresHook
from sqp_provider.target.part import Part

REFUSALS = 5
"""After so many refusals a period is written row by row instead of being replaced, or the other way round."""

LONGEST_PAUSE_SECONDS = 5.0
"""How long a refused publish leaves the tables to others before it tries again."""

T = TypeVar("T")


class Moved(Exception):
    """What was prepared does not fit any more: somebody has written to a period since, or the way has changed."""


@dataclass
class Waiting:
    """The transactions of one publish, and its patience.

    :param give_up_at: when to stop trying, by ``time.monotonic``.
    :param row_by_row: do not replace partitions, because those who read them are in the way.
    :param refused: how often a lock was refused so far.
    """

    postgres: SqpPostgresHook
    run: SyncRun
    log: Any
    give_up_at: float
    row_by_row: bool = False
    refused: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.give_up_at

    def patiently(self, step: Callable[[], T], parts: Callable[[], Sequence[Part]]) -> T:
        """Take a step until no lock is refused any more, or the time is up.

        :param parts: what is being published, once that is known.
        :raises TargetBusy: the time is up; it names who was in the way.
        :raises Moved: the other way of writing may meet no lock.
        """
        while True:
            try:
                return step()
            except TargetBusy as busy:
                self.refused += 1
                who = self.who_is_in_the_way([part.run.period for part in parts()] or [self.run.period])
                if self.is_over:
                    raise TargetBusy(
                        f"{self.run}: {who} was in the way until the time was up. The target is unchanged, and what is "
                        "staged stays. End that transaction or wait for it, then clear 'publish'."
                    ) from busy
                if self.refused.bit_count() == 1:  # the 1st, 2nd, 4th, 8th time
                    self.log.warning("%s: %s is in the way. It is tried again", self.run.period, who)
                if self.refused % REFUSALS == 0 and (self.row_by_row or any(p.way is Way.SWAP for p in parts())):
                    self.row_by_row = not self.row_by_row
                    raise Moved("the other way may meet no lock") from busy
                time.sleep(min(LONGEST_PAUSE_SECONDS, 0.2 * 2**self.refused) * SystemRandom().uniform(0.5, 1))

    def who_is_in_the_way(self, periods: Sequence[Period]) -> str:
        """Say who holds a lock on the tables of these periods."""
        values = {
            "sync_types": [period.sync_type.value for period in periods],
            "firsts": [period.first_day for period in periods],
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
        with self.moment() as database:
            if as_login:
                database.run("publish", "act_as_login")
            return database.row("publish", "in_the_way", values)

    @contextmanager
    def moment(self) -> Iterator[Database]:
        """A transaction that waits for no lock longer than a moment."""
        with self.postgres.transaction() as database:
            database.wait_a_moment()
            yield database

    @contextmanager
    def working(self) -> Iterator[Database]:
        """A transaction in which nobody waits for us, however long it takes."""
        with self.postgres.transaction() as database:
            database.wait_patiently()
            yield database
