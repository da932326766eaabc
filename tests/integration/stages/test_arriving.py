"""Weeks that arrive ASIN by ASIN: published with a verdict, held, or left until they are there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sqp_provider.core.errors import SourceEmpty
from sqp_provider.core.period import SyncType
from tests.fixtures import settings_for
from tests.landing import WEEK, Landing, report_row
from tests.others import with_target
from tests.restatements import check
from tests.stages import Run, Stages
from tests.webhook import Webhook

BEFORE = [WEEK - timedelta(weeks=number) for number in (4, 3, 2, 1)]
SOON, PAST = date(2026, 11, 17), date(2026, 11, 30)
"""Days before and after 2026-11-20, when the week is expected: four days after its end, and two for the checks."""


def rows(week: date, asins: int, queries: int = 1) -> list[dict[str, Any]]:
    return [
        report_row(f"query {query}", asin=f"B{number:09d}", week=week)
        for number in range(asins)
        for query in range(queries)
    ]


@pytest.fixture
def known(landing: Landing, stages: Stages) -> Stages:
    """Four weeks of 25 ASINs are published."""
    for week in BEFORE:
        landing.land(*rows(week, 25))
        assert stages.sync(week).errors == {}
    stages.today = SOON
    return stages


def holding(stages: Stages, landing: Landing, dataset: str) -> Stages:
    held = Stages(settings_for(landing.table, dataset, completeness={"hold": True}), stages.dsn)
    held.runs, held.today = 100, SOON
    return held


def stands(stages: Stages, week: date = WEEK) -> dict[str, Any]:
    (row,) = stages.query(
        "select status, verdict, coverage::text, asins_found, asins_expected, trusted from period_status"
        " where sync_type = 'weekly' and period_start = %s",
        week,
    )
    return row


def expect(stages: Stages, day: str) -> None:
    """Move the day by which the week is expected: today is another day whenever the test runs."""
    stages.query("update synced_period set expected_by = %s where period_start = '2026-11-08'", day)


def test_a_first_landing_of_44_of_1000_rows_is_published_as_arriving(landing: Landing, stages: Stages) -> None:
    eight = [WEEK - timedelta(weeks=number) for number in range(8, 0, -1)]
    for week in eight:
        landing.land(*rows(week, 25, queries=40))
        assert stages.sync(week).errors == {}
    landing.land(*rows(WEEK, 25, queries=40)[:44])
    run = stages.sync(WEEK)
    assert (run.colour, stages.log(run)["sync_metadata"]["outcome"]) == ("success", "attached")
    expect(stages, "2126-11-20")
    assert stands(stages) == {
        "status": "synced",
        "verdict": "arriving",
        "coverage": "0.080",
        "asins_found": 2,
        "asins_expected": 25,
        "trusted": False,
    }


def test_what_arrives_later_makes_the_week_complete_after_two_quiet_checks(landing: Landing, known: Stages) -> None:
    landing.land(*rows(WEEK, 3))
    known.sync(WEEK)
    assert len(check(known)) == 0
    landing.land(*rows(WEEK, 25)[3:])
    assert len(check(known)) == 1
    known.sync(WEEK)
    expect(known, "2126-11-20")
    quiet = "select quiet_checks from source_period where period_start = '2026-11-08'"
    assert (stands(known)["asins_found"], known.query(quiet)) == (25, [{"quiet_checks": 0}])
    for days, number in ((0, 0), (1, 1), (0, 1), (1, 2)):  # two checks on one day count as one
        known.query("update source_period set seen_at = seen_at - make_interval(days => %s)", days)
        check(known)
        assert known.query(quiet) == [{"quiet_checks": number}]
    expect(known, "2126-11-20")
    assert stands(known) == {
        "status": "synced",
        "verdict": "complete",
        "coverage": "1.000",
        "asins_found": 25,
        "asins_expected": 25,
        "trusted": True,
    }


def quiet_checks(stages: Stages) -> Any:
    (row,) = stages.query("select quiet_checks from source_period where period_start = '2026-11-08'")
    return row["quiet_checks"]


def test_the_first_check_after_a_publish_counts_if_it_finds_what_was_published(landing: Landing, known: Stages) -> None:
    landing.land(*rows(WEEK, 25))
    known.sync(WEEK)
    for _ in range(2):  # two checks on one day count as one
        check(known)
        assert quiet_checks(known) == 1
    expect(known, "2126-11-20")
    known.query("update source_period set seen_at = seen_at - interval '1 day'")
    check(known)
    assert (quiet_checks(known), stands(known)["verdict"]) == (2, "complete")


def test_the_first_check_counts_after_a_publish_of_rows_that_no_check_saw(landing: Landing, known: Stages) -> None:
    landing.land(*rows(WEEK, 3))
    check(known)
    landing.land(*rows(WEEK, 25)[3:])
    known.sync(WEEK)
    check(known)
    assert quiet_checks(known) == 1


def test_a_check_that_finds_other_rows_than_were_published_does_not_count(landing: Landing, known: Stages) -> None:
    landing.land(*rows(WEEK, 3))
    known.sync(WEEK)
    landing.land(*rows(WEEK, 25)[3:])
    check(known)
    assert quiet_checks(known) == 0


def test_a_check_that_looked_before_the_snapshot_does_not_count(landing: Landing, known: Stages) -> None:
    """Rows may have come between the two that the snapshot has, and been taken back."""
    landing.land(*rows(WEEK, 25))
    known.sync(WEEK)
    known.query("update synced_period set snapshot_at = now() + interval '1 hour'")
    check(known)
    assert quiet_checks(known) == 0


def test_a_check_whose_clock_is_behind_counts_for_nothing(landing: Landing, known: Stages) -> None:
    landing.land(*rows(WEEK, 25))
    known.sync(WEEK)
    check(known)
    known.query("update source_period set seen_at = now() + interval '3 days', quiet_checks = 1")
    check(known)
    assert known.query("select quiet_checks from source_period where period_start = '2026-11-08'") == [
        {"quiet_checks": 1}
    ]


def test_an_empty_source_before_the_usual_day_is_neither_red_nor_alerted(
    webhook: Webhook, landing: Landing, known: Stages
) -> None:
    known.settings = known.settings.model_copy(
        update={"alerts": known.settings.alerts.model_copy(update={"conn_id": "sqp_alerts"})}
    )
    run = known.sync(WEEK)
    assert (run.colour, run.errors, run.states["extract"], run.states["publish"]) == (
        "success",
        {},
        "skipped",
        "skipped",
    )
    log = known.log(run)
    reason = "not there yet, as expected: such a week is usually complete by 2026-11-20"
    assert (log["sync_status"], log["sync_metadata"]["outcome"], log["sync_metadata"]["reason"]) == (
        "completed",
        "skipped",
        reason,
    )
    assert webhook.messages == []
    assert known.query("select count(*) as runs from counted_run where period_start = '2026-11-08'") == [{"runs": 0}]
    landing.land(*rows(WEEK, 25))
    (triggered,) = check(known)
    assert triggered["conf"] == {"period_start": "2026-11-08"}
    assert known.sync(WEEK).errors == {}


def test_a_week_that_never_arrives_is_synced_once_after_its_day_and_fails(landing: Landing, known: Stages) -> None:
    assert known.sync(WEEK).colour == "success"  # skipped: it is too early
    on_its_day, after = (datetime(2026, 11, day, 6, tzinfo=UTC) for day in (20, 21))
    assert check(known, due=on_its_day) == []
    (triggered,) = check(known, due=after)
    assert triggered["conf"] == {"period_start": "2026-11-08"}
    (next_week,) = check(
        known, due=datetime(2026, 12, 1, 6, tzinfo=UTC), periods=2
    )  # this one is a gap of the source now
    assert next_week["conf"] == {"period_start": "2026-11-15"}
    known.today = PAST
    assert isinstance(known.sync(WEEK).errors["extract"].__cause__, SourceEmpty)
    assert check(known, due=after) == []
    landing.land(*rows(WEEK, 25))
    assert len(check(known, due=after)) == 1


@pytest.mark.parametrize("why", ["after its day", "force", "no history", "malformed", "published"])
def test_an_empty_source_fails_as_before(why: str, landing: Landing, known: Stages) -> None:
    options: dict[str, Any] = {}
    match why:
        case "after its day":
            known.today = PAST
        case "force":
            options = {"force": True}
        case "no history":
            known.query("delete from synced_period where period_start <> %s", BEFORE[-1])
        case "malformed":
            landing.land(report_row("q", asin="?"))
        case "published":
            landing.land(*rows(WEEK, 25))
            known.sync(WEEK)
            landing.replace(*rows(BEFORE[-1], 25))
    run = known.sync(WEEK, **options)
    assert isinstance(run.errors["extract"].__cause__, SourceEmpty)


def test_people_are_notified_once_of_a_week_that_is_not_complete_after_its_day(
    webhook: Webhook, landing: Landing, known: Stages
) -> None:
    known.settings = known.settings.model_copy(
        update={
            "alerts": known.settings.alerts.model_copy(update={"conn_id": "sqp_alerts"}),
            # so that the usual day is over on whatever day the test runs
            "completeness": known.settings.completeness.model_copy(update={"checks": -4000}),
        }
    )
    landing.land(*rows(WEEK, 20))
    known.sync(WEEK)
    check(known, dry_run=True)
    late = "SQP period is not complete: weekly 2026-11-08..2026-11-14"
    assert webhook.titles(late) == []
    check(known)
    known.sync(WEEK, force=True)
    check(known)
    assert webhook.titles(late) == [late]
    assert "Late: 20 of about 25 ASINs; usually complete by " in webhook.about(late)["message"]
    is_open = "select count(*) filter (where resolved_at is null) as open from sent_alert where cause = 'late'"
    assert known.query(is_open) == [{"open": 1}]
    landing.land(*rows(WEEK, 25)[20:])
    known.sync(WEEK)
    check(known)
    assert known.query(is_open) == [{"open": 0}]


def test_an_empty_week_that_a_person_allows_is_published_before_its_day(known: Stages) -> None:
    assert known.sync(WEEK, allow_empty=True).errors == {}
    assert stands(known)["status"] == "synced"


def test_an_arriving_week_is_held_until_its_asins_are_there(landing: Landing, known: Stages, dataset: str) -> None:
    held = holding(known, landing, dataset)
    landing.land(*rows(WEEK, 3))
    run = held.sync(WEEK)
    log = held.log(run)
    assert (run.colour, log["sync_status"], log["sync_metadata"]["outcome"]) == ("success", "completed", "held")
    assert log["sync_metadata"]["reason"] == (
        "held: 3 of about 25 ASINs have arrived, and completeness.hold is true; such a week is usually complete by "
        "2026-11-20"
    )
    assert held.query("select count(*) as rows from weekly_summary where period_start = '2026-11-08'") == [{"rows": 0}]
    staged = "select count(*) as tables from pg_tables where schemaname = 'sqp_staging'"
    assert held.query(staged) == [{"tables": 0}]
    assert len(check(held)) == 1  # the daily check tries again
    landing.land(*rows(WEEK, 25)[3:])
    assert held.log(held.sync(WEEK))["sync_metadata"]["outcome"] == "attached"


def test_a_week_that_has_its_asins_is_held_until_its_rows_are_there(
    landing: Landing, stages: Stages, dataset: str
) -> None:
    for week in BEFORE:
        landing.land(*rows(week, 5, queries=20))
        assert stages.sync(week).errors == {}
    held = holding(stages, landing, dataset)
    landing.land(*rows(WEEK, 5))
    log = held.log(held.sync(WEEK))
    assert log["sync_metadata"]["reason"].startswith("held: 5 of about 100 rows have arrived, and completeness.hold is")
    landing.land(*rows(WEEK, 5, queries=11))
    assert held.log(held.sync(WEEK))["sync_metadata"]["outcome"] == "attached"
    assert stands(held)["coverage"] == "1.000"


@pytest.mark.parametrize("way", ["after its day", "force", "published before"])
def test_a_held_week_is_published(way: str, landing: Landing, known: Stages, dataset: str) -> None:
    held = holding(known, landing, dataset)
    landing.land(*rows(WEEK, 3))
    if way == "after its day":
        held.today = PAST
    if way == "published before":
        known.sync(WEEK)
        landing.land(*rows(WEEK, 6)[3:])
    run = held.sync(WEEK, force=way == "force")
    assert held.log(run)["sync_metadata"]["outcome"] in ("attached", "difference", "swapped")


def test_a_later_week_of_which_an_earlier_one_arrived_is_judged_anew(landing: Landing, known: Stages) -> None:
    landing.land(*rows(WEEK, 25))
    known.sync(WEEK)
    landing.land(*(report_row("query 0", asin=f"B{number:09d}", week=BEFORE[-1]) for number in range(25, 35)))
    landing.land(*(report_row("query 0", asin=f"B{number:09d}", week=BEFORE[-2]) for number in range(25, 35)))
    landing.land(*(report_row("query 0", asin=f"B{number:09d}", week=BEFORE[-3]) for number in range(25, 35)))
    for week in BEFORE[1:]:
        known.sync(week)
    assert (stands(known)["asins_found"], stands(known)["asins_expected"]) == (25, 33)


def test_periods_that_were_published_before_asins_were_noted_are_filled_in(landing: Landing, known: Stages) -> None:
    known.query("update synced_period set asins = null, asins_expected = null, asins_found = null")
    landing.land(*rows(WEEK, 25))
    known.sync(WEEK)
    assert stands(known)["verdict"] == "unknown"
    why = "select why from period_status where sync_type = 'weekly' and period_start = %s"
    said = "Which ASINs it has is not noted yet; the daily check does that."
    assert known.query(why, BEFORE[0]) == [{"why": said}]
    check(known, due=datetime(2026, 11, 23, 6, tzinfo=UTC), periods=2)
    for week in [*BEFORE, WEEK]:  # those outside the window too
        assert (stands(known, week)["asins_found"], stands(known, week)["asins_expected"]) == (25, 25)


def test_a_week_whose_asins_are_not_noted_has_no_figures_of_the_rows_before(landing: Landing, known: Stages) -> None:
    landing.land(*rows(WEEK, 20))
    known.sync(WEEK)
    assert stands(known)["asins_found"] == 20
    landing.land(*rows(WEEK, 25)[20:])
    known.clear(known.new_run(WEEK), "log_start", marked={"validate": "success"})
    found = stands(known)
    assert (found["status"], found["verdict"], found["asins_found"]) == ("synced", "unknown", None)


def restate_to_15_asins_and_die(landing: Landing, stages: Stages) -> Run:
    """Publish a week of 25 ASINs of which ten are gone by now, and be killed before log_finish."""
    with_target(stages, max_delete_fraction=1.0)
    landing.land(*rows(WEEK, 25))
    stages.sync(WEEK)
    assert stands(stages)["asins_found"] == 25
    landing.replace(*(row for week in BEFORE for row in rows(week, 25)), *rows(WEEK, 15))
    dead = stages.new_run(WEEK)
    for task in ("log_start", "extract", "load", "validate", "publish"):
        assert stages.run_task(dead, task)
    return dead


def test_a_restated_week_has_no_figures_of_its_asins_before_until_it_is_judged(landing: Landing, known: Stages) -> None:
    dead = restate_to_15_asins_and_die(landing, known)
    assert (stands(known)["status"], stands(known)["asins_found"]) == ("running", None)
    known.query("update sync_log set sync_status = 'completed' where run_id = %s", dead.run_id)
    found = stands(known)
    assert (found["status"], found["verdict"], found["trusted"]) == ("synced", "unknown", False)
    why = "select why from period_status where sync_type = 'weekly' and period_start = %s"
    said = "Its ASINs are noted, but not compared with those of other periods yet; the daily check does that."
    assert known.query(why, WEEK) == [{"why": said}]
    check(known)
    assert (stands(known)["asins_found"], stands(known)["asins_expected"]) == (15, 25)


def test_a_week_whose_run_died_after_the_publish_is_judged_when_its_row_is_closed(
    landing: Landing, known: Stages
) -> None:
    dead = restate_to_15_asins_and_die(landing, known)
    known.query("update sync_log set started_at = now() - interval '1 hour' where run_id = %s", dead.run_id)
    assert known.run_task(known.new_run(BEFORE[0]), "log_start")  # which closes the row
    assert known.log(dead)["sync_status"] == "completed"
    found = stands(known)
    assert (found["status"], found["asins_found"], found["asins_expected"], found["trusted"]) == (
        "synced",
        15,
        25,
        False,
    )


def test_a_restated_week_of_the_same_asins_keeps_its_figures(landing: Landing, known: Stages) -> None:
    landing.land(*rows(WEEK, 25))
    known.sync(WEEK)
    landing.land(*rows(WEEK, 25, queries=2))
    run = known.new_run(WEEK)
    for task in ("log_start", "extract", "load", "validate", "publish"):
        assert known.run_task(run, task)
    assert (stands(known)["asins_found"], stands(known)["asins_expected"]) == (25, 25)


def test_the_month_says_how_many_of_its_weeks_are_published(landing: Landing, known: Stages) -> None:
    landing.land(*rows(WEEK, 25))
    known.sync(WEEK)
    (month,) = known.query(
        "select weeks_published, weeks_total, trusted, why from period_status"
        " where sync_type = %s and period_start = '2026-11-01'",
        SyncType.MONTHLY.value,
    )
    assert month == {"weeks_published": 2, "weeks_total": 5, "trusted": False, "why": "Summed from 2 of 5 weeks."}
