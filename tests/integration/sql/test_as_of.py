"""A period as it was published at some time: exactly, or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import RaiseException

from sqp_provider.core.period import Period, SyncType
from sqp_provider.target.checks import Checks
from tests.published import Publisher

Connection = psycopg.Connection[Any]

WEEK = "2026-11-08"
PARTITION = "weekly_summary_20261108"
PERIODS = {"weekly": WEEK, "monthly": "2026-11-01", "quarterly": "2026-10-01"}


def moment(connection: Connection) -> datetime:
    """The time at the server, for which a period is asked for later."""
    (now,) = connection.execute("select clock_timestamp()").fetchone() or (None,)
    assert isinstance(now, datetime)
    return now


def stored(connection: Connection, kind: str = "weekly", first: str | None = None) -> list[Any]:
    """All columns of a period's rows as the table has them, as texts."""
    statement = f"select t::text from {kind}_summary as t where period_start = %s order by query, asin"
    return connection.execute(statement, [first or PERIODS[kind]]).fetchall()


def as_of(connection: Connection, when: Any, kind: str = "weekly", first: str | None = None) -> list[Any]:
    """All columns of a period's rows as they were published, as texts."""
    statement = f"select t::text from {kind}_as_of(%s, %s) as t order by query, asin"
    return connection.execute(statement, [first or PERIODS[kind], when]).fetchall()


def copies(connection: Connection) -> dict[str, list[Any]]:
    return {kind: stored(connection, kind) for kind in PERIODS}


def had(connection: Connection, when: Any) -> dict[str, list[Any]]:
    return {kind: as_of(connection, when, kind) for kind in PERIODS}


def refusal(connection: Connection, when: Any, kind: str = "weekly", first: str | None = None) -> str:
    with pytest.raises(RaiseException) as raised:
        as_of(connection, when, kind, first)
    return str(raised.value)


@pytest.fixture
def swapping(database: str, monkeypatch: pytest.MonkeyPatch) -> Publisher:
    """Replaces every period of which anything changes."""
    return Publisher(database, monkeypatch, swap_above_rows=0, swap_above_fraction=0)


ROWS = [{"query": "a"}, {"query": "b"}, {"query": "c", "asin": "B000000003"}]
RESTATED = [
    {"query": "a"},
    {"query": "b", "total_clicks": 7, "query_volume": None, "market_same_day_clicks": 3},
    {"query": "d", "asin": "B000000004"},
]


@pytest.mark.parametrize("way", ["publisher", "swapping"])
def test_week_month_and_quarter_are_had_as_they_were_after_rows_came_changed_and_went(
    way: str, committing: Connection, request: pytest.FixtureRequest
) -> None:
    publisher: Publisher = request.getfixturevalue(way)
    known = []
    for rows in (ROWS, RESTATED, ROWS, ROWS[1:], RESTATED):
        how = publisher.week(WEEK, rows).how
        known.append((moment(committing), copies(committing)))
    assert how == {"publisher": "difference", "swapping": "swapped"}[way]
    for when, copy in known:
        assert had(committing, when) == copy
    assert len({copy["weekly"][1] for _, copy in known}) > 2


def test_a_second_week_in_between_changes_month_and_quarter_only(committing: Connection, publisher: Publisher) -> None:
    publisher.week(WEEK, ROWS)
    when, copy = moment(committing), copies(committing)
    publisher.week("2026-11-15", RESTATED)
    assert stored(committing) == copy["weekly"]
    assert stored(committing, "monthly") != copy["monthly"]
    assert had(committing, when) == copy


def test_an_own_month_that_replaces_the_sum_can_be_had_before_and_after(
    committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK, ROWS)
    sums, before = moment(committing), copies(committing)
    publisher.period(SyncType.MONTHLY, "2026-11-01", RESTATED)
    own, after = moment(committing), copies(committing)
    publisher.period(SyncType.MONTHLY, "2026-11-01", ROWS[:2])
    assert had(committing, sums) == before
    assert had(committing, own) == after


COLUMNS = "period_start, period_end, query, asin"
STRANGERS = {
    "an insert": f"insert into weekly_summary ({COLUMNS}) values ('{WEEK}', '2026-11-14', 'of theirs', 'B1')",
    "an update": "update weekly_summary set total_clicks = 9, currency = 'EUR', market_clicks = null where query = 'a'",
    "an update of a key": "update weekly_summary set query = 'z' where query = 'a'",
    "a move to another week": "update weekly_summary set period_start = '2026-11-15', period_end = '2026-11-21'"
    " where query = 'a'",
    "a delete": "delete from weekly_summary where query = 'b'",
    "a delete of all": "delete from weekly_summary",
    "a delete and an insert": "with gone as (delete from weekly_summary where query = 'b' returning *)"
    f" insert into weekly_summary ({COLUMNS}) select period_start, period_end, 'y', asin from gone",
}


@pytest.mark.parametrize("what", STRANGERS)
def test_what_somebody_else_writes_through_the_table_is_skipped(
    what: str, committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK, ROWS)
    first, copy = moment(committing), copies(committing)
    committing.execute(STRANGERS[what])
    written = moment(committing)
    assert stored(committing) != copy["weekly"]
    assert had(committing, written) == copy
    publisher.week(WEEK, RESTATED)
    healed, restated = moment(committing), copies(committing)
    committing.execute("update weekly_summary set total_clicks = 1")
    for when, expected in ((first, copy), (written, copy), (healed, restated), (moment(committing), restated)):
        assert as_of(committing, when) == expected["weekly"]
        assert as_of(committing, when, "monthly") == expected["monthly"]


def test_what_somebody_else_wrote_is_marked_when_it_is_put_back(committing: Connection, publisher: Publisher) -> None:
    publisher.week(WEEK, ROWS)
    committing.execute("update weekly_summary set total_clicks = 4711 where query = 'a'")
    publisher.week(WEEK, [ROWS[0], ROWS[1] | {"total_clicks": 9}, ROWS[2]])
    changes = committing.execute(
        "select query, change, before ->> 'total_clicks', after ->> 'total_clicks', version is null, is_healing,"
        " changed_by = session_user from period_change where sync_type = 'weekly' order by id"
    ).fetchall()
    assert changes[0] == ("a", "updated", "50", "4711", True, False, True)
    assert sorted(changes[1:]) == [
        ("a", "updated", "4711", "50", False, True, None),
        ("b", "updated", "50", "9", False, False, None),
    ]
    versions = "select sync_type, how, updated, is_healing, is_kept from period_version order by version, step"
    statement = versions.replace(" order", " join period_type using (sync_type) order")
    assert committing.execute(statement).fetchall() == [
        ("weekly", "attached", 0, False, True),
        ("monthly", "summed", 0, False, True),
        ("quarterly", "summed", 0, False, True),
        ("weekly", "difference", 2, True, True),
        ("monthly", "summed", 2, True, True),
        ("quarterly", "summed", 2, True, True),
    ]


def test_a_version_says_what_the_period_was_in_total(committing: Connection, publisher: Publisher) -> None:
    for rows in (ROWS, [*ROWS[:2], ROWS[2] | {"total_clicks": 51}], RESTATED, [*RESTATED, {"query": "e"}]):
        publisher.week(WEEK, rows)
        for kind, first in PERIODS.items():
            found = committing.execute(
                "select jsonb_build_object('rows', count(*), 'asins', count(distinct asin),"
                " 'total_impressions', sum(total_impressions), 'total_clicks', sum(total_clicks),"
                " 'total_cart_adds', sum(total_cart_adds), 'total_purchases', sum(total_purchases))"
                f" from {kind}_summary where period_start = %s",
                [first],
            ).fetchone()
            assert (
                found
                == committing.execute(
                    "select totals from period_version where sync_type = %s order by version desc limit 1", [kind]
                ).fetchone()
            )


def test_periods_that_are_published_together_share_a_version_and_later_ones_are_larger(
    committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK, ROWS)
    publisher.week(WEEK, RESTATED)
    versions = committing.execute(
        "select array_agg(sync_type::text order by sync_type) from period_version group by version order by version"
    ).fetchall()
    assert versions == [(["monthly", "quarterly", "weekly"],)] * 2


# What cannot be had


def test_a_day_that_starts_no_period_is_refused(committing: Connection, publisher: Publisher) -> None:
    publisher.week(WEEK, ROWS)
    said = refusal(committing, moment(committing), first="2026-11-09")
    assert "no week starts on 2026-11-09" in said
    assert "starts on 2026-11-08" in said


def test_the_time_that_the_ledger_says_has_what_was_published_then(
    committing: Connection, publisher: Publisher
) -> None:
    for rows in (ROWS, RESTATED):
        publisher.week(WEEK, rows)
        for kind in PERIODS:
            (at,) = committing.execute(
                "select published_at from synced_period where sync_type = %s", [kind]
            ).fetchone() or (None,)
            assert as_of(committing, at, kind) == stored(committing, kind)
    times = "select count(distinct published_at), count(distinct version) from period_version"
    assert committing.execute(times).fetchone() == (2, 2)


def test_no_time_is_refused(committing: Connection) -> None:
    assert "one of them is null" in refusal(committing, None)


def test_a_time_before_the_first_publish_is_refused_and_the_first_publish_is_said(
    committing: Connection, publisher: Publisher
) -> None:
    before = moment(committing)
    assert "has not been published" in refusal(committing, before)
    publisher.week(WEEK, ROWS)
    said = refusal(committing, before)
    assert "nothing is known of weekly 2026-11-08..2026-11-14" in said
    assert "known since" in said


def test_a_deleted_period_cannot_be_had_but_its_month_can(committing: Connection, publisher: Publisher) -> None:
    publisher.week(WEEK, ROWS)
    publisher.week("2026-11-15", RESTATED)
    when, copy = moment(committing), copies(committing)
    committing.execute("select delete_period('weekly', %s)", [WEEK])
    unknown = "It has not been published since."
    assert "because it was deleted at" in refusal(committing, when)
    assert unknown in refusal(committing, when)
    assert "was not published at" in refusal(committing, moment(committing))
    assert unknown in refusal(committing, moment(committing))
    assert as_of(committing, when, "monthly") == copy["monthly"]
    now = moment(committing)
    assert as_of(committing, now, "monthly") == stored(committing, "monthly")
    publisher.week(WEEK, ROWS)
    assert as_of(committing, moment(committing)) == stored(committing)
    assert "because it was deleted at" in refusal(committing, when)
    for asked in (when, now):
        (known,) = re.findall("ask for a time from (.*) on", refusal(committing, asked))
        assert as_of(committing, known) == stored(committing)  # the time that the hint names
    assert as_of(committing, now, "monthly") != stored(committing, "monthly")


@pytest.mark.parametrize("way", ["publisher", "swapping"])
def test_a_publish_that_changes_more_than_is_kept_is_said_and_what_comes_later_is_known(
    way: str, committing: Connection, request: pytest.FixtureRequest
) -> None:
    publisher: Publisher = request.getfixturevalue(way)
    committing.execute("update period_type set kept_changes = 1")
    publisher.week(WEEK, ROWS)
    when = moment(committing)
    publisher.week(WEEK, [row | {"total_clicks": 1} for row in ROWS])
    later, copy = moment(committing), copies(committing)
    publisher.week(WEEK, [ROWS[0], *(row | {"total_clicks": 1} for row in ROWS[1:])])
    for kind in PERIODS:
        assert "is not kept" in refusal(committing, when, kind)
    assert had(committing, later) == copy
    counts = "select updated, is_kept from period_version where sync_type = 'weekly' order by version"
    assert committing.execute(counts).fetchall() == [(0, True), (3, False), (1, True)]


PAST_THE_TRIGGERS = {
    "to a partition": f"update {PARTITION} set total_clicks = 1 where query = 'a'",
    "a delete from a partition": f"delete from {PARTITION} where query = 'a'",
    "with triggers off": "set session_replication_role = replica; update weekly_summary set total_clicks = 1;"
    " set session_replication_role = origin",
    "a truncated table": "truncate weekly_summary",
    "a dropped partition": f"drop table {PARTITION}",
}


@pytest.mark.parametrize("what", PAST_THE_TRIGGERS)
def test_what_somebody_writes_past_the_triggers_is_noticed(
    what: str, committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK, ROWS)
    when = moment(committing)
    committing.execute(PAST_THE_TRIGGERS[what])
    assert "its rows are not those that were published" in refusal(committing, when)
    publisher.week(WEEK, RESTATED)
    said = refusal(committing, when)
    assert "not those that were published" in said or "is not kept" in said
    assert as_of(committing, moment(committing)) == stored(committing)


def test_rows_that_went_unseen_and_came_back_are_noticed_although_their_figures_are_right(
    committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK, ROWS)
    when = moment(committing)
    publisher.week(WEEK, [row | {"total_clicks": 1} for row in ROWS])
    committing.execute(f"alter table weekly_summary detach partition {PARTITION}")
    publisher.week(WEEK, ROWS)
    assert stored(committing)
    assert "not those that were published" in refusal(committing, when)


def test_a_merge_of_somebody_else_is_skipped_or_noticed(committing: Connection, publisher: Publisher) -> None:
    """Of a MERGE that inserts before it updates Postgres may show the triggers wrong rows."""
    publisher.week(WEEK, ROWS)
    copy = stored(committing)
    committing.execute(
        "merge into weekly_summary as t using (values ('0'), ('a'), ('b'), ('z')) as s (query)"
        " on t.period_start = '2026-11-08' and t.query = s.query"
        " when matched then update set total_clicks = 1"
        f" when not matched then insert ({COLUMNS}) values ('{WEEK}', '2026-11-14', s.query, 'B1')"
    )
    with suppress(RaiseException):
        assert as_of(committing, moment(committing)) == copy
    publisher.week(WEEK, RESTATED)
    assert as_of(committing, moment(committing)) == stored(committing)


def test_more_rows_of_somebody_else_than_are_kept_are_noticed(committing: Connection, publisher: Publisher) -> None:
    committing.execute("update period_type set kept_changes = 1")
    publisher.week(WEEK, ROWS)
    committing.execute("update weekly_summary set total_clicks = 1")
    assert "its rows are not those that were published" in refusal(committing, moment(committing))


def test_a_publish_after_more_rows_of_somebody_else_than_are_kept_can_be_had(
    committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK, ROWS)
    committing.execute("update period_type set kept_changes = 2")
    committing.execute("update weekly_summary set total_clicks = 1")
    publisher.week(WEEK, [{"total_clicks": 1} | row for row in RESTATED[:2]])
    when, copy = moment(committing), copies(committing)
    publisher.week(WEEK, [{"total_clicks": 1} | row for row in RESTATED[:1]])
    assert had(committing, when) == copy


LOST = {
    "more rows than are kept": "update weekly_summary set query_volume = 1, market_clicks = 2, currency = 'EUR'",
    "more rows of the sums": "update {}_summary set market_impressions = 1, market_clicks = 2, currency = 'EUR'",
    "an emptied table": "truncate {}_summary",
    "a transaction that keeps nothing": "begin; select set_config('sqp_sync.version', 'off', true);"
    " update {}_summary set market_clicks = 2; commit",
}


@pytest.mark.parametrize("what", LOST)
def test_sums_of_which_somebody_else_changed_more_than_is_kept_cannot_be_had_although_their_totals_are_right(
    what: str, committing: Connection, publisher: Publisher
) -> None:
    committing.execute("update period_type set kept_changes = 1")
    publisher.week(WEEK, ROWS[:1])
    first = moment(committing)
    publisher.week(WEEK, [ROWS[0], {"query": "b", "asin": "B000000003"}])
    when = moment(committing)
    for kind in ("monthly", "quarterly"):
        committing.execute(LOST[what].format(kind).encode())
    assert committing.execute("select count(*) from period_change where version is null").fetchone() == (0,)
    for kind in ("monthly", "quarterly"):
        assert "its rows are not those that were published" in refusal(committing, first, kind)
        assert "its rows are not those that were published" in refusal(committing, when, kind)
    publisher.week(WEEK, ROWS[:1])
    for kind in ("monthly", "quarterly"):
        assert "cannot be had" in refusal(committing, when, kind)
        assert as_of(committing, moment(committing), kind) == stored(committing, kind)


def test_a_sum_that_was_written_past_the_triggers_is_noticed_by_its_totals(
    committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK, ROWS)
    when, copy = moment(committing), copies(committing)
    committing.execute("update monthly_summary_20261101 set total_clicks = 1 where query = 'a'")
    assert "its rows are not those that were published" in refusal(committing, when, "monthly")
    publisher.sum_anew(SyncType.MONTHLY, "2026-11-01")
    assert as_of(committing, moment(committing), "monthly") == stored(committing, "monthly")
    assert [row[0].split(",")[:8] for row in stored(committing, "monthly")] == [
        row[0].split(",")[:8] for row in copy["monthly"]
    ]


@pytest.mark.parametrize("what", ["sums it", "publishes a week", "publishes a week after somebody wrote to it"])
@pytest.mark.parametrize("kind", [SyncType.MONTHLY, SyncType.QUARTERLY])
def test_a_sum_whose_partition_somebody_detached_can_be_had_from_its_next_publish_on(
    kind: SyncType, what: str, committing: Connection, publisher: Publisher
) -> None:
    """The detached table keeps its name, so that the rows are written one by one, all of them as new."""
    publisher.week(WEEK, ROWS)
    first = PERIODS[kind.value]
    table = kind.target_table
    before = moment(committing)
    committing.execute(f"alter table {table} detach partition {table}_{first.replace('-', '')}".encode())
    if what == "sums it":
        publisher.sum_anew(kind, first)
    else:
        if "somebody" in what:
            committing.execute("update weekly_summary set total_clicks = 9 where query = 'a'")
        publisher.week(WEEK, RESTATED)
    when, copy = moment(committing), stored(committing, kind.value)
    assert len(copy) == 3
    publisher.week(WEEK, ROWS[:2])
    assert as_of(committing, when, kind.value) == copy
    assert as_of(committing, moment(committing), kind.value) == stored(committing, kind.value)
    assert "cannot be had" in refusal(committing, before, kind.value)


@pytest.mark.parametrize("seen", [True, False])
def test_periods_that_come_back_as_a_whole_can_be_had_from_before_if_somebody_was_seen_to_empty_them(
    seen: bool, committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK, ROWS)
    when, copy = moment(committing), copies(committing)
    if seen:
        committing.execute("delete from weekly_summary")
    for kind, first in PERIODS.items():
        committing.execute(f"drop table {kind}_summary_{first.replace('-', '')}".encode())
    assert publisher.week(WEEK, RESTATED).how == "attached"
    later, after = moment(committing), copies(committing)
    publisher.week(WEEK, ROWS[1:])
    assert had(committing, later) == after
    if seen:
        assert had(committing, when) == copy
    else:
        for kind in PERIODS:
            assert "its rows are not those that were published" in refusal(committing, when, kind)


def test_old_changes_are_deleted_and_what_is_asked_of_them_is_refused(
    committing: Connection, publisher: Publisher
) -> None:
    known = []
    for rows in (ROWS, RESTATED, ROWS, RESTATED):
        publisher.week(WEEK, rows)
        known.append((moment(committing), copies(committing)))
    # As if the first three had been published 300, 200 and 99 days ago.
    for version, days in ((0, 300), (1, 200), (2, 99)):
        committing.execute(
            "update period_version set published_at = current_timestamp - %s::interval where version ="
            " (select distinct version from period_version order by version offset %s limit 1)",
            [f"{days} days", version],
        )
    ago = "select current_timestamp - %s::interval"
    (long_ago,), (then,) = (committing.execute(ago, [f"{days} days"]).fetchone() or () for days in (250, 150))
    assert had(committing, long_ago) == known[0][1]
    first_published = "select min(version), min(published_at) from period_version where sync_type = 'weekly'"
    first = committing.execute(first_published).fetchone()
    (deleted,) = committing.execute("select delete_old_changes('100 days')").fetchone() or (0,)
    assert deleted > 0
    assert "is not kept" in refusal(committing, long_ago)
    assert committing.execute(first_published).fetchone() == first
    assert had(committing, then) == known[1][1]
    assert had(committing, moment(committing)) == known[3][1]
    assert committing.execute("select delete_old_changes('100 days')").fetchone() == (0,)


def test_when_a_period_first_had_enough_asins_is_not_forgotten_with_its_changes(connection: Connection) -> None:
    """Months of 100 ASINs: ten of them on the fourth day, all on the seventh, restated on the twelfth and fortieth."""
    for month in range(2, 10):
        first = f"2020-{month:02}-01"
        connection.execute(
            "insert into synced_period (sync_type, period_start, period_end, state, fingerprint, row_count, asins)"
            " values ('monthly', %s, %s::date + interval '1 month' - interval '1 day', 'synced', 'aaa', 100,"
            " array(select 'B' || number from generate_series(1, 100) as number))",
            [first, first],
        )
        for day, asins in ((4, 10), (7, 100), (12, 100), (40, 100)):
            connection.execute(
                "insert into period_version (sync_type, period_start, version, how, published_at, snapshot_at,"
                " inserted, updated, deleted, totals, is_kept, is_healing)"
                " select 'monthly', %s, nextval('period_change_id_seq'), 'difference', at, at, 0, 0, 0,"
                " jsonb_build_object('asins', %s::integer), true, false"
                " from (select (%s::date + interval '1 month' - interval '1 day' + %s * interval '1 day')"
                " at time zone 'UTC') as day (at)",
                [first, asins, first, day],
            )
    days = "select usual_days('monthly', '2020-10-01')"
    versions = "select count(*) from period_version"
    assert connection.execute(days).fetchone() == (7,)
    for _ in range(2):
        connection.execute("select delete_old_changes('100 days')")
        assert connection.execute(days).fetchone() == (7,)
        assert connection.execute(versions).fetchone() == (8 * 3,)  # the first one, that of the seventh day, the newest


def test_no_time_can_be_had_before_the_oldest_version_that_is_kept_with_its_changes(
    committing: Connection, publisher: Publisher
) -> None:
    times = []
    for rows in (ROWS[:1], ROWS, RESTATED, ROWS):  # the second one is remembered, because it first had all ASINs
        publisher.week(WEEK, rows)
        times.append(moment(committing))
    committing.execute("update synced_period set asins = array['B000000001', 'B000000003'] where sync_type = 'weekly'")
    committing.execute("update period_version set published_at = published_at - interval '300 days'")
    for _ in range(2):
        committing.execute("select delete_old_changes('100 days')")
        assert committing.execute("select count(*) from period_version where sync_type = 'weekly'").fetchone() == (3,)
        for when in times[:3]:
            assert "cannot be had" in refusal(committing, when - timedelta(days=300))
        assert as_of(committing, moment(committing)) == stored(committing)


def test_what_was_not_kept_is_not_forgotten_with_its_version(committing: Connection, publisher: Publisher) -> None:
    publisher.week(WEEK, ROWS)
    first = moment(committing)
    committing.execute("update period_type set kept_changes = 1")
    publisher.week(WEEK, [row | {"market_clicks": 7} for row in ROWS])
    publisher.week(WEEK, [row | {"market_clicks": 7} for row in ROWS])
    committing.execute("update period_version set published_at = published_at - interval '300 days'")
    committing.execute("select delete_old_changes('100 days')")
    assert committing.execute("select count(*) from period_version where sync_type = 'weekly'").fetchone() == (2,)
    for kind in PERIODS:
        assert "is not kept" in refusal(committing, first - timedelta(days=300), kind)
        assert as_of(committing, moment(committing), kind) == stored(committing, kind)


def test_a_column_that_was_renamed_or_dropped_since_is_said_and_nothing_is_returned(
    committing: Connection, publisher: Publisher
) -> None:
    committing.execute("alter table weekly_summary add column note text, add column other text")
    publisher.week(WEEK, ROWS)
    committing.execute("update weekly_summary set note = 'first' where query = 'a'")
    publisher.week(WEEK, ROWS)
    when = moment(committing)
    committing.execute("update weekly_summary set note = 'second' where query = 'a'")
    copy = stored(committing)
    committing.execute("alter table weekly_summary drop column other")  # of which nothing was changed
    assert len(as_of(committing, when)) == len(copy)
    committing.execute("alter table weekly_summary rename column note to remark")
    said = refusal(committing, when)
    assert f"weekly {WEEK} cannot be had as it was published at" in said
    assert "weekly_summary has no column note any more" in said
    assert "when the column had this name" in said
    publisher.week(WEEK, [row | {"total_clicks": 1} for row in ROWS])
    assert as_of(committing, moment(committing)) == stored(committing)  # nothing was changed since
    committing.execute("alter table weekly_summary rename column remark to note")
    assert "first" in str(as_of(committing, when))


@pytest.mark.parametrize("later", ["'5'", "null"])
def test_a_json_null_of_yours_is_not_mistaken_for_no_value(
    later: str, committing: Connection, publisher: Publisher
) -> None:
    committing.execute("alter table weekly_summary add column more jsonb")
    publisher.week(WEEK, ROWS)
    committing.execute("update weekly_summary set more = 'null' where query = 'a'")
    publisher.week(WEEK, RESTATED)
    when, copy = moment(committing), stored(committing)
    assert sorted(str(row) for row in copy if ",null" in str(row))
    committing.execute(f"update weekly_summary set more = {later} where query = 'a'")
    assert as_of(committing, when) == copy
    committing.execute("delete from weekly_summary where query = 'a'")
    assert as_of(committing, when) == copy
    committing.execute(
        "insert into weekly_summary (period_start, period_end, query, asin, more)"
        " values ('2026-11-08', '2026-11-14', 'a', 'B000000001', '7')"
    )
    assert as_of(committing, when) == copy


def test_a_virtual_column_cannot_be_had_as_it_was(committing: Connection, publisher: Publisher) -> None:
    if committing.info.server_version < 180000:
        pytest.skip("Postgres 18 was the first that had them")
    publisher.week(WEEK, ROWS)
    committing.execute(
        "alter table weekly_summary add column twice bigint generated always as (total_clicks * 2) virtual"
    )
    assert "has a virtual generated column" in refusal(committing, moment(committing))
    assert as_of(committing, moment(committing), "monthly") == stored(committing, "monthly")


def test_changes_of_somebody_else_since_the_last_publish_stay_however_old(
    committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK, ROWS)
    copy = stored(committing)
    committing.execute("update weekly_summary set total_clicks = 4711")
    committing.execute("update period_version set published_at = current_timestamp - interval '300 days'")
    committing.execute("update period_change set changed_at = current_timestamp - interval '299 days'")
    assert committing.execute("select delete_old_changes('100 days')").fetchone() == (0,)
    assert as_of(committing, moment(committing)) == copy


# Who and what


def test_weeks_that_nobody_has_published_are_not_kept(connection: Connection) -> None:
    connection.execute(STRANGERS["an insert"])
    connection.execute("update weekly_summary set total_clicks = 1")
    assert connection.execute("select count(*) from period_change where sync_type = 'weekly'").fetchone() == (0,)


def test_a_transaction_may_say_that_nothing_is_to_be_kept(committing: Connection, publisher: Publisher) -> None:
    publisher.week(WEEK, ROWS)
    with committing.transaction():
        committing.execute("select set_config('sqp_sync.version', 'off', true)")
        committing.execute("update weekly_summary set total_clicks = 1")
    assert committing.execute("select count(*) from period_change").fetchone() == (0,)


def test_what_follows_a_deleted_period_in_a_transaction_is_somebody_elses(
    committing: Connection, publisher: Publisher
) -> None:
    publisher.week(WEEK, ROWS)
    publisher.week("2026-11-15", ROWS)
    with committing.transaction():
        committing.execute("select delete_period('weekly', '2026-11-15')")
        committing.execute("update weekly_summary set total_clicks = 1 where query = 'a'")
    assert committing.execute("select version, query from period_change where sync_type = 'weekly'").fetchall() == [
        (None, "a")
    ]


def hash_of(publisher: Publisher, kind: SyncType) -> str:
    """The expression by which a sync hashes a row."""
    period = Period.containing(kind, datetime(2026, 11, 8).date())
    with publisher.postgres.transaction() as database:
        sync = publisher.start(period)
        return Checks(database, sync).row_hash().as_string(database.connection)


@pytest.mark.parametrize("kind", list(SyncType))
def test_the_hash_of_a_row_is_the_one_of_a_sync(kind: SyncType, committing: Connection, publisher: Publisher) -> None:
    publisher.week(WEEK, [*RESTATED, {"query": "e", "market_clicks": None, "total_impressions": 0}])
    theirs = hash_of(publisher, kind)
    (ours,) = committing.execute(
        "select row_hash_of(t) from period_type as t where sync_type = %s", [kind.value]
    ).fetchone() or ("",)
    table = kind.target_table
    assert committing.execute(f"select count(*) from {table} where ({theirs}) <> ({ours})").fetchone() == (0,)
    assert committing.execute(f"select count(*) > 0 from {table}").fetchone() == (True,)


def test_adopted_plain_tables_have_a_history_too(
    adopt: Callable[[], Connection], seed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = adopt()
    connection.execute("alter table weekly_summary add column note json, add column tags text[] default '{a}'")
    publisher = Publisher(seed_database, monkeypatch)
    known = []
    for rows in (ROWS, RESTATED, ROWS):
        publisher.week(WEEK, rows)
        known.append((moment(connection), copies(connection)))
        connection.execute(
            "update weekly_summary set note = %s, tags = null, avg_ctr = 0.5 where query = 'a'",
            ['{"a": [null], "b": null}'],
        )
        connection.execute("delete from weekly_summary where query = 'b'")
    assert connection.execute("select count(*) from period_change where sync_type = 'weekly'").fetchone() != (0,)
    for when, copy in known:
        assert as_of(connection, when) == copy["weekly"]
        assert as_of(connection, when, "monthly") == copy["monthly"]
    for kind in SyncType:
        theirs = hash_of(publisher, kind)
        (ours,) = connection.execute(
            "select row_hash_of(t) from period_type as t where sync_type = %s", [kind.value]
        ).fetchone() or ("",)
        assert connection.execute(
            f"select count(*) from {kind.target_table} where ({theirs}) <> ({ours})"
        ).fetchone() == (0,)
