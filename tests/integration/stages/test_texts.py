"""Search queries and ASINs of every kind arrive as they are, or as rejects that cost no neighbour."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures import settings_for
from tests.integration.exactness.rows import MALFORMED, UNTOUCHED
from tests.landing import COLUMNS, WEEK, Landing, report_row
from tests.stages import Stages


@pytest.mark.parametrize("query", UNTOUCHED, ids=lambda query: query[:12])
def test_a_query_arrives_intact(query: str, landing: Landing, stages: Stages) -> None:
    landing.land(report_row(query))
    assert stages.sync(WEEK).colour == "success"
    assert [row["query"] for row in stages.target()] == [query]


def test_forty_spellings_of_a_query_add_up_to_one_row(landing: Landing, stages: Stages) -> None:
    spaces = [" ", "  ", "\t", "\n", "\u00a0", "\u3000", " \t ", "\r\n", "\u2003", "\u2028"]
    cases = ["wireless{}headphones", "Wireless{}Headphones", "WIRELESS{}HEADPHONES", " wireless{}headphones "]
    landing.land(
        *(
            report_row(case.format(space), search_query_volume=n)
            for n, (case, space) in enumerate((case, space) for case in cases for space in spaces)
        )
    )
    run = stages.sync(WEEK)
    (row,) = stages.target()
    assert (row["query"], row["total_clicks"], row["query_volume"]) == ("wireless headphones", 40 * 50, 39)
    assert run["extract"]["source_rows"] == 40


def test_queries_are_lowered_as_bigquery_does(landing: Landing, stages: Stages) -> None:
    """An İ becomes two letters, so it is no i; a Σ at the end of a word is the same letter as ς."""
    landing.land(*(report_row(query) for query in ("İstanbul", "istanbul", "ΣΑΣ", "σας", "σασ", "ΣΑΣ ΠΟΛΗ")))
    assert stages.sync(WEEK).errors == {}
    found = {row["query"]: row["total_clicks"] for row in stages.target()}
    assert found == {"i\u0307stanbul": 50, "istanbul": 50, "σας": 100, "σασ": 50, "σας πολη": 50}


@pytest.mark.parametrize(("reason", "change"), MALFORMED)
def test_a_malformed_row_is_kept_with_its_reason_and_costs_no_neighbour(
    reason: str, change: dict[str, Any], landing: Landing, stages: Stages
) -> None:
    landing.land(*(report_row(f"good {n}") for n in range(200)), report_row("bad") | change)

    run = stages.sync(WEEK)

    assert run.colour == "success"
    assert len(stages.target()) == 200
    (reject,) = stages.query("select sync_log_id, attempt, reason, raw from sync_rejects")
    assert (reject["sync_log_id"], reject["attempt"], reject["reason"]) == (run["log_start"], 1, reason)
    assert stages.log(run)["records_failed"] == 1
    (check,) = stages.query(
        "select check_status, check_message from data_quality_checks where check_type = 'reject_rate'"
    )
    assert check["check_status"] == "warning"
    assert "1 of 201 rows are malformed (0.50%)" in check["check_message"]


def test_rows_of_other_report_periods_are_not_ours_and_displace_nothing(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"report_period": "STRING"})
    period = {"start_date": "2026-11-08"}
    landing.land(
        *(report_row(f"good {n}") | {"report_period": "WEEK"} for n in range(200)),
        report_row("good 0") | {"report_period": " week "},
        report_row("good 1", ingested_at="2026-11-30T00:00:00Z") | {"report_period": "DAY"},
        report_row("month", **period, end_date="2026-11-30") | {"report_period": "MONTH"},
    )
    source = {"columns": {"ingested_at": "ingested_at", "report_period": "report_period"}}
    mapped = Stages(settings_for(landing.table, dataset, source=source), stages.dsn)
    run = mapped.sync(WEEK)
    assert run.colour == "success"
    assert [row["total_clicks"] for row in mapped.target()] == [50] * 200
    rejects = mapped.query("select reason, raw ->> 'search_query' as query from sync_rejects")
    assert rejects == [{"reason": "unknown_report_period", "query": "good 1"}]


def test_a_marketplace_is_never_mixed_with_another(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create(COLUMNS | {"marketplace_id": "STRING"})
    landing.land(
        report_row("us", asin_click_count=1) | {"marketplace_id": "ATVPDKIKX0DER"},
        report_row("us", asin_click_count=2) | {"marketplace_id": "A1PA6795UKMFR9"},
    )
    columns = {"ingested_at": "ingested_at", "marketplace": "marketplace_id"}
    source = {"columns": columns, "marketplace": "A1PA6795UKMFR9"}
    german = Stages(settings_for(landing.table, dataset, source=source), stages.dsn)
    assert german.sync(WEEK).colour == "success"
    assert [row["total_clicks"] for row in german.target()] == [2]


def test_a_landing_that_names_only_the_last_day(landing: Landing, dataset: str, stages: Stages) -> None:
    columns = {("Reporting Date" if name == "end_date" else name): kind for name, kind in COLUMNS.items()}
    del columns["start_date"]
    landing.create(columns)
    row = report_row("q") | {"Reporting Date": "2026-11-14"}
    landing.land({name: value for name, value in row.items() if name in columns})
    source = {"columns": {"period_start": None, "period_end": "Reporting Date", "ingested_at": "ingested_at"}}
    other = Stages(settings_for(landing.table, dataset, source=source), stages.dsn)
    assert other.sync(WEEK).colour == "success"
    assert len(other.target()) == 1


def test_the_raw_row_of_a_reject_can_be_read(landing: Landing, stages: Stages) -> None:
    landing.land(*(report_row(f"good {n}") for n in range(200)), report_row("a\0b", asin="B00TEST002"))
    stages.sync(WEEK)
    (reject,) = stages.query("select raw from sync_rejects")
    assert reject["raw"]["search_query"] == "a\N{SYMBOL FOR NULL}b"
    assert reject["raw"]["asin"] == "B00TEST002"
    assert reject["raw"]["clicks"] == 50
    assert reject["raw"]["period_start"] == "2026-11-08"


def test_too_many_malformed_rows_fail_the_sync_and_leave_the_target(landing: Landing, stages: Stages) -> None:
    landing.land(*(report_row(f"good {n}") for n in range(10)), report_row("bad", asin="?"))
    run = stages.sync(WEEK)
    assert run.colour == "failed"
    assert "1 of 11 rows are malformed (9.09%)" in str(run.errors["validate"])
    assert stages.target() == []
    assert len(stages.query("select * from sync_rejects")) == 1
    log = stages.log(run)
    assert log["records_failed"] == 1
    assert log["sync_metadata"]["snapshot"]["job_id"] == run["extract"]["job_id"]


def test_only_the_first_rejects_are_kept_but_all_are_counted(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqp_provider.target.staging.REJECTS_KEPT", 3)
    landing.land(*(report_row(f"good {n}") for n in range(900)), *(report_row(f"bad {n}", asin="?") for n in range(5)))
    run = stages.sync(WEEK)
    assert run["load"]["rejects_kept"] == 3
    assert len(stages.query("select * from sync_rejects")) == 3
    assert stages.log(run)["records_failed"] == 5
