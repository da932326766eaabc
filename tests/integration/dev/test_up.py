"""`make up` and `make down` from a checkout of their own: one Airflow with its life from start to end."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from dev.checkout import ROOT
from tests.integration.dev.checkout import Checkout, bare_environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]


class Made:
    """A checkout in which `make` finds everything installed."""

    def __init__(self, folder: Path) -> None:
        self.checkout = Checkout(folder)
        for shared in ("Makefile", "sql", *(path.name for path in ROOT.glob("requirements*.txt"))):
            (folder / shared).symlink_to(ROOT / shared)

    def make(self, target: str) -> str:
        done = subprocess.run(
            [shutil.which("make") or "make", "--no-print-directory", target],
            cwd=self.checkout.folder,
            capture_output=True,
            text=True,
            env=bare_environment(),
        )
        logs = "\n".join(path.read_text()[-2000:] for path in self.checkout.state.glob("log/*.log"))
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
        return done.stdout

    def processes(self) -> list[str]:
        """What runs in the checkout, PostgreSQL's own processes and Airflow's tasks included."""
        return [" ".join(process.cmdline()) for process in psutil.process_iter() if self.is_ours(process)]

    def is_ours(self, process: psutil.Process) -> bool:
        try:
            said = [*process.cmdline(), process.environ().get("AIRFLOW_HOME", ""), process.environ().get("HOME", "")]
            return process.status() != psutil.STATUS_ZOMBIE and any(str(self.checkout.state) in word for word in said)
        except psutil.Error:
            return False


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    made = Made(tmp_path / "a second checkout")
    try:
        yield made
    finally:
        made.make("clean")


def test_up_until_the_page_answers_then_again_then_mended_then_down(made: Made) -> None:
    said = made.make("up")
    found = re.search(r"status page +(\S+)/plugin/sqp-sync\n.*\npassword +(\S+)", said)
    assert found, said
    assert said.count("can be trusted") == 3
    assert_the_page_has_data(*found.groups())

    before = made.checkout.pids()
    again = made.make("up")
    assert found[0] in again
    assert made.checkout.pids() == before

    os.kill(before["scheduler"], signal.SIGKILL)
    made.make("up")
    mended = made.checkout.pids()
    assert mended["scheduler"] != before["scheduler"]
    assert {**mended, "scheduler": before["scheduler"]} == before

    ended = made.make("down")
    assert [f"{name}: stopped" in ended for name in ("Airflow", "BigQuery emulator", "PostgreSQL")] == [True] * 3
    assert made.processes() == []
    assert made.make("down").count("was not running") == 2


def assert_the_page_has_data(url: str, password: str) -> None:
    """Log in as a browser's script would, and read the page."""
    with httpx.Client(base_url=url, trust_env=False) as http:
        assert http.get("/sqp-sync/").status_code == 401
        token = http.post("/auth/token", json={"username": "admin", "password": password}).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        headlines: list[dict[str, Any]] = http.get("/sqp-sync/api/headlines").raise_for_status().json()
        assert [(line["sync_type"], line["verdict"]) for line in headlines] == [
            ("weekly", "yes"),
            ("monthly", "yes"),
            ("quarterly", "yes"),
        ]
        assert headlines[0]["answer"] in http.get("/sqp-sync/").text
        dags = http.get("/api/v2/dags").raise_for_status().json()["dags"]
        assert {dag["dag_id"] for dag in dags if not dag["is_paused"]} == {
            *("sqp_weekly_sync", "sqp_monthly_sync", "sqp_quarterly_sync"),
            *("sqp_restatements", "sqp_freshness", "sqp_migrate"),
        }
