"""How often BigQuery reads the source table: each read of it is billed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from bench.reads import READ_SESSION, Read, watched
from tests.landing import WEEK, Landing, report_row
from tests.restatements import check
from tests.stages import Stages

WEEKS = 8


@pytest.fixture
def weeks(landing: Landing) -> list[date]:
    """Eight weeks with a row each."""
    first_days = [WEEK - timedelta(weeks=back) for back in range(WEEKS)]
    landing.land(*(report_row("q", week=week) for week in first_days))
    return first_days


def of_the_source(reads: list[Read]) -> list[tuple[str, int]]:
    """The jobs that read the source, and how often each does."""
    return [(read.purpose, read.source) for read in reads if read.source]


def test_one_job_of_a_sync_reads_the_source_once(weeks: list[date], landing: Landing, stages: Stages) -> None:
    """A first load, the same week again, and a restated one."""
    for how, figures in (("attached", {}), ("unchanged", {}), ("difference", {"asin_click_count": 51})):
        if figures:
            landing.land(report_row("q", ingested_at="2026-11-25T06:00:00Z", **figures))
        with watched(how, landing.table) as reads:
            run = stages.sync(WEEK)
        assert (run.colour, stages.log(run)["sync_metadata"]["outcome"]) == ("success", how)
        assert of_the_source(reads) == [("extract", 1)]
        assert ("totals", 0, 1) in {(read.purpose, read.source, read.snapshot) for read in reads}
        assert any(read.purpose == READ_SESSION for read in reads) == (how != "unchanged")


def test_one_job_of_the_daily_check_reads_all_periods_of_a_type(
    weeks: list[date], landing: Landing, stages: Stages
) -> None:
    stages.sync(WEEK)
    due = datetime(2026, 11, 23, 6, tzinfo=UTC)
    with watched("check", landing.table) as reads:
        to_sync = check(stages, due=due, periods=WEEKS)
    assert len(to_sync) == WEEKS - 1
    assert of_the_source(reads) == [("restatements", 1)]
    with watched("check", landing.table) as reads:
        check(stages, due=due, periods=WEEKS, sync_types=["weekly", "monthly", "quarterly"])
    assert of_the_source(reads) == [("restatements", 1)] * 3
    assert len(reads) == 3
