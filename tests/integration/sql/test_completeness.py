"""Whether a period is complete: what it is compared with, and what the view period_status says."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection[Any]

WEEKS = [f"2026-{day}" for day in ("10-04", "10-11", "10-18", "10-25", "11-01", "11-08", "11-15", "11-22")]
FAR, LONG_AGO = "2126-11-19", "2020-11-19"
"""Days that are always to come, and always over."""


def asins(count: int, first: int = 0) -> list[str]:
    return [f"B{number:09d}" for number in range(first, first + count)]


def publish(
    connection: Connection, week: str, found: list[str], state: str = "synced", rows: int | None = None
) -> None:
    """Write what a publish leaves in the ledger; one row for each ASIN unless the rows are given."""
    connection.execute(
        "insert into synced_period (sync_type, period_start, period_end, state, fingerprint, snapshot_at, row_count,"
        " asins, published_at) values ('weekly', %s, %s::date + 6, %s, 'aaa', %s::date + 11, %s, %s, now())"
        " on conflict (sync_type, period_start) do update set asins = excluded.asins, row_count = excluded.row_count",
        [week, week, state, week, len(found) if rows is None else rows, sorted(found)],
    )


def arrive(connection: Connection, week: str, day: int, count: int) -> None:
    """Write that a version with so many ASINs was read so many days after the week's end."""
    connection.execute(
        "insert into period_version (sync_type, period_start, version, how, snapshot_at, inserted, updated, deleted,"
        " totals, is_kept, is_healing) values ('weekly', %s, nextval('period_change_id_seq'), 'difference',"
        " (%s::date + 6 + %s)::timestamp at time zone 'UTC' + interval '6 hours', 0, 0, 0,"
        " jsonb_build_object('asins', %s::integer), true, false)",
        [week, week, day, count],
    )


def check(connection: Connection, week: str, quiet: int, fingerprint: str = "aaa") -> None:
    """Write that so many daily checks in a row have found the same rows."""
    connection.execute(
        "insert into source_period values ('weekly', %s, %s::date + 6, %s, 10, 0, now(), %s)"
        " on conflict (sync_type, period_start) do update set quiet_checks = excluded.quiet_checks",
        [week, week, fingerprint, quiet],
    )


def judge(connection: Connection, *weeks: str) -> None:
    connection.execute("select judge_completeness('weekly', %s::date[])", [list(weeks)])


def expect(connection: Connection, week: str, day: str) -> None:
    """Move the day until which a week is given time: today is another day whenever the test runs."""
    connection.execute("update synced_period set expected_by = %s where period_start = %s", [day, week])


def counted(connection: Connection, week: str) -> tuple[int | None, int | None]:
    """How many of the expected ASINs the ledger says that a week has."""
    row = connection.execute(
        "select asins_found, asins_expected from synced_period where sync_type = 'weekly' and period_start = %s", [week]
    ).fetchone()
    assert row
    return row[0], row[1]


def answer(connection: Connection, week: str, sync_type: str = "weekly") -> tuple[str | None, bool, str]:
    row = connection.execute(
        "select verdict, trusted, why from period_status where sync_type = %s and period_start = %s", [sync_type, week]
    ).fetchone()
    assert row
    return row[0], row[1], row[2]


@pytest.fixture
def known(connection: Connection) -> Connection:
    """Four complete weeks of 100 ASINs, from 2026-10-04 on."""
    for week in WEEKS[:4]:
        publish(connection, week, asins(100))
    judge(connection, *WEEKS[:4])
    return connection


def test_a_first_landing_is_arriving_until_its_asins_are_there_and_two_checks_found_nothing_new(
    known: Connection,
) -> None:
    publish(known, WEEKS[4], asins(12))
    judge(known, WEEKS[4])
    assert counted(known, WEEKS[4]) == (12, 100)
    expect(known, WEEKS[4], FAR)
    said = "Arriving: 12 of about 100 ASINs; usually complete by Tuesday, 2126-11-19."
    assert answer(known, WEEKS[4]) == ("arriving", False, said)
    publish(known, WEEKS[4], asins(100))
    judge(known, WEEKS[4])
    expect(known, WEEKS[4], FAR)
    check(known, WEEKS[4], 1)
    said = "Arriving: 100 of about 100 ASINs; 1 of 2 checks in a row found nothing new."
    assert answer(known, WEEKS[4]) == ("arriving", False, said)
    check(known, WEEKS[4], 2)
    said = "Equal to the source, with 100 of about 100 ASINs; 2 checks in a row found nothing new."
    assert answer(known, WEEKS[4]) == ("complete", True, said)


def test_after_its_day_a_week_that_lacks_asins_is_late_and_one_that_has_them_is_complete(known: Connection) -> None:
    publish(known, WEEKS[4], asins(50))
    judge(known, WEEKS[4])
    expect(known, WEEKS[4], LONG_AGO)
    verdict, trusted, why = answer(known, WEEKS[4])
    assert (verdict, trusted) == ("late", False)
    assert why == (
        "Late: 50 of about 100 ASINs; usually complete by Thursday, 2020-11-19. If the others are gone for good, "
        "the third period without them does not expect them any more."
    )
    publish(known, WEEKS[4], asins(95))
    judge(known, WEEKS[4])
    expect(known, WEEKS[4], LONG_AGO)
    said = "Equal to the source, with 95 of about 100 ASINs; its usual day, Thursday, 2020-11-19, is over."
    assert answer(known, WEEKS[4]) == ("complete", True, said)


@pytest.fixture
def paged(connection: Connection) -> Connection:
    """Four complete weeks of 5 ASINs with 20, 24, 30 and 26 rows each, from 2026-10-04 on."""
    for week, each in zip(WEEKS[:4], (20, 24, 30, 26), strict=True):
        publish(connection, week, asins(5), rows=5 * each)
    judge(connection, *WEEKS[:4])
    return connection


def test_a_week_with_every_asin_but_few_of_its_rows_is_arriving_and_then_late(paged: Connection) -> None:
    """As when a connector reads only the first page of each ASIN's report."""
    publish(paged, WEEKS[4], asins(5), rows=5)
    judge(paged, WEEKS[4])
    expect(paged, WEEKS[4], FAR)
    check(paged, WEEKS[4], 9)
    said = "Arriving: 5 of about 100 rows, although it has its ASINs; usually complete by Tuesday, 2126-11-19."
    assert answer(paged, WEEKS[4]) == ("arriving", False, said)
    expect(paged, WEEKS[4], LONG_AGO)
    said = (
        "Late: 5 of about 100 rows, although it has its ASINs; usually complete by Thursday, 2020-11-19. If the others "
        "are gone for good, the second period without them does not expect them any more."
    )
    assert answer(paged, WEEKS[4]) == ("late", False, said)
    publish(paged, WEEKS[4], asins(5), rows=104)
    said = "Equal to the source, with 5 of about 5 ASINs; 9 checks in a row found nothing new."
    assert answer(paged, WEEKS[4]) == ("complete", True, said)


@pytest.mark.parametrize(("rows", "verdict"), [(49, "arriving"), (50, "complete"), (1000, "complete")])
def test_half_of_the_rows_of_the_smallest_neighbour_are_enough(rows: int, verdict: str, paged: Connection) -> None:
    publish(paged, WEEKS[4], asins(5), rows=rows)
    judge(paged, WEEKS[4])
    expect(paged, WEEKS[4], FAR)
    check(paged, WEEKS[4], 2)
    assert answer(paged, WEEKS[4])[0] == verdict


def test_rows_that_are_gone_for_good_are_missed_once(paged: Connection) -> None:
    verdicts = []
    for week in WEEKS[4:7]:
        publish(paged, week, asins(5), rows=30)
        judge(paged, week)
        expect(paged, week, LONG_AGO)
        verdicts.append(answer(paged, week)[0])
    assert verdicts == ["late", "complete", "complete"]


def test_a_small_catalogue_is_not_doubted_for_its_rows(connection: Connection) -> None:
    """Below 20 rows chance alone may halve them."""
    for week in WEEKS[:4]:
        publish(connection, week, asins(3), rows=19)
    publish(connection, WEEKS[4], asins(3), rows=3)
    judge(connection, WEEKS[4])
    expect(connection, WEEKS[4], LONG_AGO)
    assert answer(connection, WEEKS[4])[0] == "complete"
    connection.execute("update synced_period set row_count = 20 where row_count = 19")
    assert answer(connection, WEEKS[4])[0] == "late"


def test_a_week_that_lacks_asins_and_rows_is_said_to_lack_asins(paged: Connection) -> None:
    publish(paged, WEEKS[4], asins(2), rows=2)
    judge(paged, WEEKS[4])
    expect(paged, WEEKS[4], FAR)
    assert answer(paged, WEEKS[4])[2].startswith("Arriving: 2 of about 5 ASINs; usually")


@pytest.mark.parametrize("known", range(1, 9))
def test_the_rows_are_compared_with_those_of_the_neighbours(known: int, connection: Connection) -> None:
    """What is found for all periods at once is what neighbours_of() finds for each."""
    for week, rows in zip(WEEKS[:known], (900, 500, 700, 300, 800, 400, 600, 1000), strict=False):
        publish(connection, week, asins(5), rows=rows)
    publish(connection, "2026-09-27", [], rows=0)  # an empty week is nobody's neighbour
    publish(connection, "2026-11-29", asins(5), state="adopted", rows=1)
    around = dict(connection.execute("select period_start::text, row_count from rows_around()").fetchall())
    one_by_one = connection.execute(
        "select week.period_start::text, min(near.row_count)"
        " from synced_period as week"
        " cross join lateral neighbours_of('weekly', week.period_start) as neighbour"
        " join synced_period as near on near.period_start = neighbour.period_start"
        " where week.period_start = any (%s::date[]) group by 1",
        [WEEKS[:known]],
    )
    assert {week: rows for week, rows in around.items() if rows} == dict(one_by_one.fetchall())
    assert len(around) == known


def test_a_week_that_nobody_has_checked_since_its_day_is_not_called_complete(known: Connection) -> None:
    publish(known, WEEKS[4], asins(100))
    judge(known, WEEKS[4])
    expect(known, WEEKS[4], "2026-11-20")
    known.execute("set local timezone = 'Pacific/Kiritimati'")
    said = "Arriving: 100 of about 100 ASINs; the source has not been checked since its usual day, Friday, 2026-11-20."
    verdict = (
        "select verdict_on(100, 100, 0.95, false, '2026-11-20', looked, today, false),"
        " why_of_verdict(verdict_on(100, 100, 0.95, false, '2026-11-20', looked, today, false), 100, 100, 0, 2,"
        " '2026-11-20', today, 100, null)"
        " from (values (%s::date, date '2026-11-28')) as days (looked, today)"
    )
    assert known.execute(verdict, ["2026-11-20"]).fetchone() == ("arriving", said)
    expect(known, WEEKS[4], "2020-11-20")
    known.execute("update synced_period set snapshot_at = '2020-11-20 23:59Z' where period_start = %s", [WEEKS[4]])
    assert answer(known, WEEKS[4])[:2] == ("arriving", False)
    check(known, WEEKS[4], 0, fingerprint="other")  # a look that found other rows is none
    assert answer(known, WEEKS[4])[0] == "arriving"
    known.execute("update source_period set fingerprint = 'aaa'")
    assert answer(known, WEEKS[4])[:2] == ("complete", True)


def test_without_history_nobody_can_say(connection: Connection) -> None:
    said = "Too few other periods are known to say whether it is complete; its rows equal the source's."
    publish(connection, WEEKS[0], asins(100))
    judge(connection, WEEKS[0])
    assert (counted(connection, WEEKS[0]), answer(connection, WEEKS[0])) == ((None, None), ("unknown", False, said))
    publish(connection, WEEKS[1], asins(3))
    judge(connection, *WEEKS[:2])
    assert [answer(connection, week) for week in WEEKS[:2]] == [("unknown", False, said)] * 2


def test_the_first_weeks_of_a_backfill_are_compared_with_later_ones(connection: Connection) -> None:
    for week, count in zip(WEEKS[:4], (100, 50, 100, 100), strict=True):
        publish(connection, week, asins(count))
    judge(connection, *WEEKS[:4])
    assert counted(connection, WEEKS[0]) == (83, 83)  # the 50 that one of three lacks count two thirds
    assert counted(connection, WEEKS[1]) == (50, 100)


def test_new_asins_never_count_against_a_week_and_retired_ones_for_two(known: Connection) -> None:
    found = []
    for week in WEEKS[4:8]:
        publish(known, week, asins(80, first=20) + asins(40, first=500))  # 20 of 100 are retired, 40 are new
        judge(known, week)
        found.append(counted(known, week))
    assert found == [(80, 100), (80, 95), (80, 80), (110, 110)]


def test_a_feed_that_lost_half_its_catalogue_for_good_is_late_twice(known: Connection) -> None:
    verdicts = []
    for week in WEEKS[4:8]:
        publish(known, week, asins(50))
        judge(known, week)
        expect(known, week, LONG_AGO)
        verdicts.append(answer(known, week)[0])
    assert verdicts == ["late", "late", "complete", "complete"]


def test_an_incomplete_week_among_four_does_not_lower_what_is_expected(known: Connection) -> None:
    publish(known, WEEKS[3], asins(30))
    publish(known, WEEKS[4], asins(60))
    judge(known, WEEKS[4])
    found, expected = counted(known, WEEKS[4])
    assert (found, expected) == (60, 83)  # the 70 that one of four lacks count three quarters


def test_a_week_is_given_its_usual_days_and_two_for_the_checks(connection: Connection) -> None:
    for week, day in zip(WEEKS[:5], (4, 7, 5, 9, 5), strict=True):
        publish(connection, week, asins(100))
        arrive(connection, week, 4, 100 if day == 4 else 40)
        if day > 4:
            arrive(connection, week, day, 96)
    publish(connection, WEEKS[5], asins(100))
    judge(connection, WEEKS[5])
    row = connection.execute("select expected_by::text from synced_period where period_start = %s", [WEEKS[5]])
    assert row.fetchone() == ("2026-11-23",)  # it ended on 2026-11-14; the second slowest of five took 7 days


def test_what_was_first_published_long_after_its_end_says_nothing_of_usual_days(known: Connection) -> None:
    for week in WEEKS[:4]:
        arrive(known, week, 40, 100)
    row = known.execute("select usual_days('weekly', %s), expected_by('weekly', %s)::text", [WEEKS[4], WEEKS[4]])
    assert row.fetchone() == (4, "2026-11-13")  # the publication delay


def test_a_week_that_had_enough_when_somebody_looked_first_says_nothing_of_usual_days(known: Connection) -> None:
    for week in WEEKS[:4]:
        arrive(known, week, 8, 100)  # four days of delay and four more
    days = "select usual_days('weekly', %s)"
    assert known.execute(days, [WEEKS[4]]).fetchone() == (4,)
    known.execute("update period_version set snapshot_at = snapshot_at - interval '1 day'")
    assert known.execute(days, [WEEKS[4]]).fetchone() == (7,)


def test_a_missing_week_is_not_there_yet_as_long_as_that_is_usual(connection: Connection) -> None:
    connection.execute(
        "insert into synced_period (sync_type, period_start, period_end, state)"
        " select 'weekly', first, first + 6, 'adopted'"
        " from (select first_day_of('week', current_date) - 14) as week (first)"
    )
    (today,) = connection.execute("select current_date - first_day_of('week', current_date) + 1").fetchone() or (0,)
    connection.execute("update period_type set quiet_checks = %s where sync_type = 'weekly'", [today - 4])
    (last,) = connection.execute("select (first_day_of('week', current_date) - 7)::text").fetchone() or ("",)
    verdict, trusted, why = answer(connection, last)
    assert (verdict, trusted) == ("not yet", False)
    assert why.startswith("Not there yet, as expected: such a week is usually complete by ")
    connection.execute("update period_type set quiet_checks = %s where sync_type = 'weekly'", [today - 5])
    verdict, trusted, why = answer(connection, last)
    assert (verdict, trusted) == ("late", False)
    assert why.startswith("Nothing is published; such a week is usually complete by ")


def test_a_month_can_be_trusted_when_all_its_weeks_can(known: Connection) -> None:
    known.execute(
        "insert into synced_period (sync_type, period_start, period_end, state, fingerprint)"
        " values ('monthly', '2026-10-01', '2026-10-31', 'derived', 'the sum of its weeks')"
    )
    for week in WEEKS[:4]:
        expect(known, week, LONG_AGO)
    assert answer(known, "2026-10-01", "monthly") == (None, True, "Summed from its 4 weeks, which all can be trusted.")
    known.execute("update synced_period set asins_found = 10 where period_start = '2026-10-25'")
    said = "Summed from its 4 weeks, of which 3 can be trusted."
    assert answer(known, "2026-10-01", "monthly") == (None, False, said)
    known.execute("delete from synced_period where sync_type = 'weekly' and period_start >= '2026-10-18'")
    assert answer(known, "2026-10-01", "monthly") == (None, False, "Summed from 2 of 4 weeks.")
    weeks = "select weeks_published, weeks_total from period_status where sync_type = 'monthly' and period_start = %s"
    assert known.execute(weeks, ["2026-10-01"]).fetchone() == (2, 4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update synced_period set fingerprint = null", "Somebody else wrote to it after it was published."),
        ("update source_period set fingerprint = 'b'", "Published, but the source has other rows by now."),
        (
            "update source_period set fingerprint = null, row_count = 0",
            "Published, but the source has no rows for it any more.",
        ),
        ("update synced_period set state = 'deleted'", "It was deleted on purpose."),
    ],
)
def test_a_complete_week_that_is_not_synced_any_more_is_not_trusted(known: Connection, change: str, said: str) -> None:
    check(known, WEEKS[3], 2)
    assert answer(known, WEEKS[3])[:2] == ("complete", True)
    known.execute(change.encode())
    assert answer(known, WEEKS[3])[1:] == (False, said)


def test_a_week_that_another_run_works_on_is_left_to_that_run(known: Connection) -> None:
    known.execute(
        "insert into sync_log (sync_type, sync_status, source_table, target_table, period_start, period_end)"
        " values ('weekly', 'started', 's', 't', '2026-10-25', '2026-10-31')"
    )
    version = "select xmin::text, asins_found from synced_period where period_start = '2026-10-25'"
    before = known.execute(version).fetchone()
    for week in WEEKS[:3]:
        publish(known, week, asins(120))
    judge(known, *WEEKS[:4])
    assert known.execute(version).fetchone() == before


def test_a_run_ends_also_while_somebody_holds_the_ledger_and_the_next_check_judges(
    committing: Connection, other: Connection
) -> None:
    for week in WEEKS[:4]:
        publish(committing, week, asins(100))
    with other.transaction():
        other.execute("lock table synced_period in share row exclusive mode")
        judge(committing, *WEEKS[:4])
    assert counted(committing, WEEKS[0]) == (None, None)
    judge(committing, *WEEKS[:4])
    assert counted(committing, WEEKS[0]) == (100, 100)


def test_a_row_whose_numbers_are_right_is_not_written(known: Connection) -> None:
    version = "select period_start, xmin::text, ctid::text from synced_period order by 1"
    before = known.execute(version).fetchall()
    judge(known, *WEEKS[:4])
    assert known.execute(version).fetchall() == before


def test_judged_with_a_week_are_the_four_after_it_and_the_oldest_two(connection: Connection) -> None:
    for week in WEEKS:
        publish(connection, week, asins(10))
    row = connection.execute("select array_agg(d::text order by d) from judged_with('weekly', '2026-10-18') as d")
    assert row.fetchone() == ([WEEKS[0], WEEKS[1], WEEKS[2], *WEEKS[3:7]],)
