"""The command ``sqp prove``: what it prints, how it exits, of one feed and of several."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sqp_provider.__main__ import main
from sqp_provider.core.feeds import Feeds
from sqp_provider.migrations import migrate
from tests.landing import COLUMNS, WEEK, Landing, report_row
from tests.stages import Stages


@pytest.fixture
def config(landing: Landing, dataset: str, tmp_path: Path) -> Path:
    """A configuration of one feed."""
    file = tmp_path / "sqp_config.yaml"
    source = {"table": landing.table, "staging_dataset": dataset, "columns": {"ingested_at": "ingested_at"}}
    file.write_text(yaml.safe_dump({"source": source}))
    return file


def proved(config: Path, *arguments: str) -> int:
    return main(["prove", "weekly", "2026-11-08", "--config", str(config), *arguments])


def test_it_exits_with_0_1_and_2_and_prints_the_report_alone(
    stages: Stages, landing: Landing, config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert proved(config) == 2
    told = capfd.readouterr()
    assert told.out.startswith("weekly 2026-11-08..2026-11-14 could not be proved: it is not published")

    landing.land(report_row("wireless mouse"))
    stages.sync(WEEK)
    capfd.readouterr()
    assert proved(config, "--query", "wireless mouse", "--asin", "B00TEST001") == 0
    told = capfd.readouterr()
    assert told.err == ""
    assert told.out.splitlines()[0] == (
        "weekly 2026-11-08..2026-11-14 equals the source: 1 row on both sides, the same hash"
    )

    stages.query("update weekly_summary set total_clicks = total_clicks + 1")
    assert proved(config) == 1
    assert "  wireless mouse, B00TEST001  total_clicks: source 50, Postgres 51\n" in capfd.readouterr().out
    assert proved(config, "--json") == 1
    found = json.loads(capfd.readouterr().out)
    assert found["difference"]["differing_rows"][0]["columns"] == {"total_clicks": {"source": 50, "postgres": 51}}
    assert found["statement"].startswith("with mapped as (")


def test_in_a_process_of_its_own_it_finds_its_connections_and_logs_nothing(
    stages: Stages, landing: Landing, config: Path
) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    command = [sys.executable, "-m", "sqp_provider", "prove", "weekly", "2026-11-08", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("weekly 2026-11-08..2026-11-14 equals the source: 1 row")
    assert "info" not in done.stdout


def test_a_configuration_with_a_mistake_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert proved(tmp_path / "nowhere.yaml") == 2
    assert "nowhere.yaml: cannot be read" in capsys.readouterr().err


def test_of_several_feeds_each_is_proved_or_the_one_that_is_named(
    database: str, stages: Stages, landing: Landing, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    landing.create(COLUMNS | {"shop": "STRING"})
    landing.land(report_row("q") | {"shop": "US"}, report_row("q") | {"shop": "DE"})
    content: dict[str, Any] = yaml.safe_load(config.read_text())
    content["source"]["same_feed"] = ["shop"]
    content["feeds"] = {
        "acme_de": {"source": {"where": {"shop": "DE"}}},
        "acme_us": {"source": {"where": {"shop": "US"}}},
        "wrong": {"source": {"colour": "red"}},
    }
    config.write_text(yaml.safe_dump(content))
    settings = Feeds.load(config).of("acme_us")
    migrate(database, settings.target.schema_name)
    Stages(settings, database).sync(WEEK)
    capsys.readouterr()

    assert proved(config, "--feed", "acme_us") == 0
    assert capsys.readouterr().out.startswith("Feed acme_us\nweekly 2026-11-08..2026-11-14 equals the source: 1 row")
    assert proved(config) == 2
    said = capsys.readouterr().out
    assert "Feed acme_de\nweekly 2026-11-08..2026-11-14 could not be proved: " in said
    assert "Feed wrong\nweekly 2026-11-08 could not be proved: " in said
    assert proved(config, "--json") == 2
    assert [each["feed"] for each in json.loads(capsys.readouterr().out)] == ["acme_de", "acme_us", "wrong"]
    assert proved(config, "--feed", "nobody") == 2
