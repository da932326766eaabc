"""A period without a usable row: the error says what the source has instead, and what to do about that."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sqp_provider.core.errors import SourceEmpty
from sqp_provider.core.period import SyncType
from tests.fixtures import settings_for
from tests.landing import COLUMNS, WEEK, Landing, report_row
from tests.stages import Stages

LAST_WEEK = date(2026, 11, 1)
US, GERMANY = "ATVPDKIKX0DER", "A1PA6795UKMFR9"
EMPTY = "If the period is really empty, start a new run with allow_empty."


@pytest.fixture
def labelled(landing: Landing, dataset: str, stages: Stages) -> Stages:
    """The stages over a landing whose rows name their report and their marketplace."""
    landing.create(COLUMNS | {"report_period": "STRING", "marketplace_id": "STRING"})
    columns = {"ingested_at": "ingested_at", "report_period": "report_period", "marketplace": "marketplace_id"}
    source = {"columns": columns, "marketplace": US}
    return Stages(settings_for(landing.table, dataset, source=source), stages.dsn)


def row(query: str, report: str | None = "WEEK", marketplace: str | None = US, **other: Any) -> dict[str, Any]:
    return report_row(query, **other) | {"report_period": report, "marketplace_id": marketplace}


def refusal(stages: Stages, first_day: date = WEEK, sync_type: SyncType = SyncType.WEEKLY) -> str:
    """Why the sync found nothing to load."""
    run = stages.sync(first_day, sync_type)
    assert isinstance(run.errors["extract"].__cause__, SourceEmpty)
    message: str = stages.log(run)["error_message"]
    assert message.endswith(EMPTY)
    return message


def test_weeks_that_start_on_monday_are_said_to_do_so(landing: Landing, stages: Stages) -> None:
    monday = {"start_date": "2026-11-09", "end_date": "2026-11-15"}
    landing.land(*(report_row(f"q {n}", **monday) for n in range(3)))
    said = refusal(stages)
    assert (
        "All 3 rows are malformed: 3 misaligned_period "
        "(for example period_start 2026-11-09, a Monday, period_end 2026-11-15, a Sunday)." in said
    )
    assert "The newest period with usable rows is unknown: it has none of the last 400 days." in said
    assert "The target is unchanged. Clear 'extract' when the source is corrected." in said


def test_rows_of_other_marketplaces_are_counted(landing: Landing, labelled: Stages) -> None:
    landing.land(row("q", marketplace=GERMANY), row("p", marketplace=GERMANY), row("older", week=LAST_WEEK))
    said = refusal(labelled)
    asked = "2 rows of this period are not what source.where or source.marketplace asks for"
    assert f"{asked}, for example marketplace_id {GERMANY}." in said
    assert "The newest period with usable rows is 2026-11-01..2026-11-07." in said
    assert "Clear 'extract' when the figures have arrived." in said


def test_a_report_period_in_other_words_is_an_example_of_its_reason(landing: Landing, labelled: Stages) -> None:
    landing.land(row("q", "7 Days"), row("older", "7 Days", week=LAST_WEEK))
    said = refusal(labelled)
    assert 'All 1 rows are malformed: 1 unknown_report_period (for example report_period "7 days").' in said
    assert "it has none of the last 400 days" in said


def test_rows_of_other_reports_are_counted(landing: Landing, labelled: Stages) -> None:
    landing.land(row("q", "MONTH", start_date="2026-11-08"), row("older", week=LAST_WEEK))
    said = refusal(labelled)
    assert "1 rows of these days are of other reports, month for example." in said
    assert "The newest period with usable rows is 2026-11-01..2026-11-07." in said


def test_the_commonest_reasons_come_first_with_one_example_each(landing: Landing, stages: Stages) -> None:
    landing.land(
        *(report_row(f"q {n}", asin="B00") for n in range(5)),
        *(report_row(f"q {n}", asin_click_count=-1) for n in range(3)),
        report_row(" ", asin_click_count=1),
        report_row("no end", end_date=None),
        report_row("usable", week=LAST_WEEK),
        report_row("newer, but without a query", week=date(2026, 11, 15), asin="B00"),
    )
    said = refusal(stages)
    assert (
        'All 10 rows are malformed: 5 invalid_asin (for example asin "B00"); '
        '3 negative_count (for example asin "B00TEST001", search_query "q 0"); '
        '1 empty_query (for example search_query " "). BigQuery table' in said
    )
    assert "The newest period with usable rows is 2026-11-01..2026-11-07." in said


def test_a_source_without_the_period_says_so(landing: Landing, stages: Stages) -> None:
    landing.land(report_row("far future", start_date="9999-12-26", end_date="9999-12-31"))
    said = refusal(stages)
    assert "has no usable rows for this period. It has no row of this period." in said


def test_a_month_is_as_new_as_its_newest_week(landing: Landing, stages: Stages) -> None:
    landing.land(report_row("q", week=date(2026, 9, 27)), report_row("monday", week=date(2026, 10, 5)))
    said = refusal(stages, date(2026, 11, 1), SyncType.MONTHLY)
    assert "It has no row of this period. The newest period with usable rows is 2026-09-01..2026-09-30." in said


@pytest.mark.parametrize(("sync_type", "newest"), [("weekly", "2026-11-01..2026-11-07"), ("monthly", None)])
def test_a_landing_that_names_only_the_last_day(
    sync_type: str, newest: str | None, landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.land(report_row("q", week=LAST_WEEK), report_row("friday", end_date="2026-11-13"))
    columns = {"ingested_at": "ingested_at", "period_start": None}
    ends = Stages(settings_for(landing.table, dataset, source={"columns": columns}), stages.dsn)
    if newest is None:
        assert "2026-11-01..2026-11-30" in refusal(ends, date(2026, 12, 1), SyncType.MONTHLY)
    else:
        said = refusal(ends)
        assert "1 misaligned_period (for example period_end 2026-11-13, a Friday)" in said
        assert f"The newest period with usable rows is {newest}." in said
