"""What a person sees before the first sync, and while the page cannot read: in Chromium, in Airflow's own frame."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, expect

from tests.e2e.browser import Airflow, chromium, logged_in, tab
from tests.fixtures import connection_to

PAGE = "/plugin/sqp-sync"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(api_server: Any) -> Iterator[str]:
    """Where Airflow's own application is served, by a thread of the tests: it sees the environment of each test."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(api_server, lifespan="off", log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def session(browser: Browser, address: str) -> Iterator[BrowserContext]:
    """The login of the user ``viewer``, for all tests."""
    with logged_in(browser, address, "viewer") as context:
        yield context


@pytest.fixture
def viewer(session: BrowserContext, address: str, configured: Path) -> Iterator[Airflow]:
    """A tab of ``viewer`` at a desktop."""
    with tab(session, address) as page:
        yield page
        assert page.troubles == []


def test_before_the_first_sync_the_page_says_what_to_do(viewer: Airflow) -> None:
    frame = viewer.open(PAGE)
    expect(frame.locator("#headlines article")).to_have_count(3)
    expect(frame.locator("#headlines")).to_contain_text("is missing.")
    expect(frame.locator("#freshness .badge.stale")).to_have_count(3)
    expect(frame.locator("main")).to_contain_text("No period is known yet.")
    viewer.screenshot("overview-empty")


@pytest.mark.parametrize("away", ["no connection", "down", "not migrated"])
def test_while_the_page_cannot_read_it_says_why(
    viewer: Airflow, database: str, empty_database: str, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    if away == "no connection":
        monkeypatch.delenv("AIRFLOW_CONN_SQP_POSTGRES")
    else:
        dsn = {"down": f"{database} port=1", "not migrated": empty_database}[away]
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(dsn))
    says = {
        "no connection": "Create the connection in Airflow under Admin",
        "down": "Load this page again when Postgres is back.",
        "not migrated": "Trigger the Dag sqp_migrate once.",
    }
    expect(viewer.open(PAGE).locator("main")).to_contain_text(says[away])
    viewer.screenshot(f"unavailable-{away.replace(' ', '-')}")
