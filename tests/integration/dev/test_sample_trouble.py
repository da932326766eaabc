"""The troublesome rows of the sample data: each is wrong in the one way it is meant to be."""

import re
from collections import Counter, defaultdict
from datetime import date, timedelta

import pytest

from dev.sample_data.market import Market
from dev.sample_data.scenario import Scenario
from dev.sample_data.source import MALFORMED_KINDS, SOUND_KINDS, SampleSource
from dev.sample_data.words import UNUSUAL_TEXTS
from tests.integration.dev.landed import MARKET, OWN, Row, key, rows, without_ingestion

WEEK = date(2026, 11, 8)
SMALL = Market(asins=5, queries=60, rows_per_week=200)


def normalised(query: str) -> str:
    return " ".join(query.lower().split())


def faults(row: Row) -> set[str]:
    """Say in Python, from the report's rules alone, what is wrong with one row."""
    start, end, asin, query = (row[name] for name in ("start_date", "end_date", "asin", "search_query"))
    found = {
        "asin_null": asin is None,
        "asin_bad_characters": asin is not None and not re.fullmatch("[A-Z0-9]{10}", asin.strip().upper()),
        "query_empty": query == "",
        "query_white_space": query != "" and not query.strip(),
        "query_nul": "\0" in query,
        "query_too_long": len(query.encode()) > 2_600,
        "negative_count": min(row[name] for name in (*OWN, *MARKET)) < 0,
        "start_date_null": start is None,
        "start_date_on_monday": start is not None and start.isoweekday() == 1,
        "end_date_not_saturday": end.isoweekday() != 6,
        "count_too_large": max(row[name] for name in (*OWN, *MARKET)) > 10**11,
    }
    return {kind for kind, wrong in found.items() if wrong}


def test_every_malformed_row_is_wrong_in_exactly_one_way(source: SampleSource) -> None:
    for kind in MALFORMED_KINDS:
        source.create()
        landed = source.land_malformed(WEEK, copies=3, kinds=[kind])
        found = rows(source)
        assert len(found) == landed[kind]
        if kind != "conflicting_copies":
            assert [faults(row) for row in found] == [{kind}] * 3


def test_conflicting_copies_share_key_and_ingestion_but_not_counts(source: SampleSource) -> None:
    assert source.land_malformed(WEEK, copies=2, kinds=["conflicting_copies"]) == {"conflicting_copies": 4}
    versions = defaultdict(list)
    for row in rows(source):
        assert not faults(row)
        versions[(*key(row), row["start_date"], row["ingested_at"])].append(row["asin_impression_count"])
    assert [sorted(counts) for counts in versions.values()] == [[40, 41], [40, 41]]


def test_a_lower_case_asin_with_spaces_is_sound(source: SampleSource) -> None:
    source.land_malformed(WEEK, kinds=SOUND_KINDS)
    (row,) = rows(source)
    assert row["asin"] == " x0lower001 "
    assert not faults(row)


def test_all_kinds_land_at_once_with_the_numbers_reported(source: SampleSource) -> None:
    landed = source.land_malformed(WEEK, copies=2)
    assert set(landed) == {*MALFORMED_KINDS, *SOUND_KINDS}
    wrong = Counter(kind for row in rows(source) for kind in faults(row))
    assert sum(landed.values()) == len(rows(source))
    assert wrong == {kind: landed[kind] for kind in MALFORMED_KINDS if kind != "conflicting_copies"}


def test_malformed_rows_stay_apart_from_the_sound_ones(source: SampleSource) -> None:
    source.land_weeks(SMALL, WEEK)
    sound = rows(source)
    source.land_malformed(WEEK)
    assert rows(source, lambda row: (row["asin"] or "").startswith("B0")) == sound
    assert not any(faults(row) for row in sound)


def test_landing_again_copies_rows_to_the_last_count(source: SampleSource) -> None:
    source.land_weeks(SMALL, WEEK)
    once = Counter(map(repr, without_ingestion(rows(source))))
    landed = source.reland(WEEK, percent=20, hours=24)
    twice = Counter(map(repr, without_ingestion(rows(source))))
    assert 0 < landed == (twice - once).total()
    assert set(twice) == set(once)
    assert len({row["ingested_at"] for row in rows(source)}) == 2


def test_landing_again_at_the_same_time_is_identical_to_the_last_column(source: SampleSource) -> None:
    source.land_weeks(SMALL, WEEK)
    before = len(rows(source))
    landed = source.reland(WEEK, percent=20, hours=0)
    assert len(rows(source)) == before + landed
    assert len(set(map(repr, rows(source)))) == before


def test_the_newest_week_is_found_beside_malformed_rows(source: SampleSource) -> None:
    with pytest.raises(ValueError, match="has no week yet"):
        source.newest_week()
    source.land_weeks(SMALL, WEEK, 2)
    newest = WEEK + timedelta(weeks=1)
    source.land_malformed(newest)
    assert source.newest_week() == newest


def test_a_restatement_changes_every_row_it_lands_and_deletes_others(source: SampleSource) -> None:
    source.land_weeks(SMALL, WEEK, 2)
    before = {key(row): row for row in rows(source, lambda row: row["start_date"] == WEEK)}
    next_week = rows(source, lambda row: row["start_date"] != WEEK)

    restatement = source.restate(WEEK, changed_percent=30, vanished_percent=20)

    after = rows(source, lambda row: row["start_date"] == WEEK)
    assert rows(source, lambda row: row["start_date"] != WEEK) == next_week
    newest = max(row["ingested_at"] for row in after)
    restated = [row for row in after if row["ingested_at"] == newest]
    vanished = before.keys() - {key(row) for row in after}
    assert len(restated) == restatement.landed > 0
    assert len(vanished) == restatement.deleted > 0
    for row in restated:
        old = before[key(row)]
        assert row["total_query_impression_count"] > old["total_query_impression_count"]
        assert all(row[name] >= old[name] for name in (*OWN, *MARKET))
        assert not faults(row)


def test_restating_after_landing_twice_restates_a_row_once(source: SampleSource) -> None:
    source.land_weeks(SMALL, WEEK)
    source.reland(WEEK, percent=100, hours=24)
    restatement = source.restate(WEEK, changed_percent=100, vanished_percent=0)
    assert restatement.deleted == 0
    assert restatement.landed == len({key(row) for row in rows(source)})


def test_other_spellings_normalise_to_a_query_that_is_there(source: SampleSource) -> None:
    source.land_weeks(SMALL, WEEK)
    plain = {key(row) for row in rows(source)}
    assert source.land_spellings(WEEK, rows=4) == 12
    spelled = [key(row) for row in rows(source) if key(row) not in plain]
    assert len(set(spelled)) == 12
    merged = Counter((asin, normalised(query)) for asin, query in spelled)
    assert set(merged) <= plain
    assert set(merged.values()) == {3}
    text = " ".join(query for _, query in spelled)
    assert "\t" in text
    assert "  " in text
    assert any(query.isupper() for _, query in spelled)


def test_unusual_queries_land_as_they_are_and_are_normalised_already(source: SampleSource) -> None:
    assert source.land_unusual(WEEK) == len(UNUSUAL_TEXTS)
    landed = rows(source)
    assert {row["search_query"] for row in landed} == set(UNUSUAL_TEXTS)
    assert {normalised(text) for text in UNUSUAL_TEXTS} == set(UNUSUAL_TEXTS)
    assert not any(faults(row) for row in landed)


def test_the_scenario_lands_everything_and_says_so(source: SampleSource) -> None:
    story = "\n".join(Scenario(SMALL, WEEK, weeks=3).land(source))
    reported = [int(number.replace(",", "")) for number in re.findall(r": ([\d,]+) rows", story)]
    deleted = int(re.search(r"changed, ([\d,]+) deleted", story)[1])  # type: ignore[index]
    assert sum(reported) - deleted == len(rows(source))
    assert {row["start_date"] for row in rows(source)} >= {WEEK - timedelta(weeks=ago) for ago in range(3)}
    for word in ("late", "again", "restated", "malformed", "spellings", "unusual"):
        assert word in story


def test_a_scenario_without_malformed_rows_has_no_faults(source: SampleSource) -> None:
    list(Scenario(SMALL, WEEK, weeks=2, malformed=0).land(source))
    assert not any(faults(row) for row in rows(source))
