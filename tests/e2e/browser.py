"""Debian's Chromium, headless, driven by Playwright, with a user logged in to Airflow by its login page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect, sync_playwright

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
DESKTOP, PHONE = (1280, 900), (390, 844)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Theme = Literal["light", "dark"]
PATIENCE = 300_000
"""Milliseconds until a test gives up what it expects on a page; five seconds by default, too few on a busy machine."""
expect.set_options(timeout=PATIENCE)


def chromium_path() -> str:
    """Where Chromium is; without it the tests are skipped, unless SQP_REQUIRE_CHROMIUM=1 makes that a failure."""
    if found := shutil.which("chromium") or shutil.which("chromium-browser"):
        return found
    missing = "THE STATUS PAGE IS NOT TESTED IN A BROWSER: there is no chromium (Debian: apt-get install chromium)"
    if os.environ.get("SQP_REQUIRE_CHROMIUM") == "1":
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Airflow:
    """A tab of the browser with Airflow in it; ``requested`` and ``troubles`` are what the tab asked and met."""

    page: Page
    url: str
    requested: list[str]
    troubles: list[str]

    def open(self, path: str) -> FrameLocator:
        """Go to an address of the Airflow UI and return the frame in it."""
        self.page.goto(self.url + path)
        return self.frame

    @property
    def frame(self) -> FrameLocator:
        """The frame in which Airflow shows the status page."""
        return self.page.frame_locator("iframe")

    def screenshot(self, name: str) -> None:
        """Keep what is seen."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.wait_for_timeout(300)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


@contextmanager
def airflow(
    browser: Browser,
    url: str,
    user: str,
    size: tuple[int, int] = DESKTOP,
    theme: Theme = "light",
    password: str | None = None,
) -> Iterator[Airflow]:
    """A tab of a user who has just logged in. Unless given, the password is the user's name."""
    with logged_in(browser, url, user, password) as context, tab(context, url, size, theme) as page:
        yield page


@contextmanager
def logged_in(browser: Browser, url: str, user: str, password: str | None = None) -> Iterator[BrowserContext]:
    """Log a user in by Airflow's login page. Further tabs need no login, and load Airflow's scripts from the cache."""
    with browser.new_context(color_scheme="light") as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(url)
        page.fill("input[name=username]", user)
        page.fill("input[name=password]", password or user)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda address: "/auth/login" not in address)
        page.close()
        yield context


@contextmanager
def tab(
    context: BrowserContext, url: str, size: tuple[int, int] = DESKTOP, theme: Theme = "light"
) -> Iterator[Airflow]:
    """Open a tab with the theme chosen in Airflow before."""
    with context.new_page() as page:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        requested: list[str] = []
        troubles: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        page.on("dialog", lambda dialog: (troubles.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if "Content Security Policy" in m.text else None)
        page.goto(f"{url}/api/v2/version")  # any page of Airflow's origin, whose storage has the theme
        page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
        yield Airflow(page, url, requested, troubles)
