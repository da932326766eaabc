"""Several feeds on the page: which cannot be trusted and why, each feed's own pages, and who sees which feed."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from sqp_provider.core.period import SyncType
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.status.config import page_feeds
from tests.fixtures import connection_to
from tests.integration.status.conftest import PAGE, log_in, said
from tests.integration.status.log_rows import add_sync
from tests.integration.status.several import (
    FAILURE,
    FEEDS,
    configure,
    let_airflow_know,
    newest_due,
    publish,
    schema,
    spoil,
)


def rows(viewer: TestClient, query: str = "") -> dict[str, dict[str, Any]]:
    """The matrix as JSON, by feed in its order."""
    answer = viewer.get(f"{PAGE}/api/feeds{query}")
    assert answer.status_code == 200, answer.text
    return {row["feed"]: row for row in answer.json()}


def test_all_feeds_are_good(several: str, viewer: TestClient) -> None:
    week = newest_due(SyncType.WEEKLY)
    page = viewer.get(f"{PAGE}/").text
    assert f"All 3 feeds can be trusted for the week {week.first_day} to {week.last_day}." in said(page)
    assert f'<a href="{PAGE}/feeds/acme_us/">acme_us</a>' in page
    found = rows(viewer)
    assert list(found) == ["acme_de", "acme_us", "beta"]
    assert {(row["is_trusted"], row["needs_a_look"], row["why"]) for row in found.values()} == {(True, False, None)}


def test_the_worst_feed_comes_first_with_its_reason(several: str, viewer: TestClient) -> None:
    spoil(several, "beta")
    found = rows(viewer)
    assert list(found) == ["beta", "acme_de", "acme_us"]
    assert (found["beta"]["status"], found["beta"]["why"]) == ("failed", FAILURE["error_message"])
    assert found["beta"]["todo"] == "Open the sync: its error says what to do."
    assert found["beta"]["weeks"][-1]["status"] == "failed"
    page = viewer.get(f"{PAGE}/").text
    assert "2 of 3 feeds can be trusted for the week" in page
    assert "; beta (failed) cannot.</p>" in page
    assert FAILURE["error_message"].replace("'", "&#39;") in page


def test_a_missing_month_or_a_stale_table_needs_a_look(several: str, viewer: TestClient) -> None:
    with schema(several, "acme_us") as connection:
        connection.execute("delete from synced_period where sync_type = 'monthly'")
        connection.execute("delete from sync_log where sync_type = 'monthly'")
    with schema(several, "beta") as connection:
        connection.execute("set session_replication_role = replica; delete from quarterly_summary")
    found = rows(viewer, "?show=untrusted")
    assert list(found) == ["beta", "acme_us"]
    assert all(row["is_trusted"] for row in found.values())
    assert "is missing. Nothing is published." in found["acme_us"]["why"]
    assert "sqp_monthly_sync__acme_us" in found["acme_us"]["todo"]
    assert (found["beta"]["stale_tables"], found["beta"]["why"][:29]) == (
        ["quarterly_summary"],
        "quarterly_summary is stale: i",
    )
    assert "Another period or table needs a look in beta and acme_us." in viewer.get(f"{PAGE}/").text


def test_the_filters_work_by_address_alone(several: str, viewer: TestClient) -> None:
    spoil(several, "beta")
    assert list(rows(viewer, "?show=all")) == ["beta", "acme_de", "acme_us"]
    assert list(rows(viewer, "?show=untrusted&find=")) == ["beta"]
    assert list(rows(viewer, "?find=ACME")) == ["acme_de", "acme_us"]
    assert list(rows(viewer, "?find=checks%20failed")) == ["beta"]
    page = viewer.get(f"{PAGE}/?show=untrusted&find=acme").text
    assert "No feed matches the filter." in page
    assert "2 of 3 feeds can be trusted" in page
    assert '<option value="untrusted" selected>' in page
    for wrong in ("?show=bad", "?colour=red", f"?find={'x' * 201}"):
        assert viewer.get(f"{PAGE}/{wrong}").status_code == 422


def test_feeds_that_cannot_be_read_say_why_and_hide_no_other(
    several: str, viewer: TestClient, configured: Path, monkeypatch: pytest.MonkeyPatch, empty_database: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("AIRFLOW_CONN_DOWN", connection_to(f"{several} port={port}"))
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", connection_to(empty_database))
    feeds = {"acme_us": None, "mistaken": {"source": {"tabel": "x.y"}}}
    feeds |= {name: {"target": {"conn_id": name}} for name in ("down", "empty", "lacking")}
    configure(configured, feeds)
    found = rows(viewer)
    assert list(found) == ["down", "empty", "lacking", "mistaken", "acme_us"]
    assert "Postgres does not answer" in found["down"]["why"]
    assert ("missing or out of date" in found["empty"]["why"], found["empty"]["todo"]) == (
        True,
        "Trigger the Dag sqp_migrate once.",
    )
    assert "Create the connection in Airflow under Admin" in found["lacking"]["todo"]
    assert (found["mistaken"]["status"], "source.tabel: is not a setting" in found["mistaken"]["why"]) == (
        "misconfigured",
        True,
    )
    assert found["acme_us"]["is_trusted"]
    page = viewer.get(f"{PAGE}/").text
    assert "1 of 5 feeds can be trusted for the week" in page
    assert "source.tabel: is not a setting" in page
    assert viewer.get(f"{PAGE}/feeds/mistaken/").status_code == 503


def test_silent_databases_are_waited_for_at_the_same_time(
    several: str, viewer: TestClient, configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They hang up only when all have been asked: one after the other, the first would have been given up.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(120)
        monkeypatch.setenv("AIRFLOW_CONN_SILENT", connection_to(f"{several} port={silent.getsockname()[1]}"))
        configure(configured, {f"feed_{n}": {"target": {"conn_id": "silent"}} for n in range(12)})

        def answer() -> None:
            waiting = [silent.accept()[0] for _ in range(12)]
            for each in waiting:
                each.close()

        server = threading.Thread(target=answer)
        server.start()
        found = rows(viewer)
        server.join()
    assert {row["status"] for row in found.values()} == {"not readable"}


def test_bytes_are_those_of_all_attempts_of_the_last_30_days(several: str, viewer: TestClient) -> None:
    def read(count: int) -> dict[str, Any]:
        return {"snapshot": {"bytes_processed": count}}

    earlier = {"attempts": [{"attempt": 1, "bytes_processed": 1024}, {"attempt": 2, "bytes_processed": None}]}
    with schema(several, "acme_us") as connection:
        add_sync(connection, started_at="now", run_id="a", sync_metadata=read(2048) | earlier)
        add_sync(connection, started_at="now", run_id="b", sync_metadata=read(3072) | {"attempts": "none"}, **FAILURE)
        add_sync(connection, started_at="2026-01-01", run_id="c", sync_metadata=read(2**40))
    found = rows(viewer)
    assert (found["acme_us"]["bytes_processed"], found["beta"]["bytes_processed"]) == (6144, 0)
    assert 'data-label="BigQuery read in 30 days">6.0 KiB</td>' in viewer.get(f"{PAGE}/").text


def test_what_an_attempt_read_still_counts_when_its_run_is_cleared(several: str, viewer: TestClient) -> None:
    week = newest_due(SyncType.WEEKLY)
    run = {"sync_type": "weekly", "source_table": "s", "target_table": "t", "dag_id": "d", "run_id": "r"}
    run |= {"period_start": week.first_day, "period_end": week.last_day, "options": "{}"}
    for attempt, read in ((1, 1024), (2, 2048)):
        with SqpPostgresHook(page_feeds().of("beta").target).transaction() as database:
            found = database.one("sync_log", "start_sync", run)
            assert found["attempt"] == attempt
            snapshot = json.dumps({"bytes_processed": read})
            values = {"rejects": 0, "snapshot": snapshot, "sync_log_id": found["id"], "attempt": attempt}
            database.run("sync_log", "record_snapshot", values)
    assert rows(viewer)["beta"]["bytes_processed"] == 3072


def test_an_address_that_lacks_the_last_slash_leads_to_the_feed(several: str, viewer: TestClient) -> None:
    answer = viewer.get(f"{PAGE}/feeds/acme_us")
    assert (answer.status_code, answer.headers["location"]) == (307, f"{PAGE}/feeds/acme_us/")
    assert viewer.get(f"{PAGE}/feeds/%2F%2Fevil.example").status_code != 307


def test_a_page_that_is_not_there_leads_to_all_feeds(several: str, viewer: TestClient) -> None:
    page = viewer.get(f"{PAGE}/nothing")
    assert (page.status_code, f'<a href="{PAGE}/">All feeds</a>' in page.text) == (404, True)
    assert f"{PAGE}/history" not in page.text


def test_each_page_of_a_feed_names_it_and_stays_within_it(several: str, viewer: TestClient) -> None:
    sync = spoil(several, "acme_us")
    for path in ("/", "/history", f"/sync/{sync}"):
        page = viewer.get(f"{PAGE}/feeds/acme_us{path}")
        assert page.status_code == 200, path
        assert '<span class="feed">acme_us</span>' in page.text
        assert f'<a href="{PAGE}/">All feeds</a>' in page.text
        assert f'href="{PAGE}/feeds/acme_us/history"' in page.text
        assert f'href="{PAGE}/history' not in page.text
        assert f'href="{PAGE}/sync' not in page.text
    assert f'href="{PAGE}/feeds/acme_us/sync/{sync}"' in viewer.get(f"{PAGE}/feeds/acme_us/").text
    story = f"/feeds/acme_us/period/weekly/{newest_due(SyncType.WEEKLY).first_day}"
    for path in (story, "/feeds/acme_us/search?asin=B00TEST001"):
        page = viewer.get(PAGE + path)
        assert page.status_code == 200, path
        assert f'href="{PAGE}/feeds/acme_us/search"' in page.text
        assert f'href="{PAGE}/period' not in page.text
    assert " --feed acme_us</code>" in viewer.get(PAGE + story).text
    assert 'aria-current="page">History' in viewer.get(f"{PAGE}/feeds/acme_us/history").text
    rejects = viewer.get(f"{PAGE}/feeds/acme_us/sync/{sync}/rejects")
    assert rejects.headers["content-disposition"] == f'attachment; filename="sqp_rejects_acme_us_{sync}.csv"'


def test_the_texts_of_a_feed_name_its_own_dags(several: str, viewer: TestClient) -> None:
    with schema(several, "beta") as connection:
        connection.execute("truncate sync_log, synced_period cascade")
    page = viewer.get(f"{PAGE}/feeds/beta/").text
    assert "Unpause or trigger <code>sqp_monthly_sync__beta</code>" in page
    assert "Trigger <code>sqp_weekly_sync__beta</code>, or <code>sqp_restatements__beta</code>" in page
    assert "Check that sqp_weekly_sync__beta is unpaused" in page
    assert "Trigger <code>sqp_weekly_sync__beta</code>" in viewer.get(f"{PAGE}/feeds/beta/history").text


def test_each_object_of_a_feeds_json_names_the_feed(several: str, viewer: TestClient) -> None:
    sync = spoil(several, "acme_us")
    for path in ("headlines", "freshness", "latest", "periods", "failures"):
        answer = viewer.get(f"{PAGE}/api/feeds/acme_us/{path}").json()
        assert {row["feed"] for row in answer} == {"acme_us"}, path
    for path in ("feeds/acme_us/history", f"feeds/acme_us/sync/{sync}", "run/sqp_weekly_sync__acme_us/manual__1"):
        assert viewer.get(f"{PAGE}/api/{path}").json()["feed"] == "acme_us", path


def test_the_json_of_a_single_feed_does_not_name_one(viewer: TestClient, connection: psycopg.Connection[Any]) -> None:
    sync = publish(connection, newest_due(SyncType.WEEKLY))
    assert "feed" not in viewer.get(f"{PAGE}/api/headlines").json()[0]
    assert "feed" not in viewer.get(f"{PAGE}/api/sync/{sync}").json()
    assert "All feeds" not in viewer.get(f"{PAGE}/").text


@pytest.mark.parametrize("path", ["/feeds/acme_us/", "/feeds/acme_us/history", "/api/feeds", "/api/feeds/a/latest"])
def test_a_single_feed_has_no_addresses_of_feeds(viewer: TestClient, path: str) -> None:
    answer = viewer.get(PAGE + path)
    assert (answer.status_code, "the configuration has no feeds" in answer.text) == (404, True)


@pytest.mark.parametrize("path", ["/feeds/nobody/", "/feeds/nobody/search", "/api/feeds/nobody/latest"])
def test_an_unknown_feed_is_404_and_names_the_known_ones(several: str, viewer: TestClient, path: str) -> None:
    answer = viewer.get(PAGE + path)
    assert answer.status_code == 404
    said = "There is no feed nobody that you may read. Those that you may read: acme_de, acme_us, beta."
    assert said in answer.text


@pytest.mark.parametrize("path", ["/history", "/sync/1", "/search", "/period/weekly/2026-11-08", "/api/latest"])
def test_an_address_without_a_feed_asks_for_one(several: str, viewer: TestClient, path: str) -> None:
    answer = viewer.get(PAGE + path)
    assert answer.status_code == 404
    assert "The address names no feed. Those that you may read: acme_de, acme_us, beta." in answer.text
    assert f"{PAGE}/history" not in answer.text


def test_the_tab_of_a_run_finds_its_feed(several: str, viewer: TestClient) -> None:
    sync = spoil(several, "beta")
    page = viewer.get(f"{PAGE}/run/sqp_weekly_sync__beta/manual__1").text
    assert '<span class="feed">beta</span>' in page
    assert f"Sync {sync}" in page
    none = viewer.get(f"{PAGE}/run/sqp_restatements__beta/manual__1")
    assert (none.status_code, '<span class="feed">beta</span>' in none.text) == (404, True)
    other = viewer.get(f"{PAGE}/run/sqp_doctor/manual__1")
    assert (other.status_code, "has no row in <code>sync_log</code>" in other.text) == (404, True)
    assert f'<p><a href="{PAGE}/">All feeds</a></p>' in other.text


def test_the_tab_finds_a_run_of_the_time_before_there_were_feeds(
    several: str, viewer: TestClient, configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with schema(several, "acme_de") as connection:
        old = add_sync(connection, dag_id="sqp_weekly_sync", run_id="scheduled__old")
    detail = viewer.get(f"{PAGE}/api/run/sqp_weekly_sync/scheduled__old").json()
    assert (detail["feed"], detail["sync"]["sync_log_id"]) == ("acme_de", old)
    assert '<span class="feed">acme_de</span>' in viewer.get(f"{PAGE}/run/sqp_weekly_sync/scheduled__old").text
    configure(configured, {"acme_us": None, "acme_de": {"target": {"conn_id": "lacking"}}})
    missing = viewer.get(f"{PAGE}/run/sqp_weekly_sync/scheduled__old")
    assert (missing.status_code, "could not be searched: acme_de" in missing.text) == (404, True)


def test_a_client_sees_only_the_feeds_whose_dags_it_may_read(
    several: str, anonymous: TestClient, configured: Path
) -> None:
    configure(configured, {**dict.fromkeys(FEEDS), "mistaken": {"source": {"tabel": "x.y"}}})
    spoil(several, "beta")
    let_airflow_know(*page_feeds().settings.values())
    client = log_in(anonymous, "client")
    assert list(rows(client)) == ["acme_us"]
    page = client.get(f"{PAGE}/").text
    assert "The feed can be trusted for the week" in page
    assert client.get(f"{PAGE}/feeds/acme_us/").status_code == 200
    hidden, unknown = client.get(f"{PAGE}/feeds/beta/history"), client.get(f"{PAGE}/feeds/nobody/history")
    assert (hidden.status_code, hidden.text) == (404, unknown.text.replace("nobody", "beta"))
    assert client.get(f"{PAGE}/api/feeds/mistaken/latest").status_code == 404
    story = "period/weekly/2026-11-08"
    for path in (story, f"{story}/row?query=q&asin=B00TEST001", f"{story}/changes", "search?asin=B00TEST001"):
        assert client.get(f"{PAGE}/feeds/beta/{path}").status_code == 404, path
    for path in (story, "changes?type=weekly&period_start=2026-11-08", "search?asin=B00TEST001", "lately", "measures"):
        assert client.get(f"{PAGE}/api/feeds/beta/{path}").status_code == 404, path
    run, absent = (client.get(f"{PAGE}/run/sqp_weekly_sync__{name}/manual__1") for name in ("beta", "nobody"))
    assert (run.status_code, run.text) == (404, absent.text.replace("nobody", "beta"))
    for answer in (page, hidden.text.replace("beta/history", ""), client.get(f"{PAGE}/api/feeds").text):
        for secret in ("acme_de", "mistaken", "1 of 9 checks"):
            assert secret not in answer
    assert list(rows(log_in(client, "viewer"))) == ["mistaken", "beta", "acme_de", "acme_us"]


def test_a_feed_whose_dags_airflow_has_not_read_yet_is_seen_by_those_who_may_read_all(
    several: str, anonymous: TestClient
) -> None:
    settings = page_feeds().settings
    let_airflow_know(settings["acme_de"])
    assert list(rows(log_in(anonymous, "client"))) == ["acme_us"]
    assert list(rows(log_in(anonymous, "viewer"))) == ["acme_de", "acme_us", "beta"]


def test_a_mistake_shows_a_feed_to_nobody_who_could_not_see_it_before(
    several: str, anonymous: TestClient, configured: Path
) -> None:
    configure(configured, dict.fromkeys(("acme_us", "beta")))
    let_airflow_know(*page_feeds().settings.values())
    configure(configured, {"acme_us": None, "beta": {"source": {"tabel": "x.y"}}})
    client = log_in(anonymous, "client")
    assert list(rows(client)) == ["acme_us"]
    assert "beta" not in client.get(f"{PAGE}/").text
    assert client.get(f"{PAGE}/feeds/beta/").status_code == 404
    assert list(rows(log_in(client, "viewer"))) == ["beta", "acme_us"]


def test_who_may_read_no_feed_is_told_so(several: str, anonymous: TestClient, configured: Path) -> None:
    configure(configured, {"acme_de": None, "mistaken": {"source": {"tabel": "x.y"}}})
    client = log_in(anonymous, "client")
    page = client.get(f"{PAGE}/").text
    assert "There is no feed that you may read." in page
    assert "acme_de" not in page
    assert "Those that you may read: none." in client.get(f"{PAGE}/feeds/acme_de/").text
