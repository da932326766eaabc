"""What a publish did, and when it would delete too much."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sqp_provider.core.errors import DeletesRefused
from sqp_provider.core.publish import MonthFacts, PublishResult, refuse_large_delete
from sqp_provider.core.run import SyncOptions
from tests.unit.core.runs import SYNC

SYNCED, DERIVED = {"state": "synced"}, {"state": "derived"}


def difference(inserted: int = 0, updated: int = 0, deleted: int = 0, unchanged: int = 0) -> PublishResult:
    return PublishResult(how="difference", inserted=inserted, updated=updated, deleted=deleted, unchanged=unchanged)


def publish(result: PublishResult, ledger: dict[str, Any] | None, requested: float | None = None) -> None:
    """Publish with a configured ``max_delete_fraction`` of 0.2."""
    sync = SYNC.model_copy(update={"options": SyncOptions(max_delete_fraction=requested)})
    refuse_large_delete(sync, result, "sqp.weekly_summary", ledger, 0.2)


def test_a_result_counts_the_rows_by_what_happened_to_them() -> None:
    result = difference(inserted=1_001, updated=2_002, deleted=3_003, unchanged=4_004)
    assert str(result) == "difference: 1,001 inserted, 2,002 updated, 3,003 deleted, 4,004 unchanged"
    assert result.changes == 6_006


@pytest.mark.parametrize(
    ("result", "ledger", "requested"),
    [
        (difference(inserted=19_001), None, None),
        (difference(deleted=200, unchanged=800), SYNCED, None),
        (difference(updated=800, deleted=200), SYNCED, None),
        (difference(inserted=968, deleted=12, unchanged=32), SYNCED, None),
        (difference(deleted=1_000), SYNCED, 1.0),
        (difference(unchanged=1_000), SYNCED, 0.0),
        (difference(deleted=1_000, inserted=1, updated=1), DERIVED, None),
        (difference(deleted=1_000, inserted=1, unchanged=1), DERIVED, None),
        (difference(deleted=1_000, unchanged=1), DERIVED, None),
    ],
    ids=[
        "new period",
        "the limit, of rows that stay",
        "the limit, of rows that change",
        "the complete week after a first landing of 44 rows",
        "everything, on request",
        "nothing, none allowed",
        "first sync of a month: new rows and other figures",
        "first sync of a month: new rows and the same",
        "first sync of a month: one of its rows",
    ],
)
def test_deletes_up_to_the_limit_are_allowed(
    result: PublishResult, ledger: dict[str, Any] | None, requested: float | None
) -> None:
    publish(result, ledger, requested)


@pytest.mark.parametrize(
    ("result", "ledger", "requested", "said"),
    [
        (
            difference(inserted=1_000, updated=300, deleted=1_201, unchanged=4_500),
            SYNCED,
            None,
            "1,201 of 6,001 rows of sqp.weekly_summary, and 5,800 rows arrive. "
            "20.0% of the larger number is more than max_delete_fraction 20.0%",
        ),
        (
            difference(deleted=1, unchanged=999),
            SYNCED,
            0.0,
            "1 of 1,000 rows of sqp.weekly_summary, and 999 rows arrive. "
            "0.1% of the larger number is more than max_delete_fraction 0.0%",
        ),
        (
            difference(deleted=1, updated=1),
            None,
            None,
            "1 of 2 rows of sqp.weekly_summary, and 1 rows arrive. "
            "50.0% of the larger number is more than max_delete_fraction 20.0%",
        ),
        (
            difference(deleted=1),
            DERIVED,
            None,
            "1 of 1 rows of sqp.weekly_summary, and 0 rows arrive. "
            "100.0% of the larger number is more than max_delete_fraction 20.0%",
        ),
        (
            difference(inserted=5, deleted=995, unchanged=5),
            SYNCED,
            None,
            "995 of 1,000 rows of sqp.weekly_summary, and 10 rows arrive. "
            "99.5% of the larger number is more than max_delete_fraction 20.0%",
        ),
        (
            difference(inserted=1_000, deleted=1_000),
            SYNCED,
            None,
            "1,000 of 1,000 rows of sqp.weekly_summary, and 1,000 rows arrive. "
            "100.0% of the larger number is more than max_delete_fraction 20.0%",
        ),
    ],
    ids=[
        "above the configured limit",
        "above the requested limit",
        "of an unknown period",
        "an empty month",
        "a remnant of a week",
        "other rows altogether",
    ],
)
def test_more_deletes_are_refused(
    result: PublishResult, ledger: dict[str, Any] | None, requested: float | None, said: str
) -> None:
    with pytest.raises(DeletesRefused) as refused:
        publish(result, ledger, requested)
    assert str(refused.value) == (
        f"weekly 2026-11-08..2026-11-14: publishing would delete {said}. The target is unchanged. "
        "If the source really lost these rows, trigger the Dag for this period with max_delete_fraction 1."
    )


FACTS = MonthFacts(state="derived", must_be_summed=False, is_complete=False, others_open=False)


@pytest.mark.parametrize(
    ("facts", "with_a_partition", "marked", "with_rows"),
    [
        (FACTS, True, False, False),
        (replace(FACTS, state=None), True, False, False),
        (replace(FACTS, state="synced"), False, False, False),
        (replace(FACTS, state="deleted"), False, False, False),
        (replace(FACTS, state="adopted"), False, False, False),
        (replace(FACTS, state="adopted", is_complete=True), True, False, True),
        (replace(FACTS, state="adopted", is_complete=True, others_open=True), True, False, True),
        (replace(FACTS, others_open=True), False, True, False),
        (replace(FACTS, state="synced", others_open=True), False, False, False),
        (replace(FACTS, must_be_summed=True, others_open=True), False, True, False),
        (replace(FACTS, must_be_summed=True), True, False, False),
    ],
)
def test_a_month_is_summed_by_the_publish_of_its_last_open_week(
    facts: MonthFacts, with_a_partition: bool, marked: bool, with_rows: bool
) -> None:
    assert (facts.is_summed_with_a_partition, facts.is_marked) == (with_a_partition, marked)
    assert facts.is_summed_with_rows(changes=1) == with_rows


def test_a_month_that_waits_for_its_sum_gets_it_even_if_no_row_of_the_week_changes() -> None:
    """If one does, the trigger sums the month."""
    assert replace(FACTS, must_be_summed=True).is_summed_with_rows(changes=0)
    assert not FACTS.is_summed_with_rows(changes=0)
