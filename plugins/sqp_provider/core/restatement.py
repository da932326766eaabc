"""Compare the source with the ledger: which of the last periods need a sync, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqp_provider.core.errors import ChecksFailed, DeletesRefused, SourceEmpty
from sqp_provider.core.period import Period
from sqp_provider.core.snapshot import PeriodTotals

ROTATION_DAYS = 28
"""Within so many days each published period outside the window has its rows compared with what was published."""

FAILS_AGAIN = (ChecksFailed.__name__, DeletesRefused.__name__)
"""Errors that a sync of the same rows would meet again."""


class Found(StrEnum):
    """The status of a period, compared with the source."""

    MISSING = "missing"
    DERIVED = "derived"
    ADOPTED = "adopted"
    CHANGED = "changed"
    OVERWRITTEN = "overwritten"
    UNCHANGED = "unchanged"
    ABSENT = "absent"
    OVERDUE = "overdue"
    VANISHED = "vanished"
    RUNNING = "running"
    REFUSED = "refused"
    DELETED = "deleted"

    @property
    def action(self) -> str:
        """``sync`` if a run puts the period right, or has to fail because nothing came; else ``leave``."""
        synced = (Found.MISSING, Found.DERIVED, Found.ADOPTED, Found.CHANGED, Found.OVERWRITTEN, Found.OVERDUE)
        return "sync" if self in synced else "leave"

    @property
    def needs_a_person(self) -> bool:
        """Whether only a person can resolve it."""
        return self in (Found.VANISHED, Found.REFUSED)


@dataclass(frozen=True)
class KnownPeriod:
    """What Postgres knows of a period: its ledger row, a running run, and the failure of its latest finished run.

    :param expected_by: the day by which it should have come, if that day is over and its own sync has not published it.
    """

    state: str | None = None
    fingerprint: str | None = None
    row_count: int | None = None
    running_run: str | None = None
    failed_run: str | None = None
    failed_type: str | None = None
    failed_fingerprint: str | None = None
    expected_by: date | None = None

    def has_failed_on(self, fingerprint: str) -> bool:
        """Return whether the latest finished run refused exactly these rows: ChecksFailed or DeletesRefused."""
        return self.failed_type in FAILS_AGAIN and self.failed_fingerprint == fingerprint


@dataclass(frozen=True)
class Finding:
    """One period, its status and the reason."""

    period: Period
    found: Found
    reason: str

    @property
    def action(self) -> str:
        """``sync`` or ``leave``."""
        return self.found.action

    def __str__(self) -> str:
        return f"{self.period}: {self.found}, {self.action}: {self.reason}"


def find_restatements(
    periods: Iterable[Period], source: Mapping[Period, PeriodTotals], known: Mapping[Period, KnownPeriod]
) -> list[Finding]:
    """Return one finding for each period. ``source`` lacks a period that the source table does not have."""
    return [_judge(period, source.get(period), known.get(period, KnownPeriod())) for period in periods]


def is_its_turn(period: Period, day: date) -> bool:
    """Return whether an older period is compared on a day: once in 28 days, about as many of them on each."""
    return period.first_day.toordinal() // 7 % ROTATION_DAYS == day.toordinal() % ROTATION_DAYS


def stretches(periods: Iterable[Period], longest: int) -> list[list[Period]]:
    """Group neighbouring periods, because one statement reads all days between its first and last period.

    Weeks 8, 7 and 3 become [8, 7] and [3].

    :param periods: of one type, newest first.
    :param longest: how many periods one statement may read.
    """
    found: list[list[Period]] = []
    for period in periods:
        if found and len(found[-1]) < longest and found[-1][-1].first_day == period.next_first_day:
            found[-1].append(period)
        else:
            found.append([period])
    return found


def _judge(period: Period, seen: PeriodTotals | None, known: KnownPeriod) -> Finding:
    if known.running_run:
        return Finding(period, Found.RUNNING, f"run {known.running_run} is syncing it")
    if known.state == "deleted":
        return Finding(period, Found.DELETED, "it was deleted on purpose; trigger its sync to have it again")
    if seen is None or not seen.totals.row_count:
        return _judge_empty(period, seen, known)
    if known.state == "synced" and known.fingerprint == seen.fingerprint:
        return Finding(
            period, Found.UNCHANGED, f"the source has the same {seen.totals.row_count:,} rows that are published"
        )
    if known.has_failed_on(seen.fingerprint):
        return Finding(
            period,
            Found.REFUSED,
            f"run {known.failed_run} failed with {known.failed_type} on exactly these {seen.totals.row_count:,} rows. "
            "The period is not synced again until the source changes or somebody clears that run",
        )
    return _judge_difference(period, seen, known)


def _judge_empty(period: Period, seen: PeriodTotals | None, known: KnownPeriod) -> Finding:
    if known.state == "synced" and known.row_count == 0 and known.fingerprint:
        return Finding(period, Found.UNCHANGED, "it was published as empty, and the source still has no row for it")
    if known.state == "synced":
        rows = "its rows" if known.row_count is None else f"{known.row_count:,} rows"
        return Finding(
            period,
            Found.VANISHED,
            f"{rows} are published, but the source has none any more. The target is unchanged. "
            "If the source really lost the rows, sync the period with allow_empty and max_delete_fraction 1",
        )
    rejects = f": all {seen.reject_count:,} rows it has are malformed" if seen and seen.reject_count else ""
    until_then = {
        "derived": "; until then it is summed from weeks",
        "adopted": "; until then it has the rows from before the first sync",
    }.get(known.state or "", "")
    reason = f"not at the source yet{rejects}{until_then}"
    if known.expected_by is None:
        return Finding(period, Found.ABSENT, reason)
    usual = f"{reason}; it should have been there by {known.expected_by}"
    if known.failed_type == SourceEmpty.__name__:
        return Finding(period, Found.ABSENT, f"{usual}, and run {known.failed_run} has failed because of that")
    return Finding(period, Found.OVERDUE, f"{usual}. Its run fails, so that people are notified")


def _judge_difference(period: Period, seen: PeriodTotals, known: KnownPeriod) -> Finding:
    rows = f"{seen.totals.row_count:,}"
    if known.state is None:
        return Finding(period, Found.MISSING, f"the source has {rows} rows, nothing is published")
    if known.state == "derived":
        return Finding(period, Found.DERIVED, f"summed from weeks so far; the source has {rows} rows for it")
    if known.state == "adopted":
        return Finding(period, Found.ADOPTED, f"it has rows from before the first sync; the source has {rows} rows")
    if known.fingerprint is None:
        return Finding(
            period,
            Found.OVERWRITTEN,
            f"somebody else wrote to it after it was published; the source has {rows} rows",
        )
    was = "unknown" if known.row_count is None else f"{known.row_count:,}"
    return Finding(
        period,
        Found.CHANGED,
        f"fingerprint {known.fingerprint[:8]} → {seen.fingerprint[:8]}, rows {was} → {rows}",
    )
