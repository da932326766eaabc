"""`make up` and `make down` from a checkout of their own: one Airflow with its life from start to end."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.dev.checkout import Made, cleaned_afterwards

pytestmark = [pytest.mark.e2e, pytest.mark.long]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    with cleaned_afterwards(tmp_path / "a second checkout") as made:
        yield made


def test_up_until_the_page_answers_then_again_then_mended_then_down(made: Made) -> None:
    said, url, password = made.up()
    assert said.count("can be trusted") + said.count("is published") == 3  # until others are synced, nobody knows
    assert_the_page_has_data(url, password)

    before = made.checkout.pids()
    assert made.up()[1:] == (url, password)
    assert made.checkout.pids() == before

    os.kill(before["scheduler"], signal.SIGKILL)
    made.make("up")
    mended = made.checkout.pids()
    assert mended["scheduler"] != before["scheduler"]
    assert {**mended, "scheduler": before["scheduler"]} == before

    stopped = made.make("down")
    assert [f"{name}: stopped" in stopped for name in ("Airflow", "BigQuery emulator", "PostgreSQL")] == [True] * 3
    assert made.processes() == []
    assert made.make("down").count("was not running") == 2


def assert_the_page_has_data(url: str, password: str) -> None:
    """Log in as a browser's script would, and read the page."""
    with httpx.Client(base_url=url, trust_env=False) as http:
        assert http.get("/sqp-sync/").status_code == 401
        token = http.post("/auth/token", json={"username": "admin", "password": password}).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        headlines: list[dict[str, Any]] = http.get("/sqp-sync/api/headlines").raise_for_status().json()
        assert [line["sync_type"] for line in headlines] == ["weekly", "monthly", "quarterly"]
        assert {line["verdict"] for line in headlines} <= {"yes", "care"}
        said = re.sub("<[^>]+>", "", http.get("/sqp-sync/").text)
        assert f"The week {headlines[0]['period_start']} to {headlines[0]['period_end']} " in said
        dags = http.get("/api/v2/dags").raise_for_status().json()["dags"]
        assert {dag["dag_id"] for dag in dags if not dag["is_paused"]} == {
            *("sqp_weekly_sync", "sqp_monthly_sync", "sqp_quarterly_sync"),
            *("sqp_restatements", "sqp_freshness", "sqp_migrate"),
        }
