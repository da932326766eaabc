"""What a person sees before the first sync, of several feeds, while the page cannot read: in Airflow's own frame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import BrowserContext, expect

from sqp_provider.core.period import SyncType
from sqp_provider.migrations import migrate
from tests.e2e.browser import DESKTOP, PHONE, Airflow, tab
from tests.fixtures import connection_to
from tests.integration.status.log_rows import add_sync
from tests.integration.status.several import FEEDS, configure, make_fresh, newest_due, publish, schema, spoil
from tests.integration.status.stories import tell

PAGE = "/plugin/sqp-sync"


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


def test_a_restated_week_tells_its_story(
    viewer: Airflow, session: BrowserContext, address: str, connection: psycopg.Connection[Any]
) -> None:
    week = tell(connection, newest_due(SyncType.WEEKLY))
    path = f"{PAGE}/sqp-sync/period/weekly/{week.first_day}"
    story = viewer.open(path).locator("#story")
    expect(story).to_contain_text("Rows: 57 updated, 2 inserted, 1 deleted, by sync 2.")
    expect(story.get_by_role("row", name="wireless mouse 0 1 4,000 → 3,100 -22.5 %")).to_be_visible()
    viewer.page.set_viewport_size({"width": DESKTOP[0], "height": 1_200})
    viewer.screenshot("period")
    with tab(session, address, PHONE) as phone:
        phone.open(path).locator("#story").wait_for()
        phone.page.frames[-1].evaluate("document.querySelector('#story').scrollIntoView()")
        assert overflow(phone) == 0
        for total in phone.frame.locator("#story dd").all():
            assert total.evaluate("each => each.scrollWidth - each.clientWidth") <= 0
        phone.screenshot("period-phone")


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


NAMES = ["acme_us", "acme_de", "beta", "acme_ca", "acme_fr", "acme_it", "delta", "kappa_uk", "sigma"]


@pytest.fixture
def many(several: str, configured: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Nine feeds with histories, some of them in trouble, one that does not answer, one with a mistake."""
    feeds: dict[str, Any] = dict.fromkeys(NAMES)
    feeds |= {"omega": {"target": {"conn_id": "down"}}, "rho": {"source": {"tabel": "rho.report"}}}
    configure(configured, feeds)
    monkeypatch.setenv("AIRFLOW_CONN_DOWN", connection_to(f"{several} port=1"))
    for number, feed in enumerate(NAMES):
        if feed not in FEEDS:
            migrate(several, f"sqp_{feed}")
        with schema(several, feed) as connection:
            if feed not in FEEDS:
                make_fresh(connection)
            for ago in range(1, 4 + number):
                publish(connection, newest_due(SyncType.WEEKLY, ago), run_id=f"scheduled__{ago}")
            read = {"snapshot": {"bytes_processed": 3**number * 17_000_000}}
            add_sync(connection, started_at="now", run_id="manual__2", sync_metadata=read | {"outcome": "skipped"})
    spoil(several, "acme_fr")
    with schema(several, "kappa_uk") as connection:
        connection.execute("update synced_period set fingerprint = null where sync_type = 'weekly' and row_count > 0")
    with schema(several, "acme_ca") as connection:
        connection.execute("set session_replication_role = replica; delete from quarterly_summary")
    return several


def test_all_feeds_at_a_desktop_and_on_a_phone(
    many: str, session: BrowserContext, address: str, viewer: Airflow
) -> None:
    frame = viewer.open(PAGE)
    expect(frame.get_by_role("rowheader")).to_have_text(
        ["omega", "rho", "acme_fr", "kappa_uk", "acme_ca", "acme_de", "acme_it", "acme_us", "beta", "delta", "sigma"]
    )
    expect(frame.get_by_role("rowgroup").nth(3)).to_contain_text("1 of 9 checks failed")
    viewer.screenshot("feeds")
    assert overflow(viewer) == 0
    cell = frame.get_by_role("img", name=re.compile("overwritten")).nth(3)
    cell.hover()
    tip = cell.locator(".tip")
    expect(tip).to_contain_text("somebody else wrote to it")
    seen, of = tip.bounding_box(), cell.bounding_box()
    assert seen
    assert of
    assert 0 <= seen["y"] - of["y"] - of["height"] < 20
    assert 0 <= seen["x"] - of["x"] < 20
    for theme in ("dark", "light"):
        with tab(session, address, PHONE, theme) as phone:
            frame = phone.open(PAGE)
            card = frame.get_by_role("rowgroup").filter(has=frame.get_by_role("rowheader", name="acme_fr"))
            expect(card.get_by_role("rowheader")).to_be_visible()
            expect(card.get_by_role("cell").last).to_contain_text("1 of 9 checks failed")
            expect(card.get_by_role("img").first).to_have_attribute("aria-label", re.compile("^(week .*|no sync)$"))
            assert overflow(phone) == 0
            card.evaluate("card => card.scrollIntoView()")
            phone.screenshot("feeds-phone" if theme == "light" else "feeds-phone-dark")


def test_the_keyboard_leads_from_all_feeds_to_one_and_back(many: str, viewer: Airflow) -> None:
    frame = viewer.open(f"{PAGE}/sqp-sync/?show=untrusted&find=acme_fr")
    link = frame.get_by_role("rowheader").get_by_role("link", name="acme_fr")
    link.focus()
    viewer.page.keyboard.press("Enter")
    expect(frame.get_by_role("heading", level=1)).to_have_text("Can last week be trusted?")
    expect(frame.locator("header .feed")).to_have_text("acme_fr")
    back = frame.get_by_role("link", name="All feeds")
    back.focus()
    viewer.page.keyboard.press("Enter")
    expect(frame.locator("#verdict")).to_contain_text("feeds can be trusted")


def test_a_click_anywhere_in_a_row_opens_the_feed(many: str, viewer: Airflow) -> None:
    frame = viewer.open(PAGE)
    frame.get_by_text("1 of 9 checks failed").click()
    expect(frame.locator("header .feed")).to_have_text("acme_fr")


def test_the_feeds_are_filtered_without_a_script(many: str, viewer: Airflow) -> None:
    frame = viewer.open(PAGE)
    frame.get_by_label("Show").select_option("untrusted")
    frame.get_by_label("Find").fill("acme")
    frame.get_by_label("Find").press("Enter")
    expect(frame.locator("#shown")).to_have_text("2 of 11 feeds")


def overflow(shown: Airflow) -> int:
    """By how many pixels the page is wider than its frame."""
    return int(shown.page.frames[-1].evaluate("document.documentElement.scrollWidth - innerWidth"))
