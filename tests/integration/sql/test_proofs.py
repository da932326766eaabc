"""What a proof reads of Postgres: the same buckets as the source's, of partitioned tables and of plain adopted ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import reduce
from operator import xor
from typing import Any

import psycopg
import pytest

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.proof import Asked, Bucket, bucket_of
from sqp_provider.core.settings import Settings
from sqp_provider.proof import Prover
from sqp_provider.target.proof import StoredPeriod
from tests.fixtures import connection_to
from tests.landing import Landing, report_row
from tests.published import Publisher
from tests.stages import Stages

WEEK = Period.starting(SyncType.WEEKLY, date(2026, 11, 8))
NOVEMBER = Period.starting(SyncType.MONTHLY, date(2026, 11, 1))
QUARTER = Period.starting(SyncType.QUARTERLY, date(2026, 10, 1))
QUERIES = ("wireless mouse", "50% off", "it's", "日本 \N{HEADPHONE}", "a\\b")


def rows_of(*queries: str, **figures: Any) -> list[dict[str, Any]]:
    return [{"query": query} | figures for query in queries]


def test_a_row_has_the_bucket_that_the_source_computes(publisher: Publisher) -> None:
    publisher.week("2026-11-08", rows_of(*QUERIES))
    with publisher.postgres.transaction(read_only=True) as database:
        stored = StoredPeriod(database, WEEK)
        side, buckets = stored.buckets(stored.stored, "Postgres")
        rows = stored.bucket_rows(stored.stored, list(buckets))
    assert (side.row_count, side.sums["total_clicks"]) == (5, 250)
    assert set(buckets) == {bucket_of(query, "B000000001") for query in QUERIES}
    assert side.row_hash == reduce(xor, (row["row_hash"] for row in rows))
    assert {row["query"] for row in rows} == set(QUERIES)
    (row,) = [row for row in rows if row["query"] == "it's"]
    assert (row["total_clicks"], row["avg_ctr"], row["click_price"]) == (50, Decimal("0.065359"), None)


def test_only_rows_of_the_buckets_asked_for_are_read(publisher: Publisher) -> None:
    publisher.week("2026-11-08", rows_of(*QUERIES))
    with publisher.postgres.transaction(read_only=True) as database:
        stored = StoredPeriod(database, WEEK)
        found = stored.bucket_rows(stored.stored, [bucket_of("it's", "B000000001")])
        assert [row["query"] for row in found] == ["it's"]
        assert stored.bucket_rows(stored.stored, []) == []


def test_months_and_quarters_are_the_sum_of_their_weeks_on_both_sides(publisher: Publisher) -> None:
    publisher.week("2026-11-01", rows_of("wireless mouse"))
    publisher.week("2026-11-08", rows_of(*QUERIES, market_clicks=None))
    for period in (NOVEMBER, QUARTER):
        with publisher.postgres.transaction(read_only=True) as database:
            stored = StoredPeriod(database, period)
            side, buckets = stored.buckets(stored.stored, "Postgres")
            weeks, of_weeks = stored.buckets(stored.sum_of_weeks, "weeks")
            assert side.equals(weeks)
            assert (buckets, side.row_count) == (of_weeks, 5)
            assert stored.weeks() == {date(2026, 11, 1): "synced", date(2026, 11, 8): "synced"}


def test_a_quarter_is_compared_with_its_weeks_although_its_months_are_sums(publisher: Publisher) -> None:
    publisher.week("2026-11-08", rows_of("wireless mouse"))
    with psycopg.connect(publisher.postgres.dsn()) as connection:
        connection.execute("update sqp.monthly_summary set total_clicks = 7")
    with publisher.postgres.transaction(read_only=True) as database:
        stored = StoredPeriod(database, QUARTER)
        side, _ = stored.buckets(stored.stored, "Postgres")
        weeks, _ = stored.buckets(stored.sum_of_weeks, "weeks")
    assert side.equals(weeks)


def test_a_plain_table_that_was_adopted_has_the_hashes_of_a_partitioned_one(
    seed_database: str,
    adopt: Callable[[], psycopg.Connection[Any]],
    monkeypatch: pytest.MonkeyPatch,
    publisher: Publisher,
) -> None:
    adopt()
    plain = Publisher(seed_database, monkeypatch)
    found = []
    for each in (plain, publisher):
        each.week("2026-11-08", rows_of(*QUERIES))
        with each.postgres.transaction(read_only=True) as database:
            stored = StoredPeriod(database, WEEK)
            found.append(stored.buckets(stored.stored, "Postgres"))
    assert found[0] == found[1]


def test_a_row_that_a_plain_table_has_twice_counts_twice(
    seed_database: str, adopt: Callable[[], psycopg.Connection[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = adopt()
    plain = Publisher(seed_database, monkeypatch)
    plain.week("2026-11-08", rows_of("it's"))
    columns = "period_start, period_end, query, asin, total_impressions, total_clicks, avg_ctr"
    connection.execute(f"insert into weekly_summary ({columns}) select {columns} from weekly_summary")  # type: ignore[arg-type]
    with plain.postgres.transaction(read_only=True) as database:
        stored = StoredPeriod(database, WEEK)
        side, buckets = stored.buckets(stored.stored, "Postgres")
    assert (side.row_count, [bucket.row_count for bucket in buckets.values()]) == (2, [2])


def test_a_period_without_rows_has_no_bucket(publisher: Publisher) -> None:
    with publisher.postgres.transaction(read_only=True) as database:
        stored = StoredPeriod(database, WEEK)
        side, buckets = stored.buckets(stored.stored, "Postgres")
        assert (side.row_count, side.row_hash, side.sums["total_clicks"], buckets) == (0, 0, 0, {})
        assert not stored.has_rows()
        known = stored.known()
        assert (known.state, known.running, known.ledger) == (None, None, {})


def test_rows_are_found_by_query_and_asin_whatever_they_are(publisher: Publisher) -> None:
    publisher.week("2026-11-08", rows_of(*QUERIES))
    publisher.week("2026-11-01", rows_of("50% off"))
    with publisher.postgres.transaction(read_only=True) as database:
        stored = StoredPeriod(database, WEEK)
        for query in QUERIES:
            asked = Asked(SyncType.WEEKLY, WEEK.first_day, query, "B000000001")
            assert (stored.count(asked), [row["query"] for row in stored.rows(asked)]) == (1, [query])
        assert stored.count(Asked(SyncType.WEEKLY, WEEK.first_day, asin="B000000001")) == 5
        off = Asked(SyncType.WEEKLY, WEEK.first_day, "50% off")
        assert stored.elsewhere(off) == [date(2026, 11, 1)]


def test_a_bucket_is_three_digits_of_a_hash(publisher: Publisher) -> None:
    publisher.week("2026-11-08", rows_of("wireless mouse"))
    with publisher.postgres.transaction(read_only=True) as database:
        stored = StoredPeriod(database, WEEK)
        side, buckets = stored.buckets(stored.stored, "Postgres")
    assert buckets == {0x8E5: Bucket(1, side.row_hash)}


def test_a_week_of_an_adopted_plain_table_is_proved_against_the_source(
    seed_database: str,
    adopt: Callable[[], psycopg.Connection[Any]],
    monkeypatch: pytest.MonkeyPatch,
    landing: Landing,
    settings: Settings,
) -> None:
    """Its rates keep four places; the hash covers the six that the source has."""
    adopt()
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(seed_database))
    stages, week = Stages(settings, seed_database), Asked(SyncType.WEEKLY, WEEK.first_day)
    landing.land(report_row("q"), report_row("r", asin_click_count=1))
    assert stages.sync(WEEK.first_day).colour == "success"
    assert Prover(settings, week).prove().answer.endswith("equals the source: 2 rows on both sides, the same hash")
    stages.query("update weekly_summary set total_clicks = 7 where query = 'r'")
    (row,) = Prover(settings, week).prove().as_object()["difference"]["differing_rows"]
    assert (row["query"], row["columns"]["total_clicks"]) == ("r", {"source": 1, "postgres": 7})
