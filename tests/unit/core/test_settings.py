"""A mistake in the configuration names its key, what was found and what was expected."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings

MINIMAL: dict[str, Any] = {"source": {"table": "amazon.report"}}


def test_defaults_are_amazons_own_names() -> None:
    source = Settings.checked(MINIMAL, origin="test").source
    assert source.name_of("clicks") == "asin_click_count"
    assert source.name_of("ingested_at") is None
    assert len(source.mapped_metrics) == 8
    assert "period_end" in source.mapped()


def test_the_shipped_file_is_valid() -> None:
    settings = Settings.load(Path(__file__).parents[3] / "dags" / "sqp_config.yaml")
    assert settings.source.name_of("ingested_at") == "ingested_at"
    assert settings.target.staging_schema == "sqp_staging"
    assert settings.schedule.delay(SyncType.WEEKLY) == timedelta(days=4)
    assert settings.schedule.stale_after == timedelta(minutes=15)
    assert [settings.restatements.periods_of(sync_type) for sync_type in SyncType] == [8, 3, 2]
    assert settings.restatements.at_once == 3
    assert settings.owner_links == {"sqp-sync": "mailto:data-team@example.com"}


def test_the_shipped_file_shows_the_defaults_of_what_it_need_not_name() -> None:
    shipped = Settings.load(Path(__file__).parents[3] / "dags" / "sqp_config.yaml")
    defaults = Settings.checked(MINIMAL, origin="test")
    assert (shipped.schedule, shipped.restatements) == (defaults.schedule, defaults.restatements)


def test_an_optional_column_can_be_missing_from_the_source() -> None:
    source = {"table": "amazon.report", "columns": {"market_clicks": None}}
    settings = Settings.checked({"source": source}, origin="test")
    assert settings.source.name_of("market_clicks") is None
    assert "market_clicks" not in settings.source.mapped_metrics
    assert settings.owner_links == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "source: is missing"),
        ({"source": {}}, "source.table: is missing"),
        ({"source": {"table": "report"}}, "source.table: String should match pattern"),
        ({"source": {"table": "a.`b`"}}, "found 'a.`b`'"),
        (MINIMAL | {"sorce": 1}, "sorce: is not a setting; check the spelling"),
        (MINIMAL | {"target": {"schema": "Robert'); drop"}}, "target.schema: String should match pattern"),
        (
            MINIMAL | {"checks": {"reject_rate_fail": 2}},
            "checks.reject_rate_fail: Input should be less than or equal to 1, found 2",
        ),
        (MINIMAL | {"checks": {"reject_rate_warn": 0.5}}, "reject_rate_warn 0.5 is above reject_rate_fail 0.01"),
        (MINIMAL | {"schedule": {"retries": "many"}}, "schedule.retries: Input should be a valid integer"),
        (MINIMAL | {"schedule": {"stale_after_minutes": 0}}, "schedule.stale_after_minutes: Input should be greater"),
        (
            MINIMAL | {"restatements": {"periods": {"weekly": -1}}},
            "restatements.periods.weekly: Input should be greater",
        ),
        (MINIMAL | {"restatements": {"at_once": 0}}, "restatements.at_once: Input should be greater than or equal"),
        (
            MINIMAL | {"schedule": {"delay_days": {"wekly": 4}}},
            "schedule.delay_days.wekly: Input should be 'weekly', 'monthly' or 'quarterly', found 'wekly'",
        ),
        (MINIMAL | {"restatements": {"daily_periods": 3}}, "restatements.daily_periods: is not a setting"),
        (
            {"source": {"table": "a.b", "columns": {"klicks": "x"}}},
            "unknown column 'klicks'; expected one of period_start",
        ),
        ({"source": {"table": "a.b", "columns": {"asin": None}}}, "column 'asin' is required and cannot be null"),
        ({"source": {"table": "a.b", "columns": {"asin": "a`b"}}}, "source.columns.asin: String should match pattern"),
        (
            {"source": {"table": "a.b", "columns": {"period_start": None, "period_end": None}}},
            "columns.period_start and columns.period_end are both null; expected at least one",
        ),
        (
            {"source": {"table": "a.b", "columns": {"marketplace": "marketplace_id"}}},
            "columns.marketplace is mapped but source.marketplace names none",
        ),
        ({"source": {"table": "a.b", "marketplace": "ATVPDKIKX0DER"}}, "columns.marketplace is not mapped"),
    ],
)
def test_a_mistake_names_its_key(content: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.checked(content, origin="sqp_config.yaml")
    assert str(refused.value).startswith("sqp_config.yaml: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read (No such file or directory). Set SQP_CONFIG to the path of"),
        ("source: [", "is not YAML"),
        ("- source", "expected sections such as 'source:', found list"),
    ],
)
def test_a_file_that_is_none(text: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "sqp_config.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidSettings) as refused:
        Settings.load(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
