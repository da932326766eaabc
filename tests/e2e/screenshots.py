"""The pictures of docs/screenshots that show data. `make screenshots` takes them; `make test` does not.

They show the page of `make up` in a checkout of its own: as it is when everything is synced, with a newest week whose
300 broken rows made its sync fail, and with a table that is stale because its last two weeks are gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser

from dev import emulator
from dev.sample_data.source import SampleSource
from tests.e2e.browser import DESKTOP, PHONE, Theme, airflow, chromium
from tests.integration.dev.checkout import Made, cleaned_afterwards

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

NOT_SYNCED_YET = """
select sync_type, period_start from sqp.period_status
where status in ('running', 'restated', 'overwritten', 'outdated') or (status = 'missing' and source_row_count > 0)
"""
NEWEST_WEEK = "select max(period_start) from sqp.synced_period where sync_type = 'weekly'"
LONGEST = 1_100
LAST_STATUS = "select sync_status from sqp.sync_log order by started_at desc limit 1"
TAKE_AWAY = """
set session_replication_role = replica;
delete from sqp.weekly_summary where period_start >= '{week}';
delete from sqp.synced_period where sync_type = 'weekly' and period_start >= '{week}';
"""


class Shown:
    """The page of `make up`, its source and its target."""

    def __init__(self, made: Made, browser: Browser) -> None:
        _, self.url, self.password = made.up()
        self.browser = browser
        self.dsn = made.checkout.variable("SQP_POSTGRES_DSN")

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of the target."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(statement).fetchall()

    def wait_until(self, holds: Callable[[], object], what: str) -> None:
        """Return when it holds, which scheduler and tasks decide."""
        deadline = time.monotonic() + 1800
        while not holds():
            assert time.monotonic() < deadline, what
            time.sleep(1)

    def run(self, dag_id: str, **conf: str) -> None:
        """Trigger a Dag as the form does, and wait for the end of its run."""
        login = {"username": "admin", "password": self.password}
        token = httpx.post(f"{self.url}/auth/token", json=login).raise_for_status().json()["access_token"]
        with httpx.Client(base_url=f"{self.url}/api/v2", headers={"Authorization": f"Bearer {token}"}) as http:
            body = {"logical_date": None, "conf": conf}
            runs = f"/dags/{dag_id}/dagRuns"
            run = f"{runs}/{http.post(runs, json=body).raise_for_status().json()['dag_run_id']}"
            self.wait_until(lambda: http.get(run).json()["state"] in ("success", "failed"), f"the end of {run}")

    def take(self, name: str, path: str, size: tuple[int, int] = DESKTOP, theme: Theme = "light") -> None:
        """Take a picture; at a desktop of the page's first 1,100 pixels: a document that shows it stays short."""
        with airflow(self.browser, self.url, "admin", size, theme, self.password) as tab:
            tab.open(f"/plugin/sqp-sync{path}").locator("main").wait_for()
            if size == DESKTOP:
                height = tab.page.frames[-1].evaluate("document.documentElement.scrollHeight")
                tab.page.set_viewport_size({"width": size[0], "height": min(max(height, size[1]), LONGEST)})
            tab.screenshot(name)


@pytest.fixture
def shown(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    """The page, as soon as the daily check has synced the older weeks and months too."""
    with cleaned_afterwards(tmp_path_factory.mktemp("pictured") / "checkout") as made, chromium() as browser:
        shown = Shown(made, browser)
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", made.checkout.variable("BIGQUERY_EMULATOR_HOST"))
        shown.wait_until(lambda: shown.query("select from sqp.source_period"), "a check of the source")
        while shown.query(NOT_SYNCED_YET):
            shown.run("sqp_restatements")
        yield shown


def test_the_page_synced_then_failed_then_stale(shown: Shown) -> None:
    shown.take("overview", "")
    shown.take("overview-phone", "", PHONE)
    shown.take("overview-phone-dark", "", PHONE, "dark")

    ((week,),) = shown.query(NEWEST_WEEK)
    SampleSource(emulator.client()).land_malformed(week, copies=300, kinds=["asin_bad_characters"])
    shown.run("sqp_weekly_sync", period_start=str(week))
    assert shown.query(LAST_STATUS) == [("failed",)]
    ((failed,),) = shown.query("select max(id) from sqp.sync_log")
    shown.take("failed", f"/sqp-sync/sync/{failed}")
    shown.take("failed-phone", f"/sqp-sync/sync/{failed}", PHONE)
    shown.take("history-dark", "/sqp-sync/history", DESKTOP, "dark")

    with psycopg.connect(shown.dsn) as connection:
        connection.execute(TAKE_AWAY.format(week=week - timedelta(weeks=1)))
    shown.take("overview-stale", "")
