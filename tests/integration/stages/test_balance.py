"""Where the landed rows went: what is published, rejected, superseded and merged adds up."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sqp_provider.core.errors import DeletesRefused
from sqp_provider.core.period import SyncType
from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages

LATER = "2026-11-20T06:00:00Z"
ROWS = [
    *(report_row(f"plain {n}") for n in range(300)),
    report_row("landed twice"),
    report_row("landed twice"),
    report_row("landed again, equal"),
    report_row("landed again, equal", ingested_at=LATER),
    report_row("restated", asin_click_count=1),
    report_row("restated", asin_click_count=1),
    report_row("restated", asin_click_count=2, ingested_at=LATER),
    report_row("One  Spelling"),
    report_row("one spelling"),
    report_row("one spelling"),
    report_row("contradiction", asin_click_count=1),
    report_row("contradiction", asin_click_count=2, ingested_at=LATER),
    report_row("contradiction", asin_click_count=3, ingested_at=LATER),
    report_row("no asin", asin=None),
    report_row("no asin", asin=None),
]
BALANCE = {"landed": 315, "published": 304, "rejected": 3, "superseded": 7, "merged": 1}
SAID = "315 rows landed = 304 published + 3 rejected + 7 superseded copies + 1 merged"


def balance(stages: Stages, run: Run) -> dict[str, int]:
    rows: dict[str, int] = stages.log(run)["sync_metadata"]["rows"]
    assert rows["landed"] == rows["published"] + rows["rejected"] + rows["superseded"] + rows["merged"]
    return rows


def copies(stages: Stages, run: Run) -> dict[str, Any]:
    (check,) = stages.query(
        "select * from data_quality_checks where sync_log_id = %s and check_type = 'superseded_copies'",
        run["log_start"],
    )
    return check


def test_the_landed_rows_of_a_week_add_up(landing: Landing, stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    landing.land(*ROWS)
    run = stages.sync(WEEK)
    assert run.colour == "success"
    assert f"weekly 2026-11-08..2026-11-14: {SAID} (see sync 1)" in capsys.readouterr().out
    assert balance(stages, run) == BALANCE
    assert len(stages.target()) == BALANCE["published"]
    assert stages.log(run)["records_failed"] == BALANCE["rejected"]
    check = copies(stages, run)
    assert (check["check_status"], check["target_value"]) == ("passed", 2)
    assert "2 of 7 superseded copies have other figures" in check["check_message"]
    (again,) = stages.query(check["check_query"])
    assert again == {"rows": BALANCE, "differing_rows": 2}


def test_an_unchanged_source_adds_up_again(landing: Landing, stages: Stages) -> None:
    landing.land(*ROWS)
    stages.sync(WEEK)
    landing.land(*(row for row in ROWS if row["search_query"] == "plain 1"))
    run = stages.sync(WEEK)
    assert stages.log(run)["sync_metadata"]["outcome"] == "unchanged"
    assert balance(stages, run) == BALANCE | {"landed": 316, "superseded": 8}


def test_a_month_counts_its_weeks_as_merged(landing: Landing, stages: Stages) -> None:
    landing.land(*ROWS, *(report_row(f"plain {n}", week=date(2026, 11, 15)) for n in range(10)))
    run = stages.sync(date(2026, 11, 1), SyncType.MONTHLY)
    assert balance(stages, run) == BALANCE | {"landed": 325, "merged": 11}


def test_two_reports_in_one_table_are_warned_of(landing: Landing, stages: Stages) -> None:
    """Two accounts without a column that separates them: the later landing would silently replace the other."""
    landing.land(*(report_row(f"q {n}", asin_click_count=n) for n in range(20)))
    landing.land(*(report_row(f"q {n}", asin_click_count=n + 1, ingested_at=LATER) for n in range(15)))
    run = stages.sync(WEEK)
    check = copies(stages, run)
    assert (check["check_status"], check["target_value"]) == ("warning", 15)
    assert check["check_message"].endswith("it mixes two reports, of two accounts for example")


def test_a_complete_week_replaces_a_small_first_landing(landing: Landing, stages: Stages) -> None:
    first = [report_row(f"first {n}") for n in range(11)]
    landing.replace(*first)
    assert stages.sync(WEEK).colour == "success"
    landing.replace(*first[3:], *(report_row(f"later {n}") for n in range(60)))
    run = stages.sync(WEEK)
    assert run.errors == {}
    assert (run["publish"]["inserted"], run["publish"]["deleted"]) == (60, 3)


def test_a_remnant_does_not_replace_a_week(landing: Landing, stages: Stages) -> None:
    landing.replace(*(report_row(f"q {n}") for n in range(100)))
    assert stages.sync(WEEK).colour == "success"
    landing.replace(report_row("q 1"))
    run = stages.sync(WEEK)
    assert isinstance(run.errors["publish"].__cause__, DeletesRefused)
    assert "would delete 99 of 100 rows of sqp.weekly_summary, and 1 rows arrive" in str(run.errors["publish"])
    assert len(stages.target()) == 100
