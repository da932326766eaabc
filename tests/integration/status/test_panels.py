"""Each panel on a real Postgres: it shows what is there, and says what is missing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from sqp_provider.core.contract import REJECT_REASONS
from sqp_provider.core.period import Period, SyncType
from tests.integration.status.airflow_runs import let_airflow_have
from tests.integration.status.conftest import PAGE, said
from tests.integration.status.log_rows import add_sync
from tests.integration.status.several import make_fresh

FAILURE = {
    "sync_status": "failed",
    "error_message": "weekly 2026-11-08..2026-11-14: 1 of 9 checks failed. Clear 'load'.",
    "error_details": {"stage": "validate", "type": "ChecksFailed", "log_url": "http://airflow/log"},
}


def newest_due_week() -> Period:
    """The week that the headline is about, with the delay of four days."""
    return Period.latest_due(SyncType.WEEKLY, datetime.now(UTC), timedelta(days=4))


def publish(connection: psycopg.Connection[Any], period: Period, **other: Any) -> int:
    """A completed run that published the period."""
    sync = add_sync(connection, period_start=period.first_day, period_end=period.last_day, **other)
    connection.execute(
        "insert into synced_period (sync_type, period_start, period_end, state, fingerprint, snapshot_at, row_count,"
        " sync_log_id, attempt, published_at, asins, asins_expected, asins_found, expected_by)"
        " values (%s, %s, %s, 'synced', 'f', '2026-11-18', 19001, %s, 1, '2026-11-18 07:02:00+01',"
        " array['B000000001'], 360, 360, '2020-11-19')",
        [period.sync_type.value, period.first_day, period.last_day, sync],
    )
    return sync


def test_empty_tables_say_what_to_do(viewer: TestClient) -> None:
    page = viewer.get(f"{PAGE}/").text
    assert page.count("is missing.") == 6  # a card says so, and the list of what needs a person
    assert "No period is known yet. Trigger <code>sqp_weekly_sync</code>" in page
    assert "No sync yet. Unpause or trigger <code>sqp_quarterly_sync</code>" in page
    assert page.count("Check that sqp_weekly_sync is unpaused, or trigger it for this week.") == 2
    assert "stale" not in page.split('id="failures"')[1].split("</section>")[0]  # the list says it once
    assert "No sync has run yet." in viewer.get(f"{PAGE}/history").text
    assert [row["is_stale"] for row in viewer.get(f"{PAGE}/api/freshness").json()] == [True, True, True]
    assert viewer.get(f"{PAGE}/api/periods").json() == []
    assert viewer.get(f"{PAGE}/api/history").json() == {"rows": [], "next_before": None}


def test_a_published_week_can_be_trusted(viewer: TestClient, connection: psycopg.Connection[Any]) -> None:
    week = newest_due_week()
    sync = publish(connection, week)
    (weekly, monthly, _) = viewer.get(f"{PAGE}/api/headlines").json()
    assert (weekly["verdict"], weekly["sync_log_id"], weekly["todo"]) == ("yes", sync, None)
    assert weekly["reason"] == (
        "Equal to the source, with 360 of about 360 ASINs; its usual day, Thursday, 2020-11-19, is over. "
        "19,001 rows, published 2026-11-18 06:02 UTC."
    )
    assert monthly["verdict"] == "no"
    page = viewer.get(f"{PAGE}/").text
    assert f"The week {week.first_day} to {week.last_day} can be trusted." in said(page)
    assert f'aria-label="week {week.first_day} to {week.last_day}: synced, 19,001 rows' in page


def test_a_failed_week_leads_to_its_error(viewer: TestClient, connection: psycopg.Connection[Any]) -> None:
    week = newest_due_week()
    sync = add_sync(connection, period_start=week.first_day, period_end=week.last_day, **FAILURE)
    weekly = viewer.get(f"{PAGE}/api/headlines").json()[0]
    assert (weekly["verdict"], weekly["sync_log_id"]) == ("no", sync)
    assert weekly["reason"] == "Nothing is published."
    (failure,) = viewer.get(f"{PAGE}/api/failures").json()
    assert (failure["stage"], failure["error_type"]) == ("validate", "ChecksFailed")
    assert f'class="cell failed" href="/sqp-sync/period/weekly/{week.first_day}"' in viewer.get(f"{PAGE}/").text
    assert f'href="/sqp-sync/sync/{sync}"' in viewer.get(f"{PAGE}/period/weekly/{week.first_day}").text


def test_a_failure_that_a_later_run_made_good_leaves_the_page(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    week, before = newest_due_week().with_previous(2)

    def run(period: Period, minute: int, **other: Any) -> int:
        at = datetime(2026, 11, 19, 6, minute, tzinfo=UTC)
        moments = {"started_at": at, "completed_at": at + timedelta(seconds=9)}
        return add_sync(connection, period_start=period.first_day, period_end=period.last_day, **moments | other)

    def failures() -> list[int]:
        return [row["sync_log_id"] for row in viewer.get(f"{PAGE}/api/failures").json()]

    first, other = run(week, 1, **FAILURE), run(before, 2, **FAILURE)
    run(week, 3, sync_metadata={"options": {"dry_run": True}})
    run(week, 4, sync_metadata={"outcome": "skipped"})
    run(week, 5, **FAILURE | {"error_details": {"type": "InvalidPeriod"}})
    run(week, 6, **FAILURE | {"sync_metadata": {"outcome": "attached"}, "sync_type": "monthly"})
    assert failures() == [other, first]
    run(week, 7)
    assert failures() == [other]
    again = run(week, 8, **FAILURE)
    assert failures() == [again, other]


def test_freshness_and_last_status_are_those_of_the_functions(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    connection.execute(
        "insert into weekly_summary (period_start, period_end, query, asin)"
        " values (current_date - 27, current_date - 21, 'q', 'B00TEST001')"
    )
    add_sync(connection, sync_metadata={"outcome": "attached"}, run_id="manual__7")
    (weekly, *_) = viewer.get(f"{PAGE}/api/freshness").json()
    assert (weekly["table_name"], weekly["days_old"], weekly["is_stale"]) == ("weekly_summary", 21, True)
    assert (weekly["days_allowed"], weekly["last_status"], weekly["last_error"]) == (14, "completed", None)
    (latest, *_) = viewer.get(f"{PAGE}/api/latest").json()
    assert (latest["last_sync_status"], latest["records_processed"]) == ("completed", 19001)
    assert (latest["outcome"], latest["next_sync_due"]) == ("attached", "2026-11-19T06:00:12.500000Z")
    page = viewer.get(f"{PAGE}/").text
    assert 'href="/dags/sqp_weekly_sync/runs/manual__7"' in page
    assert '<span class="badge stale">stale</span> Check above whether' in page


def test_freshness_says_how_old_a_table_may_be_and_why_its_last_sync_failed(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    sync = add_sync(connection, **FAILURE)
    weekly, monthly, _ = viewer.get(f"{PAGE}/api/freshness").json()
    assert (weekly["last_sync_log_id"], weekly["last_status"]) == (sync, "failed")
    assert weekly["last_error"] == FAILURE["error_message"]
    assert (monthly["days_allowed"], monthly["last_error"]) == (45, None)
    panel = viewer.get(f"{PAGE}/").text.split('id="freshness"')[1].split("</section>")[0]
    assert '<td data-label="allowed" class="number">14</td>' in panel
    assert f'href="/sqp-sync/sync/{sync}">sync {sync}</a>:' in panel
    assert f"sync {sync}: weekly 2026-11-08..2026-11-14: 1 of 9 checks" in said(panel)


def test_the_calendar_has_gaps_and_is_cut_to_what_was_asked(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    newest = newest_due_week()
    weeks = newest.with_previous(4)
    publish(connection, weeks[0])
    publish(connection, weeks[3])
    found = {row["period_start"]: row["status"] for row in viewer.get(f"{PAGE}/api/periods?type=weekly").json()}
    assert [found[str(week.first_day)] for week in weeks] == ["synced", "missing", "missing", "synced"]
    assert len(viewer.get(f"{PAGE}/api/periods?type=weekly&periods=2").json()) <= 3
    assert viewer.get(f"{PAGE}/api/periods?type=monthly").json() == []


def test_history_is_filtered(viewer: TestClient, connection: psycopg.Connection[Any]) -> None:
    week = add_sync(connection, run_id="manual__week")
    failed = add_sync(connection, run_id="manual__failed", period_start=date(2026, 10, 4), **FAILURE)
    month = add_sync(connection, sync_type="monthly", dag_id="sqp_monthly_sync", period_start=date(2026, 10, 1))

    def ids(query: str) -> list[int]:
        answer = viewer.get(f"{PAGE}/api/history?{query}")
        assert answer.status_code == 200, answer.text
        return [row["sync_log_id"] for row in answer.json()["rows"]]

    assert ids("") == [month, failed, week]
    assert ids("type=&status=&dag_id=&period_from=&period_to=&text=") == [month, failed, week]
    assert ids("type=monthly") == [month]
    assert ids("status=failed") == [failed]
    assert ids("dag_id=sqp_weekly_sync") == [failed, week]
    assert ids("period_from=2026-10-02&period_to=2026-11-07") == [failed]
    assert ids("text=CHECKS%20failed") == [failed]
    assert ids("text=%25") == []
    page = viewer.get(f"{PAGE}/history?status=failed").text
    assert "<option selected>failed</option>" in page
    assert f'aria-label="sync {failed}, weekly 2026-10-04: 12.5 s"' in page
    assert "No sync matches the filter." in viewer.get(f"{PAGE}/history?text=nowhere").text


def test_a_page_of_the_history_has_25_syncs_and_as_json_50(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    newest = [add_sync(connection) for _ in range(60)][-1]
    page = viewer.get(f"{PAGE}/history").text
    assert page.count('<th scope="row">') == 25
    assert f'rel="next" href="/sqp-sync/history?before={newest - 24}"' in page
    assert len(viewer.get(f"{PAGE}/api/history").json()["rows"]) == 50


def test_nothing_needs_a_person_once_all_newest_periods_are_published(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    make_fresh(connection)
    panel = viewer.get(f"{PAGE}/").text.split('id="failures"')[1].split("</section>")[0]
    assert "Nothing. No sync failed, nothing is missing or late, and no table is stale." in panel
    assert "badge" not in panel


def test_a_failed_week_that_was_complete_is_not_shown_as_complete_only(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    make_fresh(connection)
    week = newest_due_week()
    add_sync(
        connection,
        period_start=week.first_day,
        period_end=week.last_day,
        started_at="now",
        completed_at="now",
        **FAILURE,
    )
    panel = viewer.get(f"{PAGE}/").text.split('id="complete"')[1].split("</section>")[0]
    (row,) = (row for row in panel.split("<tr>") if str(week.first_day) in row)
    assert '<span class="badge failed">failed</span>' in row


def test_a_running_sync_does_not_say_that_it_ended_without_checks_or_rejects(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    running = add_sync(connection, sync_status="started", completed_at=None)
    page = viewer.get(f"{PAGE}/sync/{running}").text
    assert "No checks yet: the stage validate makes them." in page
    assert "No rejects yet: the stage load lists them." in page
    connection.execute("update sync_log set sync_status = 'completed', completed_at = now()")
    page = viewer.get(f"{PAGE}/sync/{running}").text
    assert "No checks: the sync ended before validate, or the source was unchanged." in page
    assert "No source row was rejected." in page


def test_a_sync_shows_where_every_landed_row_went(viewer: TestClient, connection: psycopg.Connection[Any]) -> None:
    rows = {"landed": 20_015, "published": 19_001, "rejected": 13, "superseded": 1_000, "merged": 1}
    sync = add_sync(connection, sync_metadata={"outcome": "attached", "rows": rows})
    said = "20,015 rows landed = 19,001 published + 13 rejected + 1,000 superseded copies + 1 merged"
    assert viewer.get(f"{PAGE}/api/sync/{sync}").json()["balance"] == said
    assert said in viewer.get(f"{PAGE}/sync/{sync}").text
    failed = add_sync(connection, run_id="manual__e", **FAILURE)
    assert viewer.get(f"{PAGE}/api/sync/{failed}").json()["balance"] is None
    assert "rows landed" not in viewer.get(f"{PAGE}/sync/{failed}").text


def test_a_sync_shows_stages_attempts_checks_and_rejects(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    earlier = {"attempt": 1, "started_at": "2026-11-18T05:00:00+00:00", "completed_at": None, "status": "failed"}
    metadata = {
        "attempts": [earlier | {"outcome": None, "error_message": "connection lost"}],
        "snapshot": {
            "snapshot_at": "2026-11-18T06:00:02Z",
            "source_rows": 19014,
            "reject_count": 13,
            "bytes_processed": 1_234_567_890,
        },
    }
    sync = add_sync(connection, attempt=2, run_id="manual__d", records_failed=13, sync_metadata=metadata, **FAILURE)
    connection.execute(
        "insert into data_quality_checks (sync_log_id, attempt, check_type, check_status, source_value, target_value,"
        " difference, difference_pct, column_name, check_query, check_message) values"
        " (%(id)s, 2, 'row_count', 'passed', 19001, 19001, 0, 0, null, 'select 1', 'as many'),"
        " (%(id)s, 2, 'sum_validation', 'failed', 81204, 81190, -14, -0.02, 'total_clicks', 'select 2', 'differs')",
        {"id": sync},
    )
    connection.execute(
        "insert into sync_rejects (sync_log_id, attempt, reason, raw)"
        """ select %s, 2, 'invalid_asin', '{"asin": "no", "search_query": "anker"}' from generate_series(1, 13)""",
        [sync],
    )
    detail = viewer.get(f"{PAGE}/api/sync/{sync}").json()
    assert [(stage["name"], stage["state"]) for stage in detail["stages"]] == [
        ("log_start", "done"),
        ("extract", "done"),
        ("load", "done"),
        ("validate", "failed"),
        ("publish", "not reached"),
        ("log_finish", "done"),
    ]
    assert [(row["attempt"], row["status"]) for row in detail["attempts"]] == [(1, "failed"), (2, "failed")]
    assert [row["difference"] for row in detail["checks"] if row["check_type"] == "sum_validation"] == ["-14"]
    assert detail["checks"][0]["check_status"] == "failed"
    (rejects,) = detail["rejects"]
    assert (rejects["reason"], rejects["rows"], len(rejects["examples"])) == ("invalid_asin", 13, 3)
    page = viewer.get(f"{PAGE}/run/sqp_weekly_sync/manual__d").text
    for text in (
        "81,204",
        "81,190",
        "-14",
        "connection lost",
        "Error in validate: ChecksFailed",
        "19,014 rows landed, 13 rejected, 1.1 GiB read",
    ):
        assert text in page
    assert viewer.get(f"{PAGE}/api/run/sqp_weekly_sync/manual__d").json() == detail


def test_each_reject_reason_is_shown_with_its_explanation(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    sync = add_sync(connection, records_failed=len(REJECT_REASONS))
    for reason in REJECT_REASONS:
        connection.execute(
            "insert into sync_rejects (sync_log_id, attempt, reason, raw) values (%s, 1, %s, '{}')", [sync, reason]
        )
    rejects = viewer.get(f"{PAGE}/api/sync/{sync}").json()["rejects"]
    assert {row["reason"]: row["explanation"] for row in rejects} == REJECT_REASONS
    page = viewer.get(f"{PAGE}/sync/{sync}").text
    for reason, explanation in REJECT_REASONS.items():
        assert f'<th scope="row">{reason}</th><td class="message">{explanation}</td>' in page


def test_a_reject_reason_of_another_version_is_shown_without_an_explanation(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    sync = add_sync(connection, records_failed=1)
    connection.execute(
        "insert into sync_rejects (sync_log_id, attempt, reason, raw) values (%s, 1, 'too_old', '{}')", [sync]
    )
    (rejects,) = viewer.get(f"{PAGE}/api/sync/{sync}").json()["rejects"]
    assert (rejects["reason"], rejects["explanation"]) == ("too_old", None)
    page = viewer.get(f"{PAGE}/sync/{sync}").text
    assert '<th scope="row">too_old</th><td class="message"></td>' in page


def test_the_run_id_of_a_backfill_finds_its_sync(viewer: TestClient, connection: psycopg.Connection[Any]) -> None:
    add_sync(connection, run_id="scheduled__2026-11-08T00:00:00+00:00/x y")
    let_airflow_have("sqp_weekly_sync", "scheduled__2026-11-08T00:00:00+00:00/x y")
    page = viewer.get(f"{PAGE}/run/sqp_weekly_sync/scheduled__2026-11-08T00%3A00%3A00%2B00%3A00%2Fx%20y")
    assert page.status_code == 200
    assert 'href="/dags/sqp_weekly_sync/runs/scheduled__2026-11-08T00%3A00%3A00%2B00%3A00%2Fx%20y"' in page.text


def test_a_run_that_was_deleted_in_airflow_is_said_so(
    viewer: TestClient, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = add_sync(connection, run_id="manual__deleted")
    page = viewer.get(f"{PAGE}/sync/{sync}").text
    assert "The Dag run was deleted in Airflow" in page
    assert "Open the run in Airflow" not in page
    assert viewer.get(f"{PAGE}/api/sync/{sync}").json()["is_deleted_in_airflow"] is True
    monkeypatch.setattr("sqp_provider.status.runs.create_session", no_metadata)  # stands in for one that is down
    assert viewer.get(f"{PAGE}/api/sync/{sync}").json()["is_deleted_in_airflow"] is None
    assert "Open the run in Airflow" in viewer.get(f"{PAGE}/sync/{sync}").text


def no_metadata() -> None:
    raise OperationalError("select", {}, Exception("down"))


def test_stages_have_the_times_of_their_tasks_and_their_rows(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    snapshot = {"snapshot_at": "2026-11-18T06:00:02Z", "source_rows": 19_014}
    rows = {"landed": 19_014, "published": 19_001, "rejected": 13, "superseded": 0, "merged": 0}
    metadata = {"snapshot": snapshot, "rows": rows, "outcome": "difference", "deleted": 2}
    sync = add_sync(connection, run_id="manual__t", sync_metadata=metadata, records_inserted=3, records_updated=41)
    let_airflow_have("sqp_weekly_sync", "manual__t", {"extract": 4.5, "load": 61.25})
    detail = viewer.get(f"{PAGE}/api/sync/{sync}").json()
    assert detail["is_deleted_in_airflow"] is False
    found = {stage["name"]: (stage["seconds"], stage["rows"]) for stage in detail["stages"]}
    assert found == {
        "log_start": (None, None),
        "extract": (4.5, 19_014),
        "load": (61.25, 19_001),
        "validate": (None, None),
        "publish": (None, 46),
        "log_finish": (None, None),
    }
    stages = viewer.get(f"{PAGE}/sync/{sync}").text.split('id="stages"')[1].split("</section>")[0]
    assert '<td data-label="took" class="number">61.2 s</td><td data-label="rows" class="number">19,001</td>' in stages


def test_checks_that_passed_are_folded_below_those_that_did_not(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    sync = add_sync(connection)
    connection.execute(
        "insert into data_quality_checks (sync_log_id, attempt, check_type, check_status) values"
        " (%(id)s, 1, 'row_count', 'passed'), (%(id)s, 1, 'market_totals', 'warning'), (%(id)s, 1, 'keys', 'passed')",
        {"id": sync},
    )
    checks = viewer.get(f"{PAGE}/sync/{sync}").text.split('id="checks"')[1].split("</section>")[0]
    open_part, folded = checks.split('<details id="passed">')
    assert "market_totals" in open_part
    assert "row_count" not in open_part
    assert "2 checks passed" in folded
    assert "row_count" in folded
