"""Without Chromium the browser's tests are skipped and say so, or fail where that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.browser import chromium, chromium_path

MISSING = "THE STATUS PAGE IS NOT TESTED IN A BROWSER"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are searched for; empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SQP_REQUIRE_CHROMIUM", raising=False)
    return tmp_path


@pytest.mark.usefixtures("programs")
def test_without_chromium_the_tests_are_skipped_and_say_what_is_missing() -> None:
    with pytest.raises(pytest.skip.Exception, match=f"{MISSING}.*apt-get install chromium"), chromium():
        pass


@pytest.mark.usefixtures("programs")
def test_where_chromium_is_required_its_absence_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQP_REQUIRE_CHROMIUM", "1")
    with pytest.raises(pytest.fail.Exception, match=MISSING), chromium():
        pass


@pytest.mark.parametrize("name", ["chromium", "chromium-browser"])
def test_chromium_is_found_under_both_of_its_names(programs: Path, name: str) -> None:
    (programs / name).touch(mode=0o755)
    assert chromium_path() == str(programs / name)
