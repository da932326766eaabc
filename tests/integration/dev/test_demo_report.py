"""The tables that `make demo` prints."""

from __future__ import annotations

import pytest

from dev.demo.report import Report
from tests.landing import WEEK, Landing, report_row
from tests.stages import Stages


def test_the_table_of_periods_says_what_can_be_trusted_and_why_in_120_columns(
    stages: Stages, landing: Landing, capsys: pytest.CaptureFixture[str]
) -> None:
    landing.land(report_row("wireless mouse"))
    stages.sync(WEEK)
    capsys.readouterr()
    Report(stages.dsn, "sqp").show("Status of each period", "periods")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 120
    week = next(line for line in lines if "2026-11-08" in line)
    assert [cell.strip() for cell in week.strip("│").split("│")][:4] == ["weekly", "2026-11-08", "synced", "no"]
    month = next(line for line in lines if "monthly" in line)
    assert "Summed from 1 of 5 weeks." in month


def test_a_printed_command_stays_in_one_line(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = f"sqp prove weekly 2026-11-08 --query '{'wireless mouse ' * 20}' --asin B000000001"
    Report(database, "sqp").say(command)
    assert capsys.readouterr().out == f"{command}\n"
