"""The landings that are known by name."""

from __future__ import annotations

from typing import Any

import pytest

from sqp_provider.core.contract import SOURCE_COLUMNS
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.presets import PRESETS
from sqp_provider.core.settings import Settings
from sqp_provider.core.source_settings import SourceSettings


def source(name: str, **other: Any) -> SourceSettings:
    marketplace = {"marketplace": "US"} if "marketplace" in PRESETS[name].get("columns", {}) else {}
    content = {"source": {"table": "amazon.report", "landing": name} | marketplace | other}
    return Settings.checked(content, origin="test").source


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_what_the_file_could_say(name: str) -> None:
    said = {key: value for key, value in source(name).model_dump().items() if key in PRESETS[name]}
    written = source("sp-api", marketplace=source(name).marketplace, **PRESETS[name])
    assert said == {key: value for key, value in written.model_dump().items() if key in PRESETS[name]}


@pytest.mark.parametrize("name", [name for name in PRESETS if PRESETS[name]])
def test_a_preset_maps_every_figure_or_says_that_there_is_none(name: str) -> None:
    assert PRESETS[name]["columns"].keys() >= {column.key for column in SOURCE_COLUMNS if not column.is_extra}


def test_the_file_has_the_last_word_on_each_column() -> None:
    own = source("daton", columns={"asin": "sku", "report_period": None})
    assert [place.column for place in own.places("asin")] == ["sku"]
    assert own.places("report_period") == ()
    assert [place.column for place in own.places("clicks")] == ["asinClickCount"]


def test_a_condition_of_the_file_comes_to_those_of_the_preset() -> None:
    assert set(source("scoped-weeks", where={"account_id": "acme"}).where) == {"scope_type", "account_id"}


def test_an_unknown_landing_is_named_with_those_that_there_are() -> None:
    with pytest.raises(InvalidSettings, match="landing 'fivetran' is not known; expected one of sp-api, sp-api-json, "):
        Settings.checked({"source": {"table": "a.b", "landing": "fivetran"}}, origin="test")
