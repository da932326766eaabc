"""The status page in real Chromium, inside the Airflow UI's own frame, after a real login."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from sqp_provider.core.period import Period
from tests.e2e.airflow_server import AirflowServer
from tests.e2e.browser import DESKTOP, PHONE, Airflow, Theme, chromium, logged_in, tab
from tests.e2e.synced import Synced
from tests.landing import report_row

pytestmark = pytest.mark.e2e

PAGE = "/plugin/sqp-sync"
SCRIPT = "\"><script>document.title='owned';alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each has a session of its own in it."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def session(browser: Browser, airflow_server: AirflowServer) -> Iterator[BrowserContext]:
    """The login of the user ``viewer``, for all tests."""
    with logged_in(browser, airflow_server.url, "viewer") as context:
        yield context


@pytest.fixture
def viewer(session: BrowserContext, airflow_server: AirflowServer) -> Iterator[Airflow]:
    """A tab of ``viewer`` at a desktop; nothing it meets may be trouble or lead elsewhere."""
    with tab(session, airflow_server.url) as page:
        yield page
        assert page.troubles == []
        assert [address for address in page.requested if not address.startswith((page.url, "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def rejected(weekly: Synced) -> tuple[Period, str]:
    """A synced period of which one row was rejected, and its run."""
    period = weekly.new_period({f"query {n}": n for n in range(150)})
    first, last = str(period.first_day), str(period.last_day)
    weekly.landing.land(report_row(SCRIPT, asin="=no", start_date=first, end_date=last))
    run_id = weekly.trigger(period)
    weekly.finished(run_id, "success", attempt=1)
    return period, run_id


@pytest.fixture(scope="module")
def failed(weekly: Synced) -> int:
    """A failed run whose error holds a script."""
    details = {"stage": "extract", "type": "SourceUnusable", "log_url": "javascript:alert(3)"}
    (row,) = weekly.query(
        "insert into sync_log (sync_type, sync_status, started_at, completed_at, source_table, target_table,"
        " period_start, period_end, error_message, error_details) values ('weekly', 'failed', now(), now(), 's', 't',"
        " '2014-06-01', '2014-06-07', %s, %s) returning id",
        SCRIPT,
        json.dumps(details),
    )
    return int(row["id"])


def test_the_navigation_leads_to_every_panel(viewer: Airflow, rejected: tuple[Period, str], failed: int) -> None:
    viewer.page.goto(viewer.url)
    viewer.page.get_by_role("link", name="SQP sync").click()
    frame = viewer.frame
    expect(frame.get_by_role("heading", level=1)).to_have_text("Can last week be trusted?")
    expect(frame.locator("#headlines article")).to_have_count(3)
    expect(frame.locator("#headlines article").first).to_contain_text(re.compile("can be trusted|is published"))
    expect(frame.locator("#freshness tbody tr")).to_have_count(3)
    expect(frame.locator("#latest tbody tr")).to_have_count(3)
    expect(frame.locator("#calendar .cell.synced").first).to_be_visible()
    expect(frame.locator("#failures tbody tr").first).to_contain_text(f"sync {failed}")


def test_a_period_shows_its_counts_on_hover_and_by_keyboard(viewer: Airflow, weekly: Synced) -> None:
    week_of_three = '#calendar a.cell.synced[aria-label^="week "][aria-label*=": synced, 3 rows"]'
    cell = viewer.open(PAGE).locator(week_of_three).last
    expect(cell).to_have_attribute("aria-label", re.compile(r"^week .*: synced, 3 rows, published "))
    expect(cell.locator(".tip")).to_be_hidden()
    cell.hover()
    expect(cell.locator(".tip")).to_contain_text("3 rows")
    viewer.page.mouse.move(0, 0)
    expect(cell.locator(".tip")).to_be_hidden()
    press_tab_until(viewer, "document.activeElement.matches('#calendar .cell')", most=200)
    focused = viewer.frame.locator("#calendar .cell:focus")
    expect(focused.locator(".tip")).to_be_visible()
    press_tab_until(viewer, "document.activeElement.matches('#calendar a.cell')", most=200)
    label = str(viewer.frame.locator("#calendar .cell:focus").get_attribute("aria-label"))
    viewer.page.keyboard.press("Enter")
    expect(viewer.frame.get_by_role("heading", level=1)).to_contain_text(re.findall(r"\d{4}-\d\d-\d\d", label)[0])


def press_tab_until(viewer: Airflow, condition: str, most: int) -> list[str]:
    """Press Tab until the frame's page says so, and return the names of what had the focus in it on the way."""
    names: list[str] = []
    for _ in range(most):
        viewer.page.keyboard.press("Tab")
        frame = viewer.page.frames[-1]
        if frame.evaluate("document.hasFocus() && document.activeElement !== document.body"):
            names.append(frame.evaluate("(e => e.ariaLabel || e.name || e.innerText)(document.activeElement)"))
            if frame.evaluate(condition):
                return names
    raise AssertionError(f"{most} times Tab, and only: {names}")


def test_the_tab_key_skips_to_the_history_and_goes_through_it_in_order(
    viewer: Airflow, rejected: tuple[Period, str], failed: int
) -> None:
    frame = viewer.open(f"{PAGE}/sqp-sync/history?status=failed")
    frame.locator("tbody tr").first.wait_for()
    assert press_tab_until(viewer, "document.activeElement.matches('.skip')", most=60) == ["To the content"]
    skip = frame.locator(".skip").bounding_box()
    assert skip
    assert skip["x"] >= 0
    to_table = press_tab_until(viewer, "document.activeElement.matches('.scroll')", most=30)
    filters = [name for name in to_table if name in ("type", "status", "dag_id", "period_from", "period_to", "text")]
    assert list(dict.fromkeys(filters)) == ["type", "status", "dag_id", "period_from", "period_to", "text"]
    assert to_table[:3] == ["Overview", "History", "Search"]
    assert to_table[-3:] == ["Filter", "Reset", "Syncs"]
    assert press_tab_until(viewer, "true", most=1) == [f"sync {failed}"]
    viewer.page.reload()
    frame.locator("tbody tr").first.wait_for()
    press_tab_until(viewer, "document.activeElement.matches('.skip')", most=60)
    viewer.page.keyboard.press("Enter")
    assert press_tab_until(viewer, "true", most=1) == ["type"]


def test_error_run_and_counts_of_the_history_are_seen_without_scrolling(viewer: Airflow, failed: int) -> None:
    frame = viewer.open(f"{PAGE}/sqp-sync/history?status=failed")
    row = frame.locator("tbody tr").filter(has_text=f"sync {failed}")
    row.wait_for()
    for cell in (row.locator(".message"), row.locator(".run"), row.locator("td").last):
        box = cell.bounding_box()
        assert box
        assert box["x"] + box["width"] <= DESKTOP[0] - 20
    period = row.locator("td .when").first
    assert period.evaluate("e => e.getClientRects().length") == 1


def test_a_filter_of_the_history(viewer: Airflow, rejected: tuple[Period, str], failed: int) -> None:
    period, run_id = rejected
    frame = viewer.open(PAGE)
    frame.get_by_role("link", name="History").click()
    frame.get_by_label("Status").select_option("failed")
    frame.get_by_role("button", name="Filter").click()
    expect(frame.locator(".badge.completed")).to_have_count(0)
    expect(frame.locator("tbody tr").first).to_contain_text(f"sync {failed}")
    frame.get_by_label("Status").select_option("all")
    frame.get_by_label("Period from").fill(str(period.first_day))
    frame.get_by_label("Period to").fill(str(period.first_day))
    frame.get_by_label("Text").fill(run_id.upper())
    frame.get_by_label("Text").press("Enter")
    expect(frame.locator("tbody tr")).to_have_count(1)
    expect(frame.locator("svg .bar")).to_have_count(2)
    expect(frame.get_by_role("link", name=run_id)).to_be_visible()
    assert f"{PAGE}/sqp-sync/history?" in viewer.page.url  # an address that can be kept and sent


def test_the_link_to_the_run_opens_it_in_airflow_itself(viewer: Airflow, rejected: tuple[Period, str]) -> None:
    _, run_id = rejected
    frame = viewer.open(f"{PAGE}/sqp-sync/run/sqp_weekly_sync/{quote(run_id)}")
    frame.get_by_role("link", name="Open the run in Airflow").click()
    viewer.page.wait_for_url(lambda address: unquote(address).endswith(f"/dags/sqp_weekly_sync/runs/{run_id}"))
    expect(viewer.page.get_by_role("heading", name=run_id)).to_be_visible()
    expect(viewer.page.locator("iframe")).to_have_count(0)


def test_a_runs_own_tab_shows_its_sync(viewer: Airflow, rejected: tuple[Period, str]) -> None:
    period, run_id = rejected
    viewer.page.goto(f"{viewer.url}/dags/sqp_weekly_sync/runs/{quote(run_id)}")
    viewer.page.get_by_role("link", name="SQP sync").last.click()
    frame = viewer.frame
    expect(frame.get_by_role("heading", level=1)).to_contain_text(f"weekly {period.first_day} to {period.last_day}")
    expect(frame.locator("#stages .badge.done")).to_have_count(6)
    expect(frame.locator("#checks tbody tr").filter(has_text="row_count").first).to_contain_text("150")
    expect(frame.locator("#rejects tbody tr")).to_have_count(1)
    viewer.screenshot("run-tab")


def test_every_stage_has_a_button_to_the_syncs_page(
    viewer: Airflow, weekly: Synced, rejected: tuple[Period, str]
) -> None:
    period, run_id = rejected
    tasks = f"/dags/sqp_weekly_sync/dagRuns/{run_id}/taskInstances"
    for task_id in weekly.ui.states(run_id):
        links = weekly.ui.call("GET", f"{tasks}/{task_id}/links")["extra_links"]
        job = links.pop("BigQuery job", None)
        assert (links.keys(), bool(job)) == ({"SQP sync"}, task_id == "extract")
    viewer.page.goto(f"{viewer.url}/dags/sqp_weekly_sync/runs/{quote(run_id)}/tasks/publish/details")
    viewer.page.locator("a[href*='/plugin/sqp-sync-run']").click()
    title = viewer.frame.get_by_role("heading", level=1)
    expect(title).to_contain_text(f"weekly {period.first_day} to {period.last_day}")


def test_rejects_are_downloaded_from_within_the_frame(
    viewer: Airflow, rejected: tuple[Period, str], tmp_path: Path
) -> None:
    _, run_id = rejected
    frame = viewer.open(f"{PAGE}/sqp-sync/run/sqp_weekly_sync/{quote(run_id)}")
    frame.locator("#rejects summary").click()
    frame.locator("#rejects").scroll_into_view_if_needed()
    viewer.screenshot("sync-rejects")
    with viewer.page.expect_download() as download:
        frame.get_by_role("link", name="Download CSV").click()
    download.value.save_as(tmp_path / "rejects.csv")
    assert "'=no" in (tmp_path / "rejects.csv").read_text()


def test_scripts_in_queries_and_errors_do_not_run(viewer: Airflow, rejected: tuple[Period, str], failed: int) -> None:
    _, run_id = rejected
    frame = viewer.open(f"{PAGE}/sqp-sync/run/sqp_weekly_sync/{quote(run_id)}")
    frame.locator("#rejects summary").click()
    expect(frame.locator("#rejects pre")).to_contain_text("<script>document.title='owned'")
    for path in ("", f"/sqp-sync/sync/{failed}", "/sqp-sync/history?status=failed"):
        expect(viewer.open(PAGE + path).locator("main")).to_contain_text("<script>document.title='owned'")
        assert viewer.page.frames[-1].title() != "owned"
    assert viewer.page.frames[-1].locator("img").count() == 0
    assert viewer.troubles == []  # no dialog, no error, nothing refused; even a script that got in would be:
    viewer.page.frames[-1].evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'x=1'}))"
    )
    assert viewer.page.frames[-1].evaluate("typeof x") == "undefined"
    assert any("Content Security Policy" in trouble for trouble in viewer.troubles)
    viewer.troubles.clear()


@contextmanager
def no_week_is_young_enough(sync: Synced) -> Iterator[None]:
    """As if no week had come for long: rows of a synced week cannot get another last day."""
    (allowed,) = sync.query("select days_allowed as days from period_type where sync_type = 'weekly'")
    allow = "update period_type set days_allowed = %s where sync_type = 'weekly' returning 1"
    sync.query(allow, -1000)
    try:
        yield
    finally:
        sync.query(allow, allowed["days"])


def test_a_stale_table_is_called_stale(viewer: Airflow, sync: Synced) -> None:
    with no_week_is_young_enough(sync):
        row = viewer.open(PAGE).locator("#freshness tbody tr").filter(has_text="weekly_summary")
        expect(row.locator(".badge")).to_have_text("stale")
    expect(viewer.open(PAGE).locator("#freshness .badge.fresh").first).to_be_visible()


def test_the_page_follows_airflows_theme_at_once(viewer: Airflow, weekly: Synced) -> None:
    viewer.open(PAGE).locator("#headlines").wait_for()
    background = "getComputedStyle(document.body).backgroundColor"
    assert viewer.page.frames[-1].evaluate(background) == "rgb(255, 255, 255)"
    viewer.page.evaluate("localStorage.setItem('theme', 'dark')")  # as Airflow's own switch does
    expect(viewer.frame.locator("body")).to_have_css("background-color", "oklch(0.23185 0.0323 266.44)")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_fits_desktop_and_phone_light_and_dark(
    session: BrowserContext,
    airflow_server: AirflowServer,
    rejected: tuple[Period, str],
    failed: int,
    size: tuple[int, int],
    theme: Theme,
) -> None:
    pages = {"overview": "", "history": "/sqp-sync/history", "failed": f"/sqp-sync/sync/{failed}"}
    with tab(session, airflow_server.url, size, theme) as viewer:
        for name, path in pages.items():
            viewer.open(PAGE + path).locator("h1").wait_for()
            frame = viewer.page.frames[-1]
            assert frame.evaluate("document.documentElement.dataset.theme") == theme
            assert frame.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            if not path:
                expect_tips_inside(viewer, size)
            viewer.screenshot(f"{name}-{'phone' if size == PHONE else 'desktop'}-{theme}")


def expect_tips_inside(viewer: Airflow, size: tuple[int, int]) -> None:
    """The tips of the first and the last cell of each calendar are seen whole."""
    calendars = viewer.frame.locator(".calendar")
    for calendar in calendars.all():
        for cell in (calendar.locator(".cell").first, calendar.locator(".cell").last):
            cell.hover()
            box = cell.locator(".tip").bounding_box()  # from the corner of the window, not of the frame
            outer = viewer.page.locator("iframe").bounding_box()
            assert box
            assert outer
            assert outer["x"] <= box["x"]
            assert box["x"] + box["width"] <= min(outer["x"] + outer["width"], size[0])
            assert outer["y"] <= box["y"]
            assert box["y"] + box["height"] <= min(outer["y"] + outer["height"], size[1])
    assert calendars.count() > 0
    viewer.page.mouse.move(0, 0)


def test_without_a_login_the_page_says_so(browser: Browser, airflow_server: AirflowServer) -> None:
    page = browser.new_context().new_page()
    answer = page.goto(f"{airflow_server.url}/sqp-sync/")
    assert answer
    assert answer.status == 401
    expect(page.get_by_text("Log in to Airflow, then load this page again.")).to_be_visible()
    page.context.close()
