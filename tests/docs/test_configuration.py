"""docs/configuration.md says what the settings are."""

import re

import yaml

from dev import config_reference
from sqp_provider.core.settings import Settings


def test_the_page_is_as_the_settings_are() -> None:
    assert config_reference.PAGE.read_text() == config_reference.page(), "stale: run 'make docs'"


def test_each_example_is_a_setting_that_is_accepted() -> None:
    section, content = "", {"source": {"table": "amazon.search_query_performance"}}
    for line in config_reference.page().splitlines():
        if line.startswith("## "):
            section = line.strip("# `")
        for shown in re.findall(r"\. Example: `(.+?)` \|", line):
            content.setdefault(section, {}).update(yaml.safe_load(shown))
    content |= content.pop("The file itself")  # type: ignore[arg-type]
    content["source"]["columns"]["marketplace"] = "marketplace_id"  # type: ignore[index]
    settings = Settings.checked(content, origin="the page's examples")
    assert settings.source.marketplace == "ATVPDKIKX0DER"
    assert settings.alerts.causes == ("failed", "stale")
