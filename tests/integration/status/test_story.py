"""The story of a period: how it was published, what moved, each changed row, and the figures of a query or an ASIN."""

from __future__ import annotations

import csv
import json
from datetime import date
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from fastapi.testclient import TestClient

from sqp_provider.core.period import Period, SyncType
from sqp_provider.status import story_pages
from tests.integration.status.conftest import PAGE, said
from tests.integration.status.log_rows import add_sync
from tests.integration.status.several import newest_due
from tests.integration.status.stories import (
    WEEK,
    add_change,
    add_row,
    add_version,
    publish,
    without_triggers,
)

Connection = psycopg.Connection[Any]
WEEKLY = "/period/weekly/2026-11-08"
AGAIN = (4, 2, 900, 100, 30, 12)


@pytest.fixture
def restated(connection: Connection) -> int:
    """The week 2026-11-08, whose second publish changed three rows; returns that version."""
    without_triggers(connection)
    publish(connection, asins=["B00TEST001", "B00TEST002"], asins_expected=4, asins_found=2, expected_by="2026-11-20")
    add_version(connection, WEEK)
    later = {"how": "difference", "inserted": 1, "updated": 1, "deleted": 1, "published_at": "2026-11-20 06:00:00+00"}
    version = add_version(connection, WEEK, AGAIN, **later)
    figures = {"total_impressions": 500, "total_purchases": 3}
    add_change(connection, WEEK, "anker", "B00TEST001", version=version, change="deleted", before=figures, after=None)
    add_change(connection, WEEK, "case", "B00TEST001", version=version, change="inserted", before=None, after=figures)
    add_change(
        connection,
        WEEK,
        "case",
        "B00TEST002",
        version=version,
        before={"total_impressions": 300},
        after={"total_impressions": 200, "market_clicks": 7},
    )
    return version


def test_a_period_says_whether_it_can_be_trusted_and_how_it_was_published(viewer: TestClient, restated: int) -> None:
    page = viewer.get(PAGE + WEEKLY).text
    assert "<title>Week 2026-11-08 to 2026-11-14 – SQP sync</title>" in page
    words = " ".join(said(page).split())
    assert "with care The week 2026-11-08 to 2026-11-14 is published, but lacks ASINs that it should have." in words
    assert "Late: 2 of about 4 ASINs;" in words
    assert "Check in Seller Central whether reports of ASINs are missing." in words
    assert "2 of about 4 (50 %)" in words
    assert "impressions 1,000 → 900 -10.0 %" in words
    assert "purchases 10 → 12 +20.0 %" in words
    assert "sqp prove weekly 2026-11-08 Copy" in words
    detail = viewer.get(f"{PAGE}/api{WEEKLY}").json()
    assert [(row["how"], row["is_first"], row["inserted"]) for row in detail["versions"]] == [
        ("difference", False, 1),
        ("attached", True, 3),
    ]
    assert (detail["version"], detail["versions"][0]["totals_before"]["total_impressions"]) == (restated, 1000)
    assert (detail["period"]["verdict"], detail["period"]["trusted"]) == ("late", False)


def test_the_queries_and_asins_that_moved_most_come_first(viewer: TestClient, restated: int) -> None:
    movers = viewer.get(f"{PAGE}/api{WEEKLY}?version={restated}").json()["movers"]
    found = [(row["query"] or row["asin"], row["impressions_before"], row["impressions_after"]) for row in movers]
    assert found == [("anker", 500, 0), ("case", 300, 700), ("B00TEST002", 300, 200), ("B00TEST001", 500, 500)]
    assert [(row["purchases_before"], row["purchases_after"]) for row in movers] == [(3, 0), (0, 3), (0, 0), (3, 3)]


def test_only_ten_of_each_are_shown_and_the_first_publish_has_no_movers(
    viewer: TestClient, connection: Connection
) -> None:
    without_triggers(connection)
    publish(connection)
    first = add_version(connection, WEEK)
    add_change(connection, WEEK, "x", "B00TEST001", version=first, change="inserted", before=None, after={})
    assert viewer.get(f"{PAGE}/api{WEEKLY}").json()["version"] is None
    version = add_version(connection, WEEK, AGAIN, updated=12)
    for number in range(12):
        after = {"total_impressions": number}
        asin = f"B00TEST0{number:02}"
        add_change(connection, WEEK, f"query {number:02}", asin, version=version, before={}, after=after)
    movers = viewer.get(f"{PAGE}/api{WEEKLY}").json()["movers"]
    assert [row["query"] for row in movers if row["query"]] == [f"query {number:02}" for number in range(11, 1, -1)]
    assert len(movers) == 20


def test_changed_rows_are_read_page_by_page_and_each_once(viewer: TestClient, connection: Connection) -> None:
    publish(connection)
    add_version(connection, WEEK)
    version = add_version(connection, WEEK, AGAIN, updated=45)
    for number in range(45):
        add_change(connection, WEEK, f"query {number}", "B00TEST001", version=version)
    add_change(connection, WEEK, "by hand", "B00TEST001", changed_by="analyst")
    found: list[str] = []
    address: str | None = f"{PAGE}{WEEKLY}?version={version}"
    while address:
        page = viewer.get(address).text
        rows = page.split('aria-label="Changed rows"')[1].split("</table>")[0]
        found += [row.split(">")[2].split("<")[0] for row in rows.split('<th scope="row"')[1:]]
        address = (
            page.split('rel="next" href="')[1].split("#")[0].replace("&amp;", "&") if 'rel="next"' in page else None
        )
    assert found == [f"query {number}" for number in range(45)]
    others = viewer.get(f"{PAGE}/api/changes?type=weekly&period_start=2026-11-08&by=others").json()
    assert [(row["query"], row["changed_by"]) for row in others["rows"]] == [("by hand", "analyst")]
    words = " ".join(said(viewer.get(f"{PAGE}{WEEKLY}?by=others").text).split())
    assert "analyst, which is no sync, changed 1 row" in words
    assert "What others changed" in words


def test_a_row_shows_its_figures_its_changes_and_the_command_that_proves_it(
    viewer: TestClient, connection: Connection, restated: int
) -> None:
    add_row(connection, WEEK, "it's a <b>case</b>", "B00TEST002", total_clicks=79, avg_ctr="0.0283")
    add_change(connection, WEEK, "it's a <b>case</b>", "B00TEST002", changed_by="analyst")
    asked = "query=it%27s a <b>case</b>&asin=B00TEST002"
    page = viewer.get(f"{PAGE}{WEEKLY}/row?{asked}").text
    assert "<b>case" not in page
    words = " ".join(said(page).split())
    assert "clicks 81 → 79" in words
    assert "avg ctr 0.0283 " in words
    assert "updated by analyst" in words
    command = """sqp prove weekly 2026-11-08 --query 'it'"'"'s a <b>case</b>' --asin B00TEST002"""
    assert command in words
    detail = viewer.get(f"{PAGE}/api{WEEKLY}/row?{asked}").json()
    assert (detail["command"], detail["figures"]["total_clicks"]) == (command, 79)
    gone = viewer.get(f"{PAGE}{WEEKLY}/row?query=anker&asin=B00TEST001").text
    assert "The row is not there any more." in gone
    assert f'<a href="/sqp-sync{WEEKLY}?version={restated}#story">' in gone
    assert "with care The week 2026-11-08 to 2026-11-14 is published, but lacks ASINs" in " ".join(said(gone).split())
    assert viewer.get(f"{PAGE}{WEEKLY}/row?query=never&asin=B00TEST001").status_code == 404


def test_changes_as_csv_run_no_formula_and_leave_out_the_bookkeeping(
    viewer: TestClient, connection: Connection
) -> None:
    publish(connection)
    add_version(connection, WEEK)
    version = add_version(connection, WEEK, AGAIN, updated=1)
    add_change(connection, WEEK, "=cmd|' /C calc'!A0", "B00TEST001", version=version)
    prices = {"before": {"currency": "USD"}, "after": {"click_price": 12.5, "currency": "@SUM(A1)"}}
    add_change(connection, WEEK, 'a "b", c', "B00TEST002", changed_by="+analyst", **prices)
    answer = viewer.get(f"{PAGE}{WEEKLY}/changes")
    assert answer.headers["content-disposition"] == 'attachment; filename="sqp_changes_weekly_2026-11-08.csv"'
    at, version_text = "2026-11-20T06:00:00+00:00", str(version)
    assert list(csv.reader(answer.text.splitlines())) == [
        ["version", "changed_at", "change", "query", "asin", "figure", "before", "after", "changed_by"],
        [version_text, at, "updated", "'=cmd|' /C calc'!A0", "B00TEST001", "total_clicks", "81", "79", ""],
        ["", at, "updated", 'a "b", c', "B00TEST002", "click_price", "", "12.5", "'+analyst"],
        ["", at, "updated", 'a "b", c', "B00TEST002", "currency", "USD", "'@SUM(A1)", "'+analyst"],
    ]
    lines = viewer.get(f"{PAGE}{WEEKLY}/changes?format=ndjson&version={version}").text.splitlines()
    assert [json.loads(line)["before"] for line in lines] == [{"total_clicks": 81, "sync_log_id": 1}]


def test_a_download_of_several_batches_has_every_change_once(
    viewer: TestClient, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story_pages, "BATCH", 2)
    publish(connection)
    for number in range(5):
        add_change(connection, WEEK, f"query {number}", "B00TEST001")
    lines = viewer.get(f"{PAGE}{WEEKLY}/changes?format=ndjson").text.splitlines()
    assert [json.loads(line)["query"] for line in lines] == [f"query {number}" for number in range(5)]


def test_a_period_that_is_expected_later_is_called_so_as_on_the_overview(
    viewer: TestClient, connection: Connection
) -> None:
    week = newest_due(SyncType.WEEKLY)
    without_triggers(connection)
    publish(connection, week.with_previous(2)[1])
    add_sync(connection, period_start=week.first_day, period_end=week.last_day, sync_metadata={"outcome": "skipped"})
    (answer, *_) = viewer.get(f"{PAGE}/api/headlines").json()
    words = " ".join(said(viewer.get(f"{PAGE}/period/weekly/{week.first_day}").text).split())
    assert answer["answer"] in words
    assert answer["reason"] in words
    assert (answer["todo"] or "") in words


def test_a_publish_that_changed_too_much_to_keep_has_only_its_totals(
    viewer: TestClient, connection: Connection
) -> None:
    publish(connection)
    add_version(connection, WEEK)
    add_version(connection, WEEK, AGAIN, how="swapped", updated=900_000, is_kept=False)
    words = " ".join(said(viewer.get(PAGE + WEEKLY).text).split())
    assert "It changed more rows than the setting keeps, so that only the totals are known." in words
    assert "impressions 1,000 → 900" in words


def test_what_changed_lately_leaves_out_first_publishes_and_those_that_changed_nothing(
    viewer: TestClient, connection: Connection, restated: int
) -> None:
    october = Period.starting(SyncType.MONTHLY, date(2026, 10, 1))
    add_version(connection, october)
    add_version(connection, WEEK, AGAIN, how="confirmed", inserted=0)
    lately = viewer.get(f"{PAGE}/api/lately").json()
    assert [(row["sync_type"], row["version"]) for row in lately] == [("weekly", restated)]
    overview = viewer.get(f"{PAGE}/").text
    assert f'href="/sqp-sync{WEEKLY}?version={restated}#story"' in overview
    sections = [overview.index(f'id="{name}"') for name in ("headlines", "complete", "lately", "failures", "chart")]
    assert sections == sorted(sections)


def test_amazons_own_month_in_place_of_the_sum_of_weeks_is_no_change_of_the_source(
    viewer: TestClient, connection: Connection
) -> None:
    october = Period.starting(SyncType.MONTHLY, date(2026, 10, 1))
    without_triggers(connection)
    publish(connection, october)
    add_version(connection, october, how="summed")
    add_version(connection, october, AGAIN, how="swapped", inserted=1, updated=3)
    assert viewer.get(f"{PAGE}/api/lately").json() == []
    assert [row["times_changed"] for row in viewer.get(f"{PAGE}/api/measures?type=monthly").json()] == [0]
    restated = add_version(connection, october, AGAIN, how="difference", inserted=0, updated=1)
    assert [row["version"] for row in viewer.get(f"{PAGE}/api/lately").json()] == [restated]
    assert [row["times_changed"] for row in viewer.get(f"{PAGE}/api/measures?type=monthly").json()] == [1]


def test_the_chart_has_each_period_with_a_gap_and_marks_what_was_restated(
    viewer: TestClient, connection: Connection, restated: int
) -> None:
    october = Period.starting(SyncType.WEEKLY, date(2026, 10, 25))
    publish(connection, october, row_count=20_000, asins=["B00TEST001"])
    rows = viewer.get(f"{PAGE}/api/measures").json()
    assert [(row["period_start"], row["rows"], row["asins"], row["times_changed"]) for row in rows] == [
        ("2026-10-25", 20_000, 1, 0),
        ("2026-11-08", 4, 2, 1),
    ]
    assert (rows[0]["impressions"], rows[1]["impressions"]) == (None, 900)
    chart = viewer.get(f"{PAGE}/?chart=weekly").text.split('id="chart"')[1].split("</section>")[0]
    assert 'aria-label="2026-10-25 to 2026-10-31: 20,000 rows"' in chart
    assert 'aria-label="2026-11-08 to 2026-11-14: 900 impressions, changed once, not complete"' in chart
    assert chart.count('class="cap"') == 4
    assert 'aria-current="true">weekly' in chart
    monthly = viewer.get(f"{PAGE}/?chart=monthly").text
    assert "No month is published yet." in monthly


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/period/weekly/2026-11-09", 404, "No weekly period starts on 2026-11-09."),
        ("/period/weekly/2026-11-09", 404, "open /period/weekly/2026-11-08."),
        ("/period/weekly/9999-12-31", 404, "9999-12-31 lies in no weekly period."),
        ("/period/daily/2026-11-08", 422, "sync_type: Input should be"),
        ("/period/weekly/yesterday", 422, "period_start: Input should be a valid date"),
        ("/period/weekly/2020-01-05", 404, "Nothing is known of the weekly 2020-01-05..2020-01-11"),
        ("/period/weekly/2026-11-08?version=4711", 404, "has no version 4711."),
        ("/period/weekly/2026-11-08/row?query=q", 422, "asin: Field required"),
        ("/search?query=%00", 422, "query: has a NUL character"),
    ],
)
def test_what_cannot_be_told_is_named(
    viewer: TestClient, connection: Connection, path: str, status: int, says: str
) -> None:
    publish(connection)
    page, problem = viewer.get(PAGE + path), viewer.get(f"{PAGE}/api{path}")
    assert (page.status_code, problem.status_code) == (status, status)
    assert says in said(page.text)
    assert says in problem.json()["detail"] + problem.json()["remedy"]


def test_a_day_that_starts_no_period_leads_to_the_one_that_it_belongs_to(viewer: TestClient) -> None:
    page = viewer.get(f"{PAGE}/period/weekly/2026-11-09").text
    assert f'<a class="when" href="{PAGE}{WEEKLY}">/period/weekly/2026-11-08</a>' in page


def test_a_page_follows_a_sync_only_while_it_runs(viewer: TestClient, connection: Connection) -> None:
    sync = add_sync(connection, sync_status="started", completed_at=None)
    for path in ("/", "/history", f"/sync/{sync}", WEEKLY):
        assert '<body data-refresh="5">' in viewer.get(PAGE + path).text, path
    connection.execute("update sync_log set sync_status = 'completed', completed_at = now()")
    for path in ("/", "/history", f"/sync/{sync}", WEEKLY):
        assert "data-refresh" not in viewer.get(PAGE + path).text, path


def test_scripts_in_queries_and_logins_do_not_run(viewer: TestClient, connection: Connection) -> None:
    script = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
    without_triggers(connection)
    publish(connection)
    add_version(connection, WEEK)
    version = add_version(connection, WEEK, AGAIN, updated=1, how=script)
    add_change(connection, WEEK, script, "B00TEST001", version=version, before={"currency": script}, after={})
    add_change(connection, WEEK, script, "B00TEST001", changed_by=script)
    add_row(connection, WEEK, script, "B00TEST001", bigquery_sync_id=script)
    add_sync(connection, sync_status="failed", error_message=script, error_details={"stage": script})
    asked = urlencode({"query": script, "asin": "B00TEST001"})
    for path in ("/", WEEKLY, f"{WEEKLY}?by=others", f"{WEEKLY}/row?{asked}", f"/search?{asked}"):
        answer = viewer.get(PAGE + path)
        assert answer.status_code == 200, path
        assert "&lt;script&gt;" in answer.text, path
        assert "<script>alert" not in answer.text, path
        assert "<img" not in answer.text, path
