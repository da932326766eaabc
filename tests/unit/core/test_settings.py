"""A mistake in the configuration names its key, what was found and what was expected."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sqp_provider.core.contract import EXTRAS
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings

MINIMAL: dict[str, Any] = {"source": {"table": "amazon.report"}}


def checked(**sections: Any) -> Settings:
    """Settings with nothing but a source table and these sections."""
    return Settings.checked(MINIMAL | sections, origin="test")


def test_defaults_are_amazons_own_names() -> None:
    source = checked().source
    assert {key: place.column for key, (place,) in source.mapped().items()} == {
        "period_start": "start_date",
        "period_end": "end_date",
        "asin": "asin",
        "search_query": "search_query",
        "impressions": "asin_impression_count",
        "clicks": "asin_click_count",
        "cart_adds": "asin_cart_add_count",
        "purchases": "asin_purchase_count",
        "market_impressions": "total_query_impression_count",
        "market_clicks": "total_click_count",
        "market_cart_adds": "total_cart_add_count",
        "market_purchases": "total_purchase_count",
        "query_score": "search_query_score",
        "query_volume": "search_query_volume",
    }
    assert source.mapped_metrics == (
        "total_impressions",
        "total_clicks",
        "total_cart_adds",
        "total_purchases",
        "market_impressions",
        "market_clicks",
        "market_cart_adds",
        "market_purchases",
    )


@pytest.mark.parametrize("key", [*EXTRAS, "report_period", "marketplace", "ingested_at"])
def test_an_optional_column_exists_only_where_the_file_maps_it(key: str) -> None:
    source = {"table": "amazon.report", "marketplace": "ATVPDKIKX0DER" if key == "marketplace" else None}
    mapped = Settings.checked({"source": source | {"columns": {key: "my column"}}}, origin="test").source
    assert (checked().source.places(key), [place.column for place in mapped.places(key)]) == ((), ["my column"])


def test_months_are_summed_from_weeks_where_no_column_says_the_report() -> None:
    summed, own = checked().source, checked(source=MINIMAL["source"] | {"columns": {"report_period": "report"}}).source
    assert [summed.is_summed_from_weeks(sync_type) for sync_type in SyncType] == [False, True, True]
    assert [own.is_summed_from_weeks(sync_type) for sync_type in SyncType] == [False, False, False]


def test_a_sum_of_weeks_has_no_extras_but_counts() -> None:
    columns = {"click_price": "price", "currency": {"value": "USD"}, "market_one_day_clicks": "fast"}
    summed = checked(source=MINIMAL["source"] | {"columns": columns}).source
    own = checked(source=MINIMAL["source"] | {"columns": columns | {"report_period": "report"}}).source
    every = ("market_one_day_clicks", "click_price", "currency")
    assert [summed.extras(sync_type) for sync_type in SyncType] == [every, every[:1], every[:1]]
    assert [own.extras(sync_type) for sync_type in SyncType] == [every, every, every]
    assert checked().source.extras(SyncType.WEEKLY) == ()


def test_each_type_that_a_setting_does_not_name_keeps_its_default() -> None:
    settings = checked(
        schedule={"delay_days": {"monthly": 10}},
        restatements={"periods": {"monthly": 11}},
        freshness={"days_allowed": {"monthly": 12}},
    )
    assert [settings.schedule.delay(sync_type).days for sync_type in SyncType] == [4, 10, 7]
    assert [settings.restatements.periods_of(sync_type) for sync_type in SyncType] == [8, 11, 2]
    assert [settings.freshness.allowed(sync_type) for sync_type in SyncType] == [14, 12, 135]


def test_the_shipped_file_is_valid() -> None:
    settings = Feeds.load(Path(__file__).parents[3] / "dags" / "sqp_config.yaml").of(None)
    assert [place.column for place in settings.source.places("ingested_at")] == ["ingested_at"]
    assert settings.target.staging_schema == "sqp_staging"
    assert settings.schedule.delay(SyncType.WEEKLY) == timedelta(days=4)
    assert settings.schedule.stale_after == timedelta(minutes=15)
    assert [settings.restatements.periods_of(sync_type) for sync_type in SyncType] == [8, 3, 2]
    assert settings.restatements.at_once == 3
    assert settings.owner_links == {"sqp-sync": "mailto:data-team@example.com"}


def test_the_shipped_file_shows_the_defaults_of_what_it_need_not_name() -> None:
    shipped = Feeds.load(Path(__file__).parents[3] / "dags" / "sqp_config.yaml").of(None)
    assert (shipped.schedule, shipped.restatements) == (checked().schedule, checked().restatements)


def test_an_optional_column_can_be_missing_from_the_source() -> None:
    source = {"table": "amazon.report", "columns": {"market_clicks": None}}
    settings = Settings.checked({"source": source}, origin="test")
    assert settings.source.places("market_clicks") == ()
    assert "market_clicks" not in settings.source.mapped_metrics
    assert settings.owner_links == {}


@pytest.mark.parametrize(
    ("content", "key", "found"),
    [
        ({"source": {"table": "report"}}, "source.table", "'report'"),
        ({"source": {"table": "a.`b`"}}, "source.table", "'a.`b`'"),
        ({"source": {"table": "a.b", "columns": {"asin": "a`b"}}}, "source.columns.asin.0.column", "'a`b'"),
        (MINIMAL | {"target": {"schema": "sqp;"}}, "target.schema", "'sqp;'"),
        (MINIMAL | {"checks": {"reject_rate_fail": 2}}, "checks.reject_rate_fail", "2"),
        (MINIMAL | {"schedule": {"retries": "many"}}, "schedule.retries", "'many'"),
        (MINIMAL | {"schedule": {"stale_after_minutes": 0}}, "schedule.stale_after_minutes", "0"),
        (MINIMAL | {"restatements": {"periods": {"weekly": -1}}}, "restatements.periods.weekly", "-1"),
        (MINIMAL | {"restatements": {"at_once": 0}}, "restatements.at_once", "0"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_key(content: dict[str, Any], key: str, found: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.checked(content, origin="sqp_config.yaml")
    said = str(refused.value)
    assert (said.startswith(f"sqp_config.yaml: {key}: "), said.endswith(f", found {found}")) == (True, True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "source: is missing"),
        ({"source": {}}, "source.table: is missing"),
        (MINIMAL | {"sorce": 1}, "sorce: is not a setting; check the spelling"),
        (
            MINIMAL | {"restatements": {"daily_periods": 3}},
            "restatements.daily_periods: is not a setting; check the spelling",
        ),
        (
            MINIMAL | {"checks": {"reject_rate_warn": 0.5}},
            "checks: reject_rate_warn 0.5 is above reject_rate_fail 0.01; expected it at or below",
        ),
        (
            MINIMAL | {"schedule": {"delay_days": {"wekly": 4}}},
            "schedule.delay_days.wekly: Input should be 'weekly', 'monthly' or 'quarterly', found 'wekly'",
        ),
        (
            {"source": {"table": "a.b", "columns": {"klicks": "x"}}},
            "source.columns: unknown column 'klicks'; expected one of period_start, period_end, asin, search_query, "
            "impressions, clicks, cart_adds, purchases, market_impressions, market_clicks, market_cart_adds, "
            "market_purchases, query_score, query_volume, market_same_day_clicks, market_one_day_clicks, "
            "market_two_day_clicks, market_same_day_cart_adds, market_one_day_cart_adds, market_two_day_cart_adds, "
            "market_same_day_purchases, market_one_day_purchases, market_two_day_purchases, market_click_price, "
            "click_price, market_cart_add_price, cart_add_price, market_purchase_price, purchase_price, currency, "
            "report_period, marketplace, ingested_at",
        ),
        (
            {"source": {"table": "a.b", "columns": {"currency": {"value": "dollars"}}}},
            "source.columns: columns.currency: value is 'dollars'; expected three letters, such as USD",
        ),
        (
            {"source": {"table": "a.b", "columns": {"click_price": {"value": "12"}}}},
            "source.columns: columns.click_price: value is only for asin, currency, report_period",
        ),
        (
            {"source": {"table": "a.b", "columns": {"asin": None}}},
            "source.columns: column 'asin' is required and cannot be null",
        ),
        (
            {"source": {"table": "a.b", "columns": {"asin": [{"value": "B00TEST001"}, "asin"]}}},
            "source.columns: columns.asin: a fixed value is never empty; expected it last in the list",
        ),
        (
            {"source": {"table": "a.b", "columns": {"period_start": None, "period_end": None}}},
            "source: columns.period_start and columns.period_end are both null; expected at least one",
        ),
        (
            {"source": {"table": "a.b", "landing": "daton", "where": ["US"]}},
            "source.where: Input should be a valid dictionary, found [US]",
        ),
        (
            {"source": {"table": "a.b", "columns": {"marketplace": "marketplace_id"}}},
            "source: columns.marketplace is mapped but source.marketplace names none; expected one marketplace id, "
            "for example ATVPDKIKX0DER, so that two never mix",
        ),
        (
            {"source": {"table": "a.b", "marketplace": "ATVPDKIKX0DER"}},
            "source: source.marketplace is set but columns.marketplace is not mapped; expected a column name",
        ),
    ],
)
def test_a_mistake_names_its_key_and_the_way_out(content: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.checked(content, origin="sqp_config.yaml")
    assert str(refused.value) == f"sqp_config.yaml: {said}"


def test_every_mistake_of_a_file_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sqp_config.yaml"
    path.write_text("source: {table: a.b, retry_seconds: 0}\nowner: ''\n")
    with pytest.raises(InvalidSettings) as refused:
        Feeds.load(path).of(None)
    assert str(refused.value) == (
        f"{path}: source.retry_seconds: Input should be greater than 0, found 0; "
        "owner: String should have at least 1 character, found ''"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            None,
            "cannot be read (No such file or directory). Set SQP_CONFIG to the path of sqp_config.yaml, or restore "
            "the file.",
        ),
        (
            "source: @a",
            "is not YAML: while scanning for the next token found character that cannot start any token in "
            '"<unicode string>", line 1, column 9',
        ),
        ("- source", "expected sections such as 'source:', found list"),
        ("", "expected sections such as 'source:', found NoneType"),
    ],
)
def test_a_file_that_has_no_settings_says_what_it_is(text: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "sqp_config.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidSettings) as refused:
        Feeds.load(path).of(None)
    assert str(refused.value) == f"{path}: {said}"
