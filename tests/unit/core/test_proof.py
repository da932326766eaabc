"""Comparing two sides by buckets, and why they differ."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sqp_provider.core import proof
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.proof import (
    BUCKETS,
    Asked,
    Bucket,
    Difference,
    DifferingRow,
    Side,
    Verdict,
    bucket_of,
    buckets_to_read,
    compare,
)
from sqp_provider.core.standing import Known, NothingToProve, refuse_unless_text

WEEK = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
DAGS = ("sqp_weekly_sync", "sqp_restatements")
NOVEMBER = Period.starting(SyncType.MONTHLY, date(2026, 11, 1))


def row(query: str, row_hash: int, asin: str = "B000000001", **figures: Any) -> dict[str, Any]:
    return {"query": query, "asin": asin, "row_hash": row_hash, **figures}


def test_the_exit_codes_are_0_1_and_2() -> None:
    assert {verdict.value: verdict.exit_code for verdict in Verdict} == {"equal": 0, "differs": 1, "unproved": 2}


def test_a_key_has_one_of_4096_buckets() -> None:
    assert bucket_of("wireless mouse", "B000000001") == 0x8E5
    assert {bucket_of(f"query {n}", "B000000001") for n in range(60_000)} == set(range(BUCKETS))


def test_only_buckets_that_differ_are_read_and_that_of_the_row_asked_for_first() -> None:
    source = {1: Bucket(2, 7), 2: Bucket(1, 8), 3: Bucket(1, 9), 9: Bucket(1, 1)}
    stored = {1: Bucket(2, 7), 2: Bucket(1, 5), 4: Bucket(1, 9), 9: Bucket(2, 1)}
    assert buckets_to_read(source, stored) == (4, [2, 3, 4, 9])
    assert buckets_to_read(source, stored, first=9) == (4, [9, 2, 3, 4])
    assert buckets_to_read(source, stored, first=1) == (4, [2, 3, 4, 9])
    assert buckets_to_read(source, source) == (0, [])


def test_no_more_buckets_and_rows_are_read_than_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    source = {number: Bucket(300, number) for number in range(BUCKETS)}
    assert buckets_to_read(source, {}) == (BUCKETS, list(range(64)))
    monkeypatch.setattr(proof, "MOST_ROWS", 700)
    assert buckets_to_read(source, {}) == (BUCKETS, [0, 1])
    monkeypatch.setattr(proof, "MOST_ROWS", 1)  # one bucket is read in any case
    assert buckets_to_read({}, source, first=5) == (BUCKETS, [5])


def test_rows_are_compared_by_key_and_each_difference_is_named_once() -> None:
    source = [row("a", 1, clicks=1), row("b", 2, clicks=2, score=4), row("c", 3, clicks=3)]
    stored = [row("d", 4, clicks=4), row("b", 9, clicks=5, score=4), row("a", 1, clicks=1)]
    assert compare(source, stored) == (
        [
            DifferingRow("b", "B000000001", "figures differ", {"clicks": (2, 5)}),
            DifferingRow("c", "B000000001", "missing in Postgres", {"clicks": (3, None)}),
            DifferingRow("d", "B000000001", "only in Postgres", {"clicks": (None, 4)}),
        ],
        (3, 3),
    )


def test_a_column_that_only_one_side_has_is_a_difference() -> None:
    (found,), _ = compare([row("a", 1, clicks=1)], [row("a", 2, clicks=1, click_price=3)])
    assert found.columns == {"click_price": (None, 3)}


def test_a_row_that_postgres_has_twice_is_there_once_too_often() -> None:
    found, read = compare([row("a", 1, clicks=1)], [row("a", 1, clicks=1), row("a", 1, clicks=1)])
    assert ([each.found for each in found], read) == (["only in Postgres"], (1, 2))


def test_the_number_of_rows_is_estimated_where_not_every_bucket_was_read() -> None:
    assert Difference(2, 2, (5, 5), 1, ()).count == "1 row"
    assert Difference(4096, 64, (16_000, 16_000), 15_900, ()).count == "about 1,017,600 rows"


def test_a_question_is_read_as_the_target_keeps_its_keys() -> None:
    asked = Asked(SyncType.WEEKLY, date(2026, 11, 8), " Wireless\u00a0 MOUSE", " b00a ").as_stored()
    assert asked.key == ("wireless mouse", "B00A")
    assert str(asked) == 'query "wireless mouse", ASIN B00A'
    assert Asked(SyncType.WEEKLY, date(2026, 11, 8), asin="B00A").key is None


def test_only_what_the_source_takes_for_white_space_becomes_a_space() -> None:
    folded = "\t\n\x0b\x0c\r\x85\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"
    kept = "\x1c\x1d\x1e\x1f\u200b\u180e"
    for character in folded:
        assert Asked(SyncType.WEEKLY, date(2026, 11, 8), f"a{character} b").as_stored().query == "a b"
    for character in kept:
        query = f"{character}a{character}b"
        assert Asked(SyncType.WEEKLY, date(2026, 11, 8), query).as_stored().query == query


@pytest.mark.parametrize(
    ("query", "asin", "says"),
    [
        ("a\udcffb", None, "the query a\\udcffb is no text, because it is not UTF-8."),
        (None, "B\0", "the ASIN B\\x00 is no text, because it has the character U+0000."),
    ],
)
def test_what_no_row_can_have_is_refused(query: str | None, asin: str | None, says: str) -> None:
    with pytest.raises(NothingToProve) as refused:
        refuse_unless_text(Asked(SyncType.WEEKLY, date(2026, 11, 8), query, asin))
    assert says in str(refused.value)


AS_PUBLISHED, OTHER, THIRD = Side("source", 2, 7), Side("source", 2, 8), Side("source", 3, 9)
SYNCED = {"state": "synced", "fingerprint": "f", "row_count": 2, "row_hash": 7}


@pytest.mark.parametrize(
    ("ledger", "reference", "stored", "says"),
    [
        (SYNCED, AS_PUBLISHED, AS_PUBLISHED, ""),
        (SYNCED | {"fingerprint": None}, OTHER, OTHER, "Somebody else wrote to it after it was published, and left"),
        (SYNCED, AS_PUBLISHED, OTHER, "Somebody else wrote to it: the source still has the rows that were published."),
        (SYNCED, OTHER, AS_PUBLISHED, "The source was restated since: Postgres has the rows that were published."),
        (SYNCED, OTHER, THIRD, "The source was restated since it was published, and somebody else wrote to it too."),
        (SYNCED | {"row_hash": None}, OTHER, THIRD, "It is not known whether"),
        ({"state": "adopted"}, OTHER, OTHER, "No sync has published it"),
        ({"state": "adopted"}, OTHER, THIRD, "It has the rows from before the first sync."),
        ({}, OTHER, THIRD, "It has the rows from before the first sync."),
        ({"state": "deleted"}, OTHER, THIRD, "It was deleted on purpose, and somebody else has written rows to it"),
        ({"state": "derived"}, OTHER, THIRD, "Somebody else wrote to it after it was summed."),
        ({"state": "derived", "week_changed_at": 1}, OTHER, THIRD, "A week of it changed after it was summed."),
    ],
)
def test_why_two_sides_are_equal_or_differ(ledger: dict[str, Any], reference: Side, stored: Side, says: str) -> None:
    found = Known({}, ledger).explain(WEEK, DAGS, reference, stored)
    assert found.startswith(says)
    assert bool(found) is bool(says)


def test_a_difference_says_what_to_do() -> None:
    found = Known({}, SYNCED).explain(
        NOVEMBER, ("sqp_monthly_sync__acme_us", "sqp_restatements__acme_us"), AS_PUBLISHED, OTHER
    )
    assert found.endswith(
        "The daily check (sqp_restatements__acme_us) syncs it; or trigger sqp_monthly_sync__acme_us with period start "
        "2026-11-01."
    )


def test_a_run_that_is_syncing_the_period_is_named() -> None:
    known = Known({}, SYNCED, "scheduled__2026-11-19")
    assert known.explain(WEEK, DAGS, OTHER, AS_PUBLISHED) == (
        "Run scheduled__2026-11-19 is syncing it now. Prove it again when the run has finished."
    )


def test_a_text_cannot_garble_the_terminal() -> None:
    assert proof.shown("red\x1b[31m \u202edraw") == "red\\x1b[31m \\u202edraw"
    assert proof.shown("日本 é") == "日本 é"
