"""Without Docker the tests of containers are skipped and say so, or fail where that was asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.compose.daemon import NEEDED, running_or_skipped

MISSING = "DOCKER COMPOSE IS NOT TESTED"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are searched for; empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SQP_REQUIRE_DOCKER", raising=False)
    return tmp_path


@pytest.mark.usefixtures("programs")
def test_without_docker_the_tests_are_skipped_and_say_what_is_missing() -> None:
    said = f"{MISSING}.*apt-get install docker.io mmdebstrap"
    with pytest.raises(pytest.skip.Exception, match=said), running_or_skipped():
        pass


def test_without_root_they_are_skipped_too(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in NEEDED:
        (programs / program).touch(mode=0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(pytest.skip.Exception, match=f"{MISSING}: only root"), running_or_skipped():
        pass


@pytest.mark.usefixtures("programs")
def test_where_docker_is_required_its_absence_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQP_REQUIRE_DOCKER", "1")
    with pytest.raises(pytest.fail.Exception, match=MISSING), running_or_skipped():
        pass
