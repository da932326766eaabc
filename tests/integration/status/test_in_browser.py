"""The page in Chromium: three widths, both themes, by keyboard, with axe as the judge, and while a sync runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, expect

from sqp_provider.core.period import SyncType
from tests.e2e.browser import DESKTOP, PHONE, Theme, tab
from tests.integration.status.log_rows import add_sync
from tests.integration.status.several import newest_due, spoil
from tests.integration.status.stories import tell

PAGE = "/sqp-sync"
TABLET = (1024, 768)

BROKEN_DATES = """() => {
    const broken = [];
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        for (const found of walker.currentNode.data.matchAll(/\\d{4}-\\d\\d-\\d\\d/g)) {
            const range = document.createRange();
            range.setStart(walker.currentNode, found.index);
            range.setEnd(walker.currentNode, found.index + found[0].length);
            const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
            if (lines.size > 1) {
                broken.push(walker.currentNode.data.trim());
            }
        }
    }
    return broken;
}"""
"""The texts of which a date is not on one line."""

FOCUS = """() => {
    const element = document.activeElement;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const isSeen = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || element.matches("svg *");
    return { name: element.ariaLabel || element.name || element.innerText, isSeen: isSeen && box.width > 0 };
}"""


@pytest.fixture
def told(connection: psycopg.Connection[Any]) -> date:
    """A year of weeks, one of which was restated, and a failed sync; returns that week's first day."""
    week = tell(connection, newest_due(SyncType.WEEKLY))
    error = "weekly 2026-11-01..2026-11-07: 1 of 9 checks failed on sqp_staging.weekly_summary_20261101. Clear 'load'."
    failed = add_sync(
        connection,
        sync_status="failed",
        run_id="manual__2026-11-18T06:00:00",
        error_message=error,
        error_details={"stage": "validate", "type": "ChecksFailed"},
        records_failed=13,
        period_start="2026-11-01",
        period_end="2026-11-07",
        started_at="now",
        completed_at="now",
    )
    for status in ("failed", "warning", "passed", "passed"):
        connection.execute(
            "insert into data_quality_checks (sync_log_id, attempt, check_type, check_status, check_message,"
            " check_query) values (%s, 1, 'sum_validation', %s, %s, 'select 1')",
            [failed, status, error],
        )
    rejected = "insert into sync_rejects (sync_log_id, attempt, reason, raw) values (%s, 1, 'invalid_asin', '{}')"
    connection.execute(rejected, [failed])
    return week.first_day


def addresses(week: date) -> list[str]:
    """One address of each kind of page."""
    return [
        "/",
        "/?chart=monthly",
        "/history",
        "/history?status=failed&text=nowhere",
        "/sync/49",
        f"/period/weekly/{week}",
        f"/period/weekly/{week}?by=others",
        f"/period/weekly/{week}/row?query=wireless+mouse+0&asin=B000000000",
        "/search",
        "/search?query=wireless+mouse+0",
        "/nothing",
        "/period/weekly/2020-01-06",
    ]


@pytest.fixture
def desktop(session: BrowserContext, address: str, configured: Path) -> Iterator[Page]:
    """A tab of ``viewer`` at a desktop, without Airflow around the page."""
    with tab(session, address) as opened:
        yield opened.page
        assert opened.troubles == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, TABLET, DESKTOP], ids=["390", "1024", "1280"])
def test_each_page_is_accessible_fits_and_breaks_no_date(
    session: BrowserContext, address: str, configured: Path, told: date, size: tuple[int, int], theme: Theme
) -> None:
    with tab(session, address, size, theme) as opened:
        for path in addresses(told):
            opened.page.goto(f"{address}{PAGE}{path}")
            opened.page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
            found = Axe().run(opened.page)
            assert found.violations_count == 0, f"{path}\n{found.generate_report()}"
            assert opened.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
            assert opened.page.evaluate(BROKEN_DATES) == [], path
        assert opened.troubles == []


def test_each_page_has_a_title_of_its_own(desktop: Page, address: str, told: date) -> None:
    titles = set()
    for path in addresses(told):
        desktop.goto(f"{address}{PAGE}{path}")
        assert desktop.title().endswith(" – SQP sync")
        titles.add(desktop.title())
    assert (
        len(titles) == len(addresses(told)) - 4
    )  # a chart, a filter, the changes of others, another 404 are no other view


def test_the_history_fits_a_narrow_window_with_its_filters_on_one_line(
    session: BrowserContext, address: str, configured: Path, told: date
) -> None:
    with tab(session, address, TABLET) as opened:
        opened.page.goto(f"{address}{PAGE}/history")
        table = opened.page.get_by_role("group", name="Syncs")
        assert table.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
        fields = opened.page.locator(".filters :is(input, select, button)").all()
        assert len({box["y"] for each in fields if (box := each.bounding_box())}) == 1


def test_a_check_and_a_whole_sync_are_short_on_a_phone(
    session: BrowserContext, address: str, configured: Path, told: date
) -> None:
    with tab(session, address, PHONE) as opened:
        opened.page.goto(f"{address}{PAGE}/sync/49")
        row = opened.page.locator("#checks tbody tr").first.bounding_box()
        assert row
        assert row["height"] < 250
        assert opened.page.evaluate("document.documentElement.scrollHeight") < 3 * 844 + 400


def test_no_page_is_longer_on_a_phone_than_some_screens(
    session: BrowserContext, address: str, configured: Path, told: date
) -> None:
    with tab(session, address, PHONE) as opened:
        for path in addresses(told):
            opened.page.goto(f"{address}{PAGE}{path}")
            assert opened.page.evaluate("document.documentElement.scrollHeight") < 6 * 844, path


def test_the_keyboard_goes_through_a_period_from_the_skip_link_on(desktop: Page, address: str, told: date) -> None:
    desktop.goto(f"{address}{PAGE}/period/weekly/{told}")
    names = []
    for _ in range(14):
        desktop.keyboard.press("Tab")
        focus = desktop.evaluate(FOCUS)
        names.append(focus["name"])
        assert focus["isSeen"], names
    assert names[:4] == ["To the content", "Overview", "History", "Search"]
    assert names.index("Copy") < names.index("Publishes")
    desktop.goto(f"{address}{PAGE}/sync/49")
    desktop.keyboard.press("Tab")
    desktop.keyboard.press("Enter")
    assert desktop.evaluate("document.activeElement.id") == "content"
    passed = desktop.locator("#passed")
    expect(passed.locator("table")).to_be_hidden()
    passed.locator("summary").first.focus()
    desktop.keyboard.press("Enter")
    expect(passed.locator("table")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_of_several_feeds_is_accessible_on_a_phone_and_at_a_desktop(
    session: BrowserContext, address: str, several: str, theme: Theme
) -> None:
    spoil(several, "beta")
    for size in (PHONE, DESKTOP):
        with tab(session, address, size, theme) as opened:
            for path in ("/", "/feeds/beta/"):
                opened.page.goto(f"{address}{PAGE}{path}")
                found = Axe().run(opened.page)
                assert found.violations_count == 0, f"{path}\n{found.generate_report()}"
                assert opened.page.evaluate(BROKEN_DATES) == [], path


def test_the_command_that_proves_a_row_is_copied(desktop: Page, address: str, told: date) -> None:
    command = f"sqp prove weekly {told} --query 'wireless mouse 0' --asin B000000000"
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desktop.goto(f"{address}{PAGE}/period/weekly/{told}")
    desktop.get_by_role("button", name="Copy the command for wireless mouse 0 / B000000000").click()
    expect(desktop.get_by_role("group", name="Changed rows")).to_contain_text("Copied")
    assert desktop.evaluate("navigator.clipboard.readText()") == command
    desktop.evaluate(
        "void (navigator.clipboard.writeText = () => Promise.reject())"
    )  # as a browser refuses without https
    button = desktop.get_by_role("button", name="Copy the command for wireless mouse 1 /")
    button.focus()
    desktop.keyboard.press("Enter")
    expect(button.locator("xpath=..")).to_contain_text("--query 'wireless mouse 1' --asin B000000001")
    assert "wireless mouse 1" in desktop.evaluate("getSelection().toString()")


def test_the_address_of_a_filter_has_no_empty_parameters(desktop: Page, address: str, told: date) -> None:
    desktop.goto(f"{address}{PAGE}/history")
    desktop.get_by_label("Status").select_option("failed")
    desktop.get_by_role("button", name="Filter").click()
    desktop.wait_for_url(f"{address}{PAGE}/history?status=failed")
    fields = desktop.locator(".filters :is(input, select, button)").all()
    tops = {box["y"] for each in fields if (box := each.bounding_box())}
    assert len(tops) == 1


def test_a_page_follows_a_running_sync_without_losing_the_readers_place(
    desktop: Page, address: str, connection: psycopg.Connection[Any], told: date
) -> None:
    running = add_sync(connection, sync_status="started", completed_at=None, run_id="manual__running")
    checks = "insert into data_quality_checks (sync_log_id, attempt, check_type, check_status, check_query)"
    for _ in range(30):
        connection.execute(f"{checks} values (%s, 1, 'keys', 'warning', 'select 1')", [running])  # type: ignore[arg-type]
    desktop.goto(f"{address}{PAGE}/sync/{running}")
    expect(desktop.locator("#refreshing")).to_be_visible()
    details = desktop.locator("#checks details").nth(20)
    details.locator("summary").click()
    desktop.evaluate("window.sameDocument = true")
    place = top_of(details)
    assert desktop.evaluate("scrollY") > 0
    connection.execute(f"{checks} values (%s, 1, 'row_count', 'warning', 'select 2')", [running])  # type: ignore[arg-type]
    expect(desktop.locator("#checks tbody tr")).to_have_count(31)
    assert (top_of(details), details.get_attribute("open")) == (place, "")
    connection.execute("update sync_log set sync_status = 'completed', completed_at = now() where id = %s", [running])
    expect(desktop.locator("main > p .badge").first).to_have_text("completed")
    expect(desktop.locator("#refreshing")).to_be_hidden()
    assert desktop.evaluate("window.sameDocument && document.body.dataset.refresh === undefined")


def top_of(element: Locator) -> int:
    """Where a reader sees it, in pixels from the top of the window."""
    box = element.bounding_box()
    assert box
    return round(box["y"])
