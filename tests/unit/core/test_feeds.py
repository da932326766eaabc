"""One file for several feeds: what each gets, and what is wrong with one that has a mistake."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import SyncType

DEFAULTS: dict[str, Any] = {"source": {"table": "amazon.report", "where": {"scope": ["asin"]}}}


def feeds(named: Any, environment: dict[str, str] | None = None, **defaults: Any) -> Feeds:
    """The feeds of a file with these names, and what each has of its own."""
    return Feeds.checked(
        DEFAULTS | defaults | {"feeds": named}, origin="sqp_config.yaml", environment=environment or {}
    )


def mistake_of(named: Any, name: str, **defaults: Any) -> str:
    """What the file says of a feed that cannot be used."""
    return feeds(named, **defaults).mistakes[name]


def test_a_file_without_feeds_has_one_that_has_no_name() -> None:
    single = Feeds.checked(DEFAULTS, origin="sqp_config.yaml")
    settings = single.of(None)
    assert single.is_single
    assert single.names == []
    assert (settings.feed, settings.target.schema_name, settings.tags, settings.labels) == (None, "sqp", [], {})
    assert settings.dag_id(SyncType.WEEKLY) == "sqp_weekly_sync"
    assert settings.spread == timedelta()


def test_a_feed_has_what_differs_and_the_rest_of_the_defaults() -> None:
    named = {
        "acme_us": {"source": {"where": {"country": "US"}}},
        "acme_ca": {"source": {"where": {"country": "CA"}}, "schedule": {"delay_days": {"weekly": 6}}, "owner": "ca"},
        "beta": {"source": {"table": "beta.report", "where": None}, "target": {"conn_id": "beta_db"}},
    }
    found = feeds(named, owner="agency", schedule={"retries": 5})
    us, ca, beta = (found.of(name) for name in named)
    assert found.names == ["acme_us", "acme_ca", "beta"]
    assert {path: condition.values for path, condition in us.source.where.items()} == {
        "scope": ("asin",),
        "country": ("US",),
    }
    assert (us.owner, ca.owner) == ("agency", "ca")
    assert ca.schedule.delay(SyncType.WEEKLY) == timedelta(days=6)
    assert ca.schedule.retries == 5
    assert beta.source.tables == ("beta.report",)
    assert beta.source.where == {}
    assert [each.target.schema_name for each in (us, ca, beta)] == ["sqp_acme_us", "sqp_acme_ca", "sqp_beta"]
    assert us.dag_id(SyncType.WEEKLY) == "sqp_weekly_sync__acme_us"
    assert us.named("sqp_restatements") == "sqp_restatements__acme_us"
    assert (us.tags, us.labels) == (["feed:acme_us"], {"feed": "acme_us"})
    assert found.defaults.owner == "agency"


def test_feeds_that_share_lines_by_a_yaml_alias_have_schemas_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "sqp_config.yaml"
    path.write_text(
        "feeds:\n"
        "  us: &acme\n"
        "    target: {conn_id: acme}\n"
        "    source: {table: acme.us}\n"
        "  ca:\n"
        "    <<: *acme\n"
        "    source: {table: acme.ca}\n"
        "  uk: {source: {table: acme.uk}, target: {conn_id: acme}}\n"
    )
    found = Feeds.load(path)
    assert found.mistakes == {}
    targets = [found.of(name).target for name in found.names]
    assert [(target.conn_id, target.schema_name) for target in targets] == [
        ("acme", "sqp_us"),
        ("acme", "sqp_ca"),
        ("acme", "sqp_uk"),
    ]


def test_alerts_about_a_feed_with_a_mistake_are_not_remembered_in_the_schema_of_another() -> None:
    found = feeds({"renamed": {"target": {"schema": "sqp_acme"}}, "acme": {}, "beta": {"owner": ""}})
    assert list(found.mistakes) == ["acme", "beta"]
    assert [found.stand_in(name).target.schema_name for name in found.mistakes] == ["sqp_all", "sqp_beta"]


def test_a_feed_can_keep_the_schema_that_a_single_one_had() -> None:
    found = feeds({"us": {"target": {"schema": "sqp"}}, "ca": {}})
    assert [found.of(name).target.schema_name for name in found.names] == ["sqp", "sqp_ca"]


def test_the_schema_of_the_defaults_is_what_those_of_the_feeds_begin_with() -> None:
    found = feeds({"us": {}}, target={"schema": "amazon"})
    assert found.of("us").target.schema_name == "amazon_us"
    assert found.together == "amazon_all"


def test_due_times_differ_by_name_and_stay_within_the_setting() -> None:
    found = feeds({f"client_{n}": {} for n in range(40)}, schedule={"spread_minutes": 30})
    spreads = [found.of(name).spread for name in found.names]
    assert all(timedelta() <= spread < timedelta(minutes=30) for spread in spreads)
    assert len(set(spreads)) > 15
    assert spreads[7] == feeds({"client_7": {}}, schedule={"spread_minutes": 30}).of("client_7").spread
    assert feeds({"client_7": {}}, schedule={"spread_minutes": 0}).of("client_7").spread == timedelta()


def test_texts_that_name_a_single_feed_name_this_one() -> None:
    us = feeds({"us": {}}).of("us")
    said = us.worded("`select * from sqp.period_status`; sqp_weekly_sync, sqp_restatements, sqp_migrate")
    assert said == "`select * from sqp_us.period_status`; sqp_weekly_sync__us, sqp_restatements__us, sqp_migrate"
    assert us.worded(said) == said


def test_the_file_can_name_variables_of_the_environment() -> None:
    named = {"us": {"source": {"table": "${PROJECT}.amazon.report"}}, "ca": {"target": {"conn_id": "${CA_DB}"}}}
    found = feeds(named, {"PROJECT": "acme-1"})
    assert found.of("us").source.tables == ("acme-1.amazon.report",)
    assert found.mistakes == {"ca": "${CA_DB}: the environment has no CA_DB; set it where Airflow runs"}


@pytest.mark.parametrize(
    ("name", "own", "said"),
    [
        ("all", {}, "feeds.all: is reserved; 'all' and names that end in _staging are ours"),
        ("us_staging", {}, "feeds.us_staging: is reserved; 'all' and names that end in _staging are ours"),
        (
            "Acme US",
            {},
            "feeds.Acme US: cannot be a feed's name; expected at most 50 lower-case letters, digits and underscores, "
            "a letter first",
        ),
        (
            False,
            {},
            "feeds.False: YAML reads this name as bool; expected a text. Put it in quotes",
        ),
        (
            "a" * 47,
            {},
            f"feeds.{'a' * 47}: its schema sqp_{'a' * 47} would have 51 characters; expected at most 50. Shorten the "
            "name, or give the feed a target.schema",
        ),
        ("us", "amazon.report", "feeds.us: expected sections such as 'source:', found str"),
        ("us", {"airflow": "other"}, "feeds.us.airflow: cannot differ between feeds"),
        ("us", {"feed": "ca"}, "feeds.us.feed: cannot differ between feeds"),
        ("us", {"sources": {}}, "feeds.us.sources: is not a setting; check the spelling"),
        (
            "us",
            {"source": {"retry_seconds": 0}},
            "feeds.us.source.retry_seconds: Input should be greater than 0, found 0",
        ),
        (
            "us",
            {"schedule": {"stage_timeout_minutes": float("inf")}},
            "feeds.us.schedule.stage_timeout_minutes: is too long for a length of time; expected less, found inf",
        ),
        (
            "us",
            {"owner_link": "https:///team"},
            "feeds.us.owner_link: names no host; expected an address such as https://wiki.example.com/team, "
            "found 'https:///team'",
        ),
        (
            "us",
            {"owner_link": "https://[team"},
            "feeds.us.owner_link: is no address (Invalid IPv6 URL), found 'https://[team'",
        ),
        ("us", {"target": {"schema": "sqp_good"}}, "feeds.us.target.schema: feed good has the schema sqp_good; "
            "expected one of its own"),
        ("us", {"target": {"schema": "sqp_all"}}, "feeds.us.target.schema: sqp_all is reserved for the views "
            "over all feeds; expected another"),
        (
            "us",
            {"target": {"schema": "x_staging"}},
            "feeds.us.target.schema: names that end in _staging are for staged tables; expected another, "
            "found 'x_staging'",
        ),
    ],
)  # fmt: skip
def test_a_feed_with_a_mistake_says_what_it_is_and_the_others_work(name: Any, own: Any, said: str) -> None:
    found = feeds({"good": {}, name: own})
    assert found.mistakes == {str(name): said}
    assert found.of("good").target.schema_name == "sqp_good"
    with pytest.raises(InvalidSettings) as refused:
        found.of(str(name))
    assert str(refused.value) == f"sqp_config.yaml: {said}"


def test_a_mistake_of_a_default_source_is_said_once_with_the_feeds_that_have_it() -> None:
    found = feeds({"us": {}, "ca": {}, "uk": {"source": {"columns": {"asin": "asin"}}}}, source={"table": "report"})
    with pytest.raises(InvalidSettings) as refused:
        found.refuse_mistakes()
    assert str(refused.value) == (
        "sqp_config.yaml: source.table: expected dataset.table or project.dataset.table, with a * only at the end, "
        "found 'report' (feed us, ca, uk). There are no Dags of these feeds until that is corrected, and their tables "
        "stay as they are."
    )


def test_a_mistake_of_another_default_is_one_of_the_whole_file() -> None:
    with pytest.raises(InvalidSettings, match=r"^sqp_config\.yaml: owner: String should have at least 1 character"):
        feeds({"us": {}}, owner="")


def test_a_table_that_neither_the_feed_nor_the_defaults_name_is_missing_in_the_feed() -> None:
    assert mistake_of({"us": {}}, "us", source={}) == "feeds.us.source.table: is missing"


@pytest.mark.parametrize("named", [None, {}, ["us"], "us"])
def test_feeds_without_names_are_refused(named: Any) -> None:
    with pytest.raises(InvalidSettings, match="feeds: expected a name for each feed"):
        feeds(named)


def test_who_asks_for_a_feed_that_is_not_there_is_told_which_are() -> None:
    with pytest.raises(InvalidSettings, match=r"has the feeds us, ca\. There is no feed uk\."):
        feeds({"us": {}, "ca": {}}).of("uk")
    with pytest.raises(InvalidSettings, match=r"has the feeds us, ca\. Name one of them\."):
        feeds({"us": {}, "ca": {}}).of(None)
    with pytest.raises(InvalidSettings, match=r"has no feeds, so there is no feed uk\. Leave the name out\."):
        Feeds.checked(DEFAULTS, origin="sqp_config.yaml").of("uk")


def test_a_feed_that_stands_twice_in_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sqp_config.yaml"
    path.write_text("source: {table: a.b}\nfeeds:\n  us: {}\n  us: {}\n")
    with pytest.raises(InvalidSettings, match=r"is not YAML: us stands twice in .* line 4, column 3"):
        Feeds.load(path)


def test_a_key_that_is_a_list_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "sqp_config.yaml"
    path.write_text("source: {table: a.b}\nfeeds:\n  ? [us, ca]\n  : {}\n")
    with pytest.raises(InvalidSettings, match=r"is not YAML: .*found unhashable key"):
        Feeds.load(path)


def test_anchors_and_merges_of_yaml_work(tmp_path: Path) -> None:
    path = tmp_path / "sqp_config.yaml"
    content = "source: {table: a.b}\nfeeds:\n  us: &us {source: {table: a.us}}\n  ca: {<<: *us, owner: ca}\n"
    path.write_text(content)
    assert Feeds.load(path).of("ca").source.tables == ("a.us",)
    assert yaml.safe_load(content)["feeds"]["ca"]["owner"] == Feeds.load(path).of("ca").owner


def test_some_feeds_can_be_chosen_in_the_order_of_the_file_and_none_means_all() -> None:
    found = feeds({"us": {}, "ca": {}, "uk": {"owner": ""}})
    assert found.chosen(["uk", "us"]) == ["us", "uk"]
    assert found.chosen([]) == found.chosen(None) == ["us", "ca", "uk"]
    with pytest.raises(InvalidSettings, match=r"has the feeds us, ca, uk\. There is no feed fr\."):
        found.chosen(["us", "fr"])
