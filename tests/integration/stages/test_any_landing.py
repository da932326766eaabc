"""Any table that holds the report is synced by configuration alone; what nobody decided about is refused."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from sqp_provider.core.errors import SourceEmpty, SourceUnusable
from sqp_provider.core.period import Period, SyncType
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.source.table import Source
from tests.fixtures import settings_for
from tests.integration.stages.test_landings import NESTED_COLUMNS
from tests.landing import COLUMNS, WEEK, Landing, report_row
from tests.stages import Run, Stages

NEWER: dict[str, Any] = {"ingested_at": "2026-11-19T06:00:00Z"}
DATES = {"ingested_at": "ingested_at"}


def sync_with(landing: Landing, dataset: str, stages: Stages, **source: Any) -> tuple[Stages, Run]:
    """Sync the week with these keys under ``source``; its check finds the same as its snapshot."""
    own = Stages(settings_for(landing.table, dataset, source=source), stages.dsn)
    run = own.sync(WEEK, force=True)
    if "extract" not in run.errors:
        period = Period.containing(SyncType.WEEKLY, WEEK)
        seen = Source(SqpBigQueryHook(), own.settings.source).window_totals(SyncType.WEEKLY, [period])[period]
        assert seen.fingerprint == run["extract"]["fingerprint"]
    return own, run


def impressions(stages: Stages) -> dict[str, int]:
    return {row["query"]: row["total_impressions"] for row in stages.target()}


# what tells feeds apart


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("marketplace_country_code", ("US", "CA")),
        ("Client Name", ("Acme", "Beta")),
        ("marketplace_id", ("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2")),
        ("sellerId", ("A1", "A2")),
        ("scope_type", ("asin", "brand")),
        ("account_id", (1, 2)),
        ("selling_partner_id", ("A1", "A2")),
    ],
)
def test_rows_of_two_feeds_are_refused_until_somebody_decides(
    column: str, values: tuple[Any, Any], landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {column: "INT64" if isinstance(values[0], int) else "STRING"})
    landing.land(report_row("wireless mouse", asin_impression_count=100) | {column: values[0]})
    landing.land(report_row("wireless mouse", asin_impression_count=999, **NEWER) | {column: values[1]})
    refused = sync_with(landing, dataset, stages, columns=DATES)[1].errors["extract"]
    assert isinstance(refused.__cause__, SourceUnusable)
    assert "has rows of several sellers, clients or marketplaces" in str(refused)
    assert f"{column} {values[0]}" in str(refused)
    assert f"source.where: {{{column}: …}}" in str(refused)
    own, run = sync_with(landing, dataset, stages, columns=DATES, where={column: values[0]})
    assert (run.errors, impressions(own)) == ({}, {"wireless mouse": 100})
    own, run = sync_with(landing, dataset, stages, columns=DATES, same_feed=[column])
    assert (run.errors, impressions(own)) == ({}, {"wireless mouse": 999})  # a re-landing, as somebody said


@pytest.mark.parametrize(
    ("kind", "values", "shown", "where"),
    [
        ("FLOAT64", (1.0, 2.0), "account 1", {"account": 1}),
        ("NUMERIC", (1, 2), "account 1", {"account": 1}),
        ("JSON", ('{"id": 1}', '{"id": 2}'), 'account {"id":', {"account.id": "1"}),
        ("struct<id string>", ({"id": "A1"}, {"id": "A2"}), "account.id A1", {"account.id": "A1"}),
    ],
)
def test_a_column_of_any_type_tells_feeds_apart(
    kind: str,
    values: tuple[Any, Any],
    shown: str,
    where: dict[str, Any],
    landing: Landing,
    dataset: str,
    stages: Stages,
) -> None:
    landing.create(COLUMNS | {"account": kind})
    landing.land(report_row("wireless mouse") | {"account": values[0]})
    landing.land(report_row("wireless mouse", asin_impression_count=999, **NEWER) | {"account": values[1]})
    _, run = sync_with(landing, dataset, stages, columns=DATES)
    assert f"some have {shown}" in str(run.errors["extract"])
    own, run = sync_with(landing, dataset, stages, columns=DATES, where=where)
    assert (run.errors, impressions(own)) == ({}, {"wireless mouse": 765})


def test_rows_of_two_feeds_that_a_condition_names_are_refused_until_they_are_one(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"country": "STRING"})
    landing.land(report_row("wireless mouse") | {"country": "US"})
    landing.land(report_row("wireless mouse", asin_impression_count=999, **NEWER) | {"country": "CA"})
    both = {"country": ["US", "CA"]}
    _, run = sync_with(landing, dataset, stages, columns=DATES, where=both)
    assert "some have country CA, others country US" in str(run.errors["extract"])
    own, run = sync_with(landing, dataset, stages, columns=DATES, where=both, same_feed=["country"])
    assert (run.errors, impressions(own)) == ({}, {"wireless mouse": 999})


def test_two_clients_with_the_same_figures_and_no_ingestion_time_are_refused(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"Client Name": "STRING"})
    landing.land(*(report_row("wireless mouse") | {"Client Name": name} for name in ("Acme", "Beta")))
    _, run = sync_with(landing, dataset, stages, columns={})
    assert "some have Client Name Acme, others Client Name Beta" in str(run.errors["extract"])


def test_a_column_that_tells_feeds_apart_but_has_one_value_needs_no_decision(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"country": "STRING"})
    landing.land(*(report_row(f"q {n}") | {"country": "US"} for n in range(3)))
    own, run = sync_with(landing, dataset, stages, columns=DATES)
    assert (run.errors, len(own.target())) == ({}, 3)


# fixed conditions


def test_a_marketplace_is_found_however_it_is_spelled(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create(COLUMNS | {"marketplace": "STRING"})
    for name, clicks in (("us", 1), ("US", 2), (" Us ", 3), ("ca", 4)):
        landing.land(report_row(f"of {clicks}", asin_click_count=clicks) | {"marketplace": name})
    columns = DATES | {"marketplace": "marketplace"}
    own, run = sync_with(landing, dataset, stages, columns=columns, marketplace="US")
    assert run.errors == {}
    assert sorted(row["query"] for row in own.target()) == ["of 1", "of 2", "of 3"]


def test_conditions_are_compared_exactly_and_all_must_hold(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create(COLUMNS | {"client_name": "STRING", "scope_type": "STRING", "deleted": "BOOL", "shop": "INT64"})
    good = {"client_name": "Acme", "scope_type": "asin", "deleted": False, "shop": 7}
    odd = [{}, {"client_name": "acme"}, {"scope_type": "brand"}, {"deleted": True}, {"shop": 8}]
    landing.land(*(report_row(f"q {n}") | good | change for n, change in enumerate(odd)))
    where = {"client_name": "Acme", "scope_type": ["asin"], "deleted": False, "shop": 7}
    own, run = sync_with(landing, dataset, stages, columns=DATES, where=where)
    assert (run.errors, list(impressions(own))) == ({}, ["q 0"])
    folded = where | {"client_name": {"values": ["ACME"], "fold": True}, "scope_type": ["asin", "brand"]}
    own, run = sync_with(landing, dataset, stages, columns=DATES, where=folded, same_feed=["scope_type"])
    assert (run.errors, sorted(impressions(own))) == ({}, ["q 0", "q 1", "q 2"])


def test_a_row_that_does_not_say_whose_it_is_is_a_reject_unless_that_is_listed(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"client_name": "STRING", "shop": "INT64"})
    good = [report_row(f"good {n}") | {"client_name": "Acme", "shop": 1} for n in range(400)]
    odd = [
        {"client_name": None, "shop": 1},
        {"client_name": "", "shop": 1},
        {"client_name": " ", "shop": 1},
        {"client_name": "Acme", "shop": None},
    ]
    landing.land(*good, *(report_row(f"good {n}", **NEWER) | change for n, change in enumerate(odd)))
    own, run = sync_with(landing, dataset, stages, columns=DATES, where={"client_name": "Acme", "shop": 1})
    assert (run.errors, len(own.target())) == ({}, 400)
    rejects = own.query("select reason, raw ->> 'unclear' as what from sync_rejects order by what")
    assert rejects == [{"reason": "unknown_feed", "what": f"{column}. "} for column in (*["client_name"] * 3, "shop")]
    named = {"client_name": ["Acme", None], "shop": [1, None]}
    own, run = sync_with(landing, dataset, stages, columns=DATES, where=named)
    assert (run.errors, run["extract"]["reject_count"], len(own.target())) == ({}, 0, 400)


def test_a_condition_of_another_type_is_refused(landing: Landing, dataset: str) -> None:
    landing.create(COLUMNS | {"shop": "INT64"})
    for where, said in (
        ({"shop": "seven"}, "column `shop` (in where) is INTEGER, but 'seven' is a text"),
        ({"shop": True}, "but True is true or false"),
        ({"asin": 5}, "column `asin` (in where) is STRING, but 5 is a whole number"),
        ({"nowhere": 5}, "column `nowhere` (in where) is missing; the table has asin"),
    ):
        source = Source(SqpBigQueryHook(), settings_for(landing.table, dataset, source={"where": where}).source)
        with pytest.raises(SourceUnusable) as refused:
            source.refuse_if_unusable()
        assert said in str(refused.value)


def test_an_empty_period_says_which_rows_the_conditions_left_out(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"client_name": "STRING"})
    landing.land(report_row("q") | {"client_name": "Beta"})
    run = sync_with(landing, dataset, stages, columns=DATES, where={"client_name": "Acme"})[1]
    assert isinstance(run.errors["extract"].__cause__, SourceEmpty)
    assert "1 rows of this period are not what source.where or source.marketplace asks for" in str(
        run.errors["extract"]
    )
    assert "for example client_name Beta." in str(run.errors["extract"])
    run = sync_with(landing, dataset, stages, columns=DATES, where={"client_name": "beta "})[1]
    assert "spell what source.where asks for differently: client_name Beta." in str(run.errors["extract"])


# reports


@pytest.mark.parametrize("name", ["WEEK", "week", "weekly", "Weekly", " WEEKLY "])
def test_a_report_is_known_by_its_usual_names(name: str, landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create(COLUMNS | {"report_period": "STRING"})
    landing.land(report_row("q") | {"report_period": name}, report_row("m") | {"report_period": "monthly"})
    own, run = sync_with(landing, dataset, stages, columns=DATES | {"report_period": "report_period"})
    assert (run.errors, list(impressions(own))) == ({}, ["q"])


def test_a_report_is_known_by_the_names_that_the_file_gives(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create(COLUMNS | {"granularity": "STRING"})
    landing.land(report_row("q") | {"granularity": "7D"}, report_row("p") | {"granularity": "7d "})
    run = sync_with(landing, dataset, stages, columns=DATES | {"report_period": "granularity"})[1]
    assert '2 unknown_report_period (for example report_period "7d")' in str(run.errors["extract"])
    assert "columns.report_period: {column: …, weekly: […]}" in str(run.errors["extract"])
    named = {"column": "granularity", "weekly": ["7d"], "monthly": ["1m"]}
    own, run = sync_with(landing, dataset, stages, columns=DATES | {"report_period": named})
    assert (run.errors, sorted(impressions(own))) == ({}, ["p", "q"])


def test_all_rows_can_be_of_one_report(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create()
    landing.land(report_row("q"))
    own, run = sync_with(landing, dataset, stages, columns=DATES | {"report_period": {"value": "weekly"}})
    assert (run.errors, list(impressions(own))) == ({}, ["q"])
    assert own.settings.source.is_summed_from_weeks(SyncType.MONTHLY)


# dates


@pytest.mark.parametrize(
    ("kind", "first", "last", "how"),
    [
        ("DATETIME", "2026-11-08T00:00:00", "2026-11-14T23:59:59", {}),
        ("TIMESTAMP", "2026-11-08T00:00:00Z", "2026-11-14T00:00:00Z", {"time_zone": "UTC"}),
        ("TIMESTAMP", "2026-11-08T08:00:00Z", "2026-11-14T08:00:00Z", {"time_zone": "America/Los_Angeles"}),
        ("STRING", "08/11/2026", " 14/11/2026", {"format": "%d/%m/%Y"}),
        ("STRING", "2026-11-08 00:00:00", "2026-11-14 00:00:00", {"pattern": r"^(\S+)", "format": "%Y-%m-%d"}),
        ("INT64", 20261108, 20261114, {"format": "%Y%m%d"}),
    ],
)
def test_dates_of_any_type_name_the_same_week(
    kind: str, first: Any, last: Any, how: dict[str, str], landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"start_date": kind, "end_date": kind})
    landing.land(report_row("q", start_date=first, end_date=last))
    dates = {
        key: {"column": column} | how for key, column in (("period_start", "start_date"), ("period_end", "end_date"))
    }
    own, run = sync_with(landing, dataset, stages, columns=DATES | dates)
    assert (run.errors, impressions(own)) == ({}, {"q": 765})
    own, run = sync_with(
        landing, dataset, stages, columns=DATES | {"period_start": None, "period_end": dates["period_end"]}
    )
    assert (run.errors, impressions(own)) == ({}, {"q": 765})


def test_a_date_that_is_written_otherwise_is_a_reject(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create(COLUMNS | {"start_date": "STRING"})
    landing.land(*(report_row(f"q {n}", start_date="08/11/2026") for n in range(200)))
    landing.land(report_row("american", start_date="11/08/2026"), report_row("none", start_date="31/13/2026"))
    columns = DATES | {"period_start": {"column": "start_date", "format": "%d/%m/%Y"}}
    own, run = sync_with(landing, dataset, stages, columns=columns)
    assert (run.errors, len(own.target())) == ({}, 200)
    rejects = own.query("select reason, raw ->> 'unreadable' as what from sync_rejects")
    assert rejects == [{"reason": "unreadable_date", "what": "period_start 31/13/2026. "}]  # 11 August is another week


@pytest.mark.parametrize(
    ("kind", "how", "said"),
    [
        ("TIMESTAMP", {}, "say whose day it is: `{column: start_date, time_zone: UTC}`"),
        ("STRING", {}, "say how it is written: `{column: start_date, format: '%Y-%m-%d'}`"),
        ("BOOL", {}, "is BOOLEAN, expected DATE or DATETIME or TIMESTAMP or STRING or INTEGER"),
        ("DATE", {"pattern": "(.*)"}, "a pattern needs STRING"),
    ],
)
def test_a_date_column_that_needs_more_than_its_name_is_refused_with_what_to_write(
    kind: str, how: dict[str, str], said: str, landing: Landing, dataset: str
) -> None:
    landing.create(COLUMNS | {"start_date": kind})
    columns = {"period_start": {"column": "start_date"} | how}
    source = Source(SqpBigQueryHook(), settings_for(landing.table, dataset, source={"columns": columns}).source)
    with pytest.raises(SourceUnusable) as refused:
        source.refuse_if_unusable()
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "older", "newer", "how"),
    [
        ("DATETIME", "2026-11-18T06:00:00", "2026-11-18T06:00:01", {}),
        ("DATE", "2026-11-18", "2026-11-19", {}),
        ("INT64", 1794981600, 1794981601, {"unit": "seconds"}),
        ("INT64", 1794981600000, 1794981600001, {"unit": "milliseconds"}),
        ("INT64", 1794981600000000, 1794981600000001, {"unit": "microseconds"}),
        ("STRING", "2026-11-18T06:00:00Z", "2026-11-18T06:00:01Z", {}),
        ("STRING", "9", "10", {"unit": "seconds"}),
        ("STRING", "18.11.2026 06:00", "19.11.2026 05:00", {"format": "%d.%m.%Y %H:%M"}),
        ("STRING", " 2026-11-18T06:00:00Z", "2026-11-18T06:00:01Z ", {}),
        ("STRING", " 18.11.2026", "19.11.2026 ", {"format": "%d.%m.%Y"}),
        ("STRING", " 9", "10 ", {"unit": "seconds"}),
    ],
)
def test_the_newest_landing_is_found_by_an_ingestion_time_of_any_type(
    kind: str, older: Any, newer: Any, how: dict[str, str], landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"ingested_at": kind})
    landing.land(report_row("q", asin_impression_count=2, ingested_at=newer))
    landing.land(report_row("q", asin_impression_count=1, ingested_at=older))
    columns = {"ingested_at": {"column": "ingested_at"} | how}
    own, run = sync_with(landing, dataset, stages, columns=columns)
    assert (run.errors, impressions(own)) == ({}, {"q": 2})


@pytest.mark.parametrize(
    ("zero", "zone"),
    [("0001-01-01T00:00:00", "America/Los_Angeles"), ("9999-12-31T23:59:59", "Asia/Tokyo")],
)
def test_a_date_that_stands_for_none_is_a_reject_in_any_time_zone(
    zero: str, zone: str, landing: Landing, dataset: str, stages: Stages
) -> None:
    """BigQuery has no day before the year 1 nor after 9999, and fails the whole statement that asks for one."""
    landing.create(COLUMNS | {"start_date": "TIMESTAMP", "end_date": "DATETIME", "ingested_at": "DATETIME"})
    ends: dict[str, Any] = {"end_date": "2026-11-14T00:00:00"}
    at: dict[str, Any] = {"ingested_at": "2026-11-18T06:00:00"}
    landing.land(*(report_row(f"q {n}", start_date="2026-11-08T12:00:00Z", **ends, **at) for n in range(200)))
    landing.land(report_row("no start", start_date=f"{zero}Z", **ends, **at))
    landing.land(report_row("no time", start_date="2026-11-08T12:00:00Z", **ends, ingested_at=zero))
    columns = {
        "period_start": {"column": "start_date", "time_zone": zone},
        "ingested_at": {"column": "ingested_at", "time_zone": "Asia/Tokyo" if zero < "2" else "America/Los_Angeles"},
    }
    own, run = sync_with(landing, dataset, stages, columns=columns)
    assert (run.errors, len(own.target())) == ({}, 201)
    rejects = own.query("select reason, raw ->> 'search_query' as query from sync_rejects")
    assert rejects == [{"reason": "missing_period", "query": "no start"}]


def test_a_week_that_starts_on_monday_shows_the_day_that_was_found(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.land(*(report_row(f"q {n}", start_date="2026-11-09", end_date="2026-11-15") for n in range(3)))
    run = sync_with(landing, dataset, stages, columns=DATES)[1]
    assert "3 misaligned_period (for example period_start 2026-11-09, a Monday" in str(run.errors["extract"])


# other places


def test_the_first_column_that_says_something_counts(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create(COLUMNS | {"child_asin": "STRING", "parent_asin": "STRING", "clicks2": "STRING"})
    for child, parent in (("B00CHILD01", "B00PARENT1"), (None, "B00PARENT2"), ("  ", "b00parent3")):
        landing.land(
            report_row("q", asin=None, asin_click_count=None)
            | {"child_asin": child, "parent_asin": parent, "clicks2": "7"}
        )
    columns = DATES | {"asin": ["child_asin", "parent_asin"], "clicks": ["asin_click_count", "clicks2"]}
    own, run = sync_with(landing, dataset, stages, columns=columns)
    assert run.errors == {}
    found = sorted((row["asin"], row["total_clicks"]) for row in own.target())
    assert found == [("B00CHILD01", 7), ("B00PARENT2", 7), ("B00PARENT3", 7)]


def test_a_fixed_value_at_the_end_of_a_choice_is_for_rows_that_say_nothing(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"report": "STRING"})
    for asin, report in (("B00TEST001", "WEEK"), (None, None), (" ", " "), ("B00TEST004", "MONTH")):
        landing.land(report_row("q", asin=asin, ingested_at=None) | {"report": report})
    columns = {"asin": ["asin", {"value": "B00TEST009"}], "report_period": ["report", {"value": "weekly"}]}
    own, run = sync_with(landing, dataset, stages, columns=DATES | columns)
    assert (run.errors, [row["asin"] for row in own.target()]) == ({}, ["B00TEST001", "B00TEST009"])
    assert not own.settings.source.is_summed_from_weeks(SyncType.MONTHLY)


def test_a_choice_of_report_names_passes_over_empty_ones_and_knows_the_words_of_each(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"kind": "STRING", "report": "STRING"})
    for kind, report in (("7d", "MONTH"), ("", "wk"), (None, "wk"), ("30d", "wk")):
        landing.land(report_row(f"of {kind}") | {"kind": kind, "report": report})
    places = [{"column": "kind", "weekly": ["7d"], "monthly": ["30d"]}, {"column": "report", "weekly": ["wk"]}]
    own, run = sync_with(landing, dataset, stages, columns=DATES | {"report_period": places})
    assert (run.errors, list(impressions(own))) == ({}, ["of", "of 7d", "of none"])


def test_a_value_that_cannot_be_read_is_a_reject_whatever_the_next_column_says(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create(COLUMNS | {"text": "STRING", "day": "STRING"})
    landing.land(*(report_row(f"q {n}") | {"text": None, "day": " "} for n in range(400)))
    landing.land(report_row("clicks") | {"text": "12,5"}, report_row("day") | {"day": "8.11.26"})
    columns = {
        "clicks": ["text", "asin_click_count"],
        "period_start": [{"column": "day", "format": "%Y-%m-%d"}, "start_date"],
    }
    own, run = sync_with(landing, dataset, stages, columns=DATES | columns)
    assert (run.errors, len(own.target())) == ({}, 400)
    rejects = own.query("select reason, raw ->> 'unreadable' as what from sync_rejects order by reason")
    assert rejects == [
        {"reason": "not_a_number", "what": "clicks 12,5. "},
        {"reason": "unreadable_date", "what": "period_start 8.11.26. "},
    ]


def test_one_asin_can_be_the_tables_or_stand_in_a_files_name(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create(COLUMNS | {"source_file": "STRING"})
    landing.land(report_row("q", asin=None) | {"source_file": "gs://b/US_B00TEST009_2026-11-14.csv"})
    own, run = sync_with(landing, dataset, stages, columns=DATES | {"asin": {"value": "B00TEST007"}})
    assert (run.errors, [row["asin"] for row in own.target()]) == ({}, ["B00TEST007"])
    stages.query("delete from weekly_summary")
    cut = {"column": "source_file", "pattern": "_(B0[A-Z0-9]{8})_"}
    own, run = sync_with(landing, dataset, stages, columns=DATES | {"asin": cut})
    assert (run.errors, [row["asin"] for row in own.target()]) == ({}, ["B00TEST009"])


ITEM: dict[str, Any] = {
    "startDate": "2026-11-08",
    "endDate": "2026-11-14",
    "asin": "B00TEST001",
    "searchQueryData": {"searchQuery": "wireless headphones", "searchQueryScore": 5, "searchQueryVolume": 15000},
    "impressionData": {"totalQueryImpressionCount": 10000, "asinImpressionCount": 765, "asinImpressionShare": 0.0765},
    "clickData": {"totalClickCount": 1000, "asinClickCount": 50},
    "cartAddData": {"totalCartAddCount": 200, "asinCartAddCount": 10},
    "purchaseData": {"totalPurchaseCount": 100, "asinPurchaseCount": 5},
}
PATHS = {"asin": "asin", **NESTED_COLUMNS}
RECORD = (
    "struct<startDate date, endDate date, asin string, "
    "searchQueryData struct<searchQuery string, searchQueryScore int64, searchQueryVolume int64>, "
    "impressionData struct<totalQueryImpressionCount int64, asinImpressionCount int64, asinImpressionShare float64>, "
    "clickData struct<totalClickCount int64, asinClickCount int64>, "
    "cartAddData struct<totalCartAddCount int64, asinCartAddCount int64>, "
    "purchaseData struct<totalPurchaseCount int64, asinPurchaseCount int64>>"
)


def below(prefix: str, **dates: str) -> dict[str, Any]:
    """The paths inside a list; in JSON dates are texts."""
    paths: dict[str, Any] = {key: f"{prefix}.{path}" for key, path in PATHS.items()}
    return paths | {key: {"column": paths[key]} | dates for key in ("period_start", "period_end") if dates}


def expect_example(own: Stages, run: Run, rows: int) -> None:
    assert run.errors == {}
    found = own.target()
    assert len(found) == rows
    for row in found:
        figures = (row["total_impressions"], row["market_clicks"], row["query_volume"], str(row["impression_share"]))
        assert figures == (765, 1000, 15000, "0.076500")


def test_a_list_of_records_is_a_row_an_entry(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create({"dataByAsin": f"array<{RECORD}>", "ids": "array<string>", "ingested_at": "TIMESTAMP"})
    items = [ITEM | {"asin": f"B00TEST00{n}"} for n in range(3)]
    for ids, entries in ((["ATVPDKIKX0DER"], items), (["A2EUQ1WTGCTBG2"], items[:1]), (["ATVPDKIKX0DER"], [])):
        landing.land({"dataByAsin": entries, "ids": ids, "ingested_at": "2026-11-18T06:00:00Z"})
    columns = DATES | below("dataByAsin") | {"marketplace": "ids[0]"}
    source = {"unnest": "dataByAsin", "columns": columns, "marketplace": "ATVPDKIKX0DER"}
    expect_example(*sync_with(landing, dataset, stages, **source), rows=3)


@pytest.mark.parametrize("kind", ["JSON", "STRING"])
def test_amazons_own_report_file_landed_whole(kind: str, landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create({"report": kind, "ingested_at": "TIMESTAMP"})
    for marketplace in ("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"):
        report = {
            "reportSpecification": {"reportOptions": {"reportPeriod": "WEEK"}, "marketplaceIds": [marketplace]},
            "dataByAsin": [ITEM, ITEM | {"asin": "B00TEST002"}],
        }
        landing.land({"report": json.dumps(report), "ingested_at": "2026-11-18T06:00:00Z"})
    columns = DATES | below("report.dataByAsin", format="%Y-%m-%d")
    columns |= {
        "marketplace": "report.reportSpecification.marketplaceIds[0]",
        "report_period": "report.reportSpecification.reportOptions.reportPeriod",
    }
    source = {"unnest": "report.dataByAsin", "columns": columns, "marketplace": "ATVPDKIKX0DER"}
    expect_example(*sync_with(landing, dataset, stages, **source), rows=2)


@pytest.mark.parametrize("kind", ["JSON", "STRING"])
def test_a_report_without_a_list_of_rows_is_a_reject_and_an_empty_list_is_none(
    kind: str, landing: Landing, dataset: str, stages: Stages
) -> None:
    """The emulator fails at a JSON null, an object, or text that is no JSON, of which BigQuery makes no list either."""
    landing.create({"report": kind, "ingested_at": "TIMESTAMP"})
    entries = [ITEM | {"asin": f"B00TEST{n:03}"} for n in range(900)]
    reports: list[dict[str, Any]] = [
        {"dataByAsin": entries},
        {"dataByAsin": []},
        {"dataByASIN": [ITEM]},
        {"errors": []},
    ]
    for report in reports:
        landing.land({"report": json.dumps(report), "ingested_at": "2026-11-18T06:00:00Z"})
    landing.land({"report": None, "ingested_at": "2026-11-18T06:00:00Z"})
    columns = DATES | below("report.dataByAsin", format="%Y-%m-%d")
    own, run = sync_with(landing, dataset, stages, columns=columns, unnest="report.dataByAsin")
    assert (run.errors, len(own.target())) == ({}, 900)
    assert {row["reason"] for row in own.query("select reason from sync_rejects")} == {"missing_period"}
    rows = own.log(run)["sync_metadata"]["rows"]
    assert (rows["landed"], rows["published"]) == (903, 900)


@pytest.mark.parametrize("kind", ["array<json>", "array<string>"])
def test_a_list_of_json_is_a_row_an_entry(kind: str, landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create({"entries": kind, "ingested_at": "TIMESTAMP"})
    entries = [json.dumps(ITEM | {"asin": f"B00TEST00{n}"}) for n in range(3)]
    landing.land({"entries": entries, "ingested_at": "2026-11-18T06:00:00Z"})
    columns = DATES | below("entries", format="%Y-%m-%d")
    expect_example(*sync_with(landing, dataset, stages, columns=columns, unnest="entries"), rows=3)


def test_a_list_inside_an_entry_of_another_list_is_a_row_an_entry(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    landing.create({"reports": f"array<struct<name string, dataByAsin array<{RECORD}>>>", "ingested_at": "TIMESTAMP"})
    items = [ITEM | {"asin": f"B00TEST00{n}"} for n in range(2)]
    for reports in ([{"name": "sqp", "dataByAsin": items}], []):
        landing.land({"reports": reports, "ingested_at": "2026-11-18T06:00:00Z"})
    path = "reports[0].dataByAsin"
    expect_example(*sync_with(landing, dataset, stages, columns=DATES | below(path), unnest=path), rows=2)


def test_a_json_column_is_read_by_path(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create({"data": "JSON", "ingested_at": "TIMESTAMP"})
    landing.land({"data": json.dumps(ITEM), "ingested_at": "2026-11-18T06:00:00Z"})
    columns = DATES | below("data", format="%Y-%m-%d")
    expect_example(*sync_with(landing, dataset, stages, columns=columns), rows=1)
    missing = columns | {"clicks": "data.clickData.clicks"}
    own, run = sync_with(landing, dataset, stages, columns=missing)
    assert (run.errors, own.target()[0]["total_clicks"]) == ({}, 0)  # and null_check warns that it is unknown
    warned = own.query(
        "select check_type from data_quality_checks where check_type = 'null_check' and check_status = 'warning'"
    )
    assert warned


# several tables


def test_tables_of_one_shape_are_read_as_one(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create()
    landing.land(report_row("in both"), report_row("first"))
    other = Landing(landing.client, f"{landing.table}_more")
    other.create()
    other.land(report_row("in both", asin_impression_count=999, **NEWER), report_row("second"))
    for table in ([landing.table, other.table], f"{landing.table}*"):
        own, run = sync_with(landing, dataset, stages, columns=DATES, table=table)
        assert (run.errors, impressions(own)) == ({}, {"in both": 999, "first": 765, "second": 765})
    other.create(COLUMNS | {"asin_click_count": "STRING"})
    run = sync_with(landing, dataset, stages, columns=DATES, table=f"{landing.table}*")[1]
    assert "column `asin_click_count` is INTEGER in" in str(run.errors["extract"])
    assert "expected tables of one shape" in str(run.errors["extract"])
    run = sync_with(landing, dataset, stages, columns=DATES, table=f"{landing.table}_none*")[1]
    assert "has no table whose name begins with" in str(run.errors["extract"])


def test_a_view_is_read_as_a_table(landing: Landing, dataset: str, stages: Stages) -> None:
    landing.create()
    landing.land(report_row("q"))
    view = f"{landing.table}_view"
    landing.client.query_and_wait(f"create view {view} as select * from {landing.table}")
    own, run = sync_with(landing, dataset, stages, columns=DATES, table=view)
    assert (run.errors, impressions(own)) == ({}, {"q": 765})


# sums that are too large


def test_a_sum_too_large_to_compute_with_is_one_reject(landing: Landing, dataset: str, stages: Stages) -> None:
    spellings = [f"{' ' * n}much{' ' * (47 - n)}" for n in range(47)]
    landing.land(*(report_row(text, asin_impression_count=10**11) for text in spellings))
    landing.land(*(report_row(f"q {n}") for n in range(200)))
    own, run = sync_with(landing, dataset, stages, columns=DATES)
    assert (run.errors, len(own.target())) == ({}, 200)
    (reject,) = own.query("select reason, raw from sync_rejects")
    assert reject["reason"] == "count_too_large"
    assert (reject["raw"]["search_query"], int(reject["raw"]["impressions"])) == ("much", 47 * 10**11)
    rows = own.log(run)["sync_metadata"]["rows"]
    assert rows == {"landed": 247, "published": 200, "rejected": 1, "superseded": 0, "merged": 46}


def test_a_week_is_the_same_whatever_the_table_is_partitioned_by(
    landing: Landing, dataset: str, stages: Stages
) -> None:
    """The emulator prunes nothing, so what stands alone in the scan's filter is asserted on the analyzer's tree."""
    dates = {"start_date": "TIMESTAMP", "end_date": "DATETIME"}
    fields = ", ".join(f"`{name}` {kind}" for name, kind in (COLUMNS | dates).items())
    for by in (
        "timestamp_trunc(start_date, day)",
        "datetime_trunc(end_date, day)",
        "timestamp_trunc(ingested_at, day)",
    ):
        landing.client.query_and_wait(f"create or replace table {landing.table} ({fields}) partition by {by}")
        landing.land(report_row("q", start_date="2026-11-08T00:00:00Z", end_date="2026-11-14T12:00:00"))
        columns = DATES | {"period_start": {"column": "start_date", "time_zone": "UTC"}}
        own, run = sync_with(landing, dataset, stages, columns=columns)
        assert (run.errors, impressions(own)) == ({}, {"q": 765})
        assert date(2026, 11, 14) == own.target()[0]["period_end"]
