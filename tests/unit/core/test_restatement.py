"""What is found for a period, and what is done about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.restatement import Found, KnownPeriod, find_restatements, is_its_turn
from sqp_provider.core.snapshot import PeriodTotals, Totals

WEEK = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
MONTH = Period.starting(SyncType.MONTHLY, date(2026, 10, 1))
OLD, NEW = "a1b2c3d4" * 4, "e5f60718" * 4
NOTHING = KnownPeriod()
DERIVED = KnownPeriod(state="derived")
SYNCED = KnownPeriod(state="synced", fingerprint=OLD, row_count=19001)
OVERWRITTEN = KnownPeriod(state="synced", fingerprint=None, row_count=19001)
EMPTY = KnownPeriod(state="synced", fingerprint=OLD, row_count=0)


def failed(how: str, fingerprint: str | None, known: KnownPeriod = NOTHING) -> KnownPeriod:
    """``known``, and its newest run failed on rows of that fingerprint."""
    failure = {"failed_run": "manual__7", "failed_type": how, "failed_fingerprint": fingerprint}
    return replace(known, **failure)


def source(rows: int, fingerprint: str = NEW, rejects: int = 0) -> PeriodTotals:
    totals = Totals(row_count=rows, key_count=rows, row_hash=0, sums={}, nulls={})
    return PeriodTotals(totals=totals, reject_count=rejects, source_rows=rows + rejects, fingerprint=fingerprint)


@pytest.mark.parametrize(
    ("seen", "known", "found", "action", "reason"),
    [
        (source(19001), NOTHING, "missing", "sync", "the source has 19,001 rows, nothing is published"),
        (source(19001), DERIVED, "derived", "sync", "summed from weeks so far; the source has 19,001 rows for it"),
        (source(19020), SYNCED, "changed", "sync", "fingerprint a1b2c3d4 → e5f60718, rows 19,001 → 19,020"),
        (
            source(19001, OLD),
            OVERWRITTEN,
            "overwritten",
            "sync",
            "somebody else wrote to it after it was published; the source has 19,001 rows",
        ),
        (source(19001, OLD), SYNCED, "unchanged", "leave", "the source has the same 19,001 rows that are published"),
        (None, NOTHING, "absent", "leave", "not at the source yet"),
        (source(0), NOTHING, "absent", "leave", "not at the source yet"),
        (source(0, rejects=7), NOTHING, "absent", "leave", "not at the source yet: all 7 rows it has are malformed"),
        (None, DERIVED, "absent", "leave", "not at the source yet; until then it is summed from weeks"),
        (
            None,
            KnownPeriod(expected_by=date(2026, 11, 20)),
            "overdue",
            "sync",
            "not at the source yet; it should have been there by 2026-11-20. Its run fails, so that people are "
            "notified",
        ),
        (
            None,
            failed("SourceEmpty", None, KnownPeriod(expected_by=date(2026, 11, 20))),
            "absent",
            "leave",
            "not at the source yet; it should have been there by 2026-11-20, and run manual__7 has failed because of "
            "that",
        ),
        (None, EMPTY, "unchanged", "leave", "it was published as empty, and the source still has no row for it"),
        (source(0), EMPTY, "unchanged", "leave", "it was published as empty, and the source still has no row for it"),
        (
            source(19020),
            replace(SYNCED, row_count=None),
            "changed",
            "sync",
            "fingerprint a1b2c3d4 → e5f60718, rows unknown → 19,020",
        ),
        (
            None,
            replace(SYNCED, row_count=None),
            "vanished",
            "leave",
            "its rows are published, but the source has none any more. The target is unchanged. "
            "If the source really lost the rows, sync the period with allow_empty and max_delete_fraction 1",
        ),
        (source(3), EMPTY, "changed", "sync", "fingerprint a1b2c3d4 → e5f60718, rows 0 → 3"),
    ],
)
def test_what_is_found_decides_what_is_done(
    seen: PeriodTotals | None, known: KnownPeriod, found: str, action: str, reason: str
) -> None:
    (finding,) = find_restatements([WEEK], {WEEK: seen} if seen else {}, {WEEK: known})
    assert str(finding) == f"weekly 2026-11-08..2026-11-14: {found}, {action}: {reason}"


@pytest.mark.parametrize("known", [SYNCED, OVERWRITTEN])
@pytest.mark.parametrize("seen", [{}, {WEEK: source(0)}, {WEEK: source(0, rejects=19001)}])
def test_a_published_period_without_a_source_is_a_warning_and_never_synced(
    known: KnownPeriod, seen: dict[Period, PeriodTotals]
) -> None:
    (finding,) = find_restatements([WEEK], seen, {WEEK: known})
    assert (finding.found, finding.action, finding.found.needs_a_person) == ("vanished", "leave", True)
    assert finding.reason == (
        "19,001 rows are published, but the source has none any more. The target is unchanged. "
        "If the source really lost the rows, sync the period with allow_empty and max_delete_fraction 1"
    )


def test_rows_that_somebody_wrote_to_a_week_published_as_empty_are_a_warning() -> None:
    known = KnownPeriod(state="synced", fingerprint=None, row_count=0)
    (finding,) = find_restatements([WEEK], {}, {WEEK: known})
    assert (finding.found, finding.found.needs_a_person) == ("vanished", True)


@pytest.mark.parametrize(
    "seen", [None, source(0), source(19001), source(19001, OLD)], ids=["absent", "empty", "changed", "same"]
)
@pytest.mark.parametrize("known", [NOTHING, SYNCED, OVERWRITTEN, DERIVED, failed("ChecksFailed", NEW)])
def test_a_period_that_a_run_is_syncing_is_left_to_that_run(seen: PeriodTotals | None, known: KnownPeriod) -> None:
    running = replace(known, running_run="manual__7")
    (finding,) = find_restatements([WEEK], {WEEK: seen} if seen else {}, {WEEK: running})
    assert str(finding) == "weekly 2026-11-08..2026-11-14: running, leave: run manual__7 is syncing it"


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (failed("ChecksFailed", NEW), Found.REFUSED),
        (failed("DeletesRefused", NEW), Found.REFUSED),
        (failed("DeletesRefused", NEW, SYNCED), Found.REFUSED),
        (failed("ChecksFailed", NEW, OVERWRITTEN), Found.REFUSED),
        (failed("ChecksFailed", OLD), Found.MISSING),
        (failed("ChecksFailed", None), Found.MISSING),
        (failed("DeletesRefused", OLD, SYNCED), Found.CHANGED),
        (failed("TargetUnreachable", NEW), Found.MISSING),
        (failed("Stale", NEW, SYNCED), Found.CHANGED),
        (failed("SourceEmpty", None), Found.MISSING),
    ],
)
def test_rows_that_a_run_has_refused_are_not_tried_again_until_they_change(known: KnownPeriod, found: Found) -> None:
    (finding,) = find_restatements([WEEK], {WEEK: source(19020)}, {WEEK: known})
    assert finding.found is found
    assert finding.found.needs_a_person is (found is Found.REFUSED)


@pytest.mark.parametrize("seen", [None, source(0), source(19001)])
def test_a_period_that_was_deleted_on_purpose_is_left(seen: PeriodTotals | None) -> None:
    deleted = KnownPeriod(state="deleted")
    (finding,) = find_restatements([WEEK], {WEEK: seen} if seen else {}, {WEEK: deleted})
    assert not finding.found.needs_a_person
    assert str(finding) == (
        "weekly 2026-11-08..2026-11-14: deleted, leave: it was deleted on purpose; trigger its sync to have it again"
    )


def test_a_refused_period_names_the_run_to_clear() -> None:
    (finding,) = find_restatements([WEEK], {WEEK: source(19020)}, {WEEK: failed("DeletesRefused", NEW, SYNCED)})
    assert str(finding) == (
        "weekly 2026-11-08..2026-11-14: refused, leave: run manual__7 failed with DeletesRefused on exactly these "
        "19,020 rows. The period is not synced again until the source changes or somebody clears that run"
    )


def test_every_requested_period_has_its_finding_in_the_same_order() -> None:
    older = Period.starting(SyncType.WEEKLY, date(2026, 11, 1))
    findings = find_restatements([WEEK, older, MONTH], {MONTH: source(5)}, {older: SYNCED, MONTH: DERIVED})
    assert [(finding.period, finding.found) for finding in findings] == [
        (WEEK, Found.ABSENT),
        (older, Found.VANISHED),
        (MONTH, Found.DERIVED),
    ]


def test_a_period_from_before_the_first_sync_is_synced_when_the_source_has_it() -> None:
    known = {WEEK: KnownPeriod(state="adopted", row_count=6)}
    (found,) = find_restatements([WEEK], {WEEK: source(5)}, known)
    assert str(found).endswith("adopted, sync: it has rows from before the first sync; the source has 5 rows")
    (absent,) = find_restatements([WEEK], {}, known)
    assert str(absent).endswith(
        "absent, leave: not at the source yet; until then it has the rows from before the first sync"
    )


def test_only_what_a_run_puts_right_or_has_to_fail_on_is_synced() -> None:
    assert {found for found in Found if found.action == "sync"} == {
        Found.MISSING,
        Found.DERIVED,
        Found.ADOPTED,
        Found.CHANGED,
        Found.OVERWRITTEN,
        Found.OVERDUE,
    }


@pytest.mark.parametrize("sync_type", SyncType)
@pytest.mark.parametrize("first", [date(2026, 11, 8), date(2027, 1, 1), date(2028, 2, 29)])
def test_each_older_period_is_compared_on_one_of_any_28_days(sync_type: SyncType, first: date) -> None:
    days = [first + timedelta(days=number) for number in range(28)]
    for period in Period.containing(sync_type, date(2026, 10, 4)).with_previous(100):
        assert sum(is_its_turn(period, day) for day in days) == 1


def test_the_weeks_of_a_year_are_compared_on_different_days() -> None:
    weeks = WEEK.with_previous(52)
    for number in range(28):
        assert sum(is_its_turn(week, date(2026, 11, 8) + timedelta(days=number)) for week in weeks) <= 2
