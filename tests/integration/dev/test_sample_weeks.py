"""The sound rows of the sample data: the same every time, and possible in a real market."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest

from dev.sample_data.market import Market
from dev.sample_data.scenario import Scenario
from dev.sample_data.source import SampleSource
from tests.integration.dev.landed import MARKET, OWN, key, rows, without_ingestion

WEEK = date(2026, 11, 8)
SMALL = Market(asins=5, queries=60, rows_per_week=200)


def counts_of_week(source: SampleSource, week: date) -> dict[tuple[str, str], list[int]]:
    return {key(row): [row[count] for count in OWN] for row in rows(source, lambda row: row["start_date"] == week)}


def test_the_same_arguments_land_the_same_rows(source: SampleSource) -> None:
    source.land_weeks(SMALL, WEEK, 2)
    first = rows(source)
    source.create()
    source.land_weeks(SMALL, WEEK, 2)
    assert rows(source) == first
    assert len(first) > 300


def test_a_week_does_not_depend_on_the_weeks_landed_with_it(source: SampleSource) -> None:
    source.land_weeks(SMALL, WEEK - timedelta(weeks=3), 4)
    in_company = rows(source, lambda row: row["start_date"] == WEEK)
    source.create()
    source.land_weeks(SMALL, WEEK)
    assert rows(source) == in_company


def test_weeks_differ_from_each_other(source: SampleSource) -> None:
    source.land_weeks(SMALL, WEEK, 2)
    first, second = counts_of_week(source, WEEK), counts_of_week(source, WEEK + timedelta(weeks=1))
    assert first.keys() - second.keys(), "churn: some rows of a week are missing in the next"
    assert sum(first[each] != second[each] for each in first.keys() & second.keys()) > 100


def test_without_churn_a_week_has_exactly_the_rows_asked_for(source: SampleSource) -> None:
    assert source.land_weeks(Market(asins=5, queries=60, rows_per_week=200, churn_percent=0), WEEK, 3) == 600
    assert len(rows(source)) == 600


def test_the_number_reported_is_the_number_landed(source: SampleSource) -> None:
    assert source.land_weeks(SMALL, WEEK) == len(rows(source))


def test_weeks_run_from_sunday_to_saturday_and_land_three_days_later(source: SampleSource) -> None:
    source.land_weeks(SMALL, WEEK, 2)
    found = {(row["start_date"], row["end_date"], row["ingested_at"]) for row in rows(source)}
    assert found == {
        (date(2026, 11, 8), date(2026, 11, 14), datetime(2026, 11, 18, 6, tzinfo=UTC)),
        (date(2026, 11, 15), date(2026, 11, 21), datetime(2026, 11, 25, 6, tzinfo=UTC)),
    }


def test_a_query_appears_once_for_an_asin(source: SampleSource) -> None:
    landed = source.land_weeks(Market(asins=7, queries=30_000, rows_per_week=7_000), WEEK)
    assert len({key(row) for row in rows(source)}) == landed


def test_counts_only_shrink_from_impressions_to_purchases(source: SampleSource) -> None:
    source.land_weeks(SMALL, WEEK)
    for row in rows(source):
        for counts in ([row[name] for name in OWN], [row[name] for name in MARKET]):
            assert counts == sorted(counts, reverse=True)
        assert row["asin_impression_count"] >= 1
        assert row["asin_purchase_count"] >= 0


@pytest.mark.parametrize("market", [SMALL, Market(asins=60, queries=400, rows_per_week=12_000, churn_percent=0)])
def test_asins_together_never_exceed_the_market(source: SampleSource, market: Market) -> None:
    source.land_weeks(market, WEEK)
    together: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    markets: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    for row in rows(source):
        together[row["search_query"]] = [a + row[b] for a, b in zip(together[row["search_query"]], OWN, strict=True)]
        markets[row["search_query"]].add(tuple(row[name] for name in MARKET))
    for query, (totals, *others) in markets.items():
        assert not others, f"{query!r} has one market, the same for every ASIN"
        assert all(own <= total for own, total in zip(together[query], totals, strict=True))


def test_volumes_are_zipf_shaped_and_ranked(source: SampleSource) -> None:
    source.land_weeks(Market(asins=2, queries=1_000, rows_per_week=2_000, churn_percent=0), WEEK)
    volumes = {row["search_query_score"]: row["search_query_volume"] for row in rows(source)}
    ranked = [volumes[score] for score in range(1, 1_001)]
    assert ranked == sorted(ranked, reverse=True)
    assert 5 < ranked[0] / ranked[9] < 20
    assert 50 < ranked[0] / ranked[99] < 200


def test_late_asins_land_the_rows_that_were_missing(source: SampleSource) -> None:
    complete = source.land_weeks(SMALL, WEEK)
    at_once = rows(source)
    source.create()
    on_time = source.land_weeks(SMALL, WEEK, late_asins=2)
    late = source.land_late(SMALL, WEEK, late_asins=2)
    assert on_time + late == complete
    assert without_ingestion(rows(source)) == without_ingestion(at_once)
    arrivals = {row["ingested_at"]: row["asin"] for row in rows(source)}
    assert set(arrivals) == {datetime(2026, 11, 18, 6, tzinfo=UTC), datetime(2026, 11, 25, 6, tzinfo=UTC)}
    assert len({row["asin"] for row in rows(source, lambda row: row["ingested_at"].day == 25)}) == 2


@pytest.mark.parametrize(
    ("market", "complaint"),
    [
        ({"asins": 0}, "asins must be 1 to 9,999, not 0"),
        ({"asins": 3}, "20,000 rows a week for 3 ASINs are 6,666 queries an ASIN; that must be 1 to 3,000"),
        ({"churn_percent": 101}, "churn_percent must be 0 to 100, not 101"),
    ],
)
def test_an_impossible_market_says_which_number_is_wrong(market: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Market(**market)


def test_a_scenario_ends_with_a_sunday() -> None:
    with pytest.raises(ValueError, match="last_week 2026-11-09 is a Monday"):
        Scenario(SMALL, date(2026, 11, 9), weeks=2)
    with pytest.raises(ValueError, match="weeks must be 1 or more, not 0"):
        Scenario(SMALL, WEEK, weeks=0)
