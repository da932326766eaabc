"""What is proposed for a table, and how it is written."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from sqp_provider.core.feeds import Feeds
from sqp_provider.core.proposal import choose_feed, propose
from sqp_provider.core.proposed_file import Proposal
from sqp_provider.core.settings import Settings
from sqp_provider.core.table_facts import TableFacts
from tests.landing import COLUMNS, report_row

FLAT = {name: f"{kind} NULLABLE" for name, kind in COLUMNS.items()}


def proposed(columns: dict[str, str], *rows: dict[str, Any]) -> Proposal:
    return propose(TableFacts("p.d.t", columns=columns), rows)


def columns_of(proposal: Proposal) -> dict[str, Any]:
    columns: dict[str, Any] = yaml.safe_load(proposal.as_yaml())["source"]["columns"]
    return columns


def test_the_text_is_the_content_with_a_comment_beside_each_column() -> None:
    proposal = proposed(FLAT, report_row("q"))
    assert yaml.safe_load(proposal.as_yaml()) == proposal.content()
    lines = proposal.as_yaml().splitlines()
    assert "    asin: asin  # STRING, such as B00TEST001" in lines
    assert all("  # " in line for line in lines[lines.index("  columns:") + 1 :])
    assert Settings.checked(proposal.content(), origin="test").source.places("clicks")[0].column == "asin_click_count"


def test_a_required_column_that_is_not_found_keeps_its_key_and_the_names_looked_for() -> None:
    without = {name: kind for name, kind in FLAT.items() if name != "search_query"}
    proposal = proposed(without)
    assert proposal.missing == ["search_query"]
    assert columns_of(proposal)["search_query"] is None
    assert "NOT FOUND; looked for searchquery, searchterm, query" in proposal.as_yaml()


def test_an_optional_column_that_is_not_found_is_null() -> None:
    without = {name: kind for name, kind in FLAT.items() if name != "total_click_count"}
    assert proposed(without).missing == []
    assert columns_of(proposed(without))["market_clicks"] is None


def test_the_childs_asin_comes_before_the_parents() -> None:
    columns = FLAT | {"Parent ASIN": "STRING NULLABLE", "Child ASIN": "STRING NULLABLE"}
    assert columns_of(proposed(columns))["asin"] == ["Child ASIN", "Parent ASIN"]


def test_a_single_date_is_a_first_or_a_last_day_by_its_values() -> None:
    one = {name: kind for name, kind in FLAT.items() if name not in ("start_date", "end_date")}
    columns = one | {"Reporting Date": "DATE NULLABLE"}
    ends = columns_of(proposed(columns, {"Reporting Date": date(2026, 11, 14)}))
    assert (ends["period_start"], ends["period_end"]) == (None, "Reporting Date")
    begins = columns_of(proposed(columns, {"Reporting Date": date(2026, 11, 8)}))
    assert (begins["period_start"], begins["period_end"]) == ("Reporting Date", None)


def test_rows_that_a_connector_calls_deleted_are_left_out() -> None:
    columns = FLAT | {"_fivetran_deleted": "BOOLEAN NULLABLE", "_fivetran_synced": "TIMESTAMP NULLABLE"}
    del columns["ingested_at"]
    proposal = proposed(columns, {"_fivetran_synced": datetime(2026, 11, 18, tzinfo=UTC)})
    assert proposal.content()["source"]["where"] == {"_fivetran_deleted": False}
    assert columns_of(proposal)["ingested_at"] == "_fivetran_synced"


def feeds(*names: str) -> Proposal:
    return proposed(FLAT | dict.fromkeys(names, "STRING NULLABLE"))


def test_of_several_feeds_the_largest_is_taken_and_the_others_are_named() -> None:
    proposal = feeds("country", "Client Name")
    assert [each.path for each in proposal.feeds] == ["country", "Client Name"]
    said = choose_feed(proposal, [(("US", "Acme"), 100), (("CA", "Acme"), 90), (("US", "Beta"), 20), ((None, None), 5)])
    assert said[0] == "country US, Client Name Acme: 100 rows, taken"
    assert said[1:] == [
        "country CA, Client Name Acme: 90 rows, left out",
        "country US, Client Name Beta: 20 rows, left out",
        "country null, Client Name null: 5 rows, left out",
    ]
    source = proposal.content()["source"]
    assert (source["marketplace"], source["columns"]["marketplace"]) == ("US", "country")
    assert source["where"] == {"Client Name": "Acme"}
    assert "marketplace: US  # rows with CA, null are left out" in proposal.as_yaml()
    Settings.checked(proposal.content(), origin="test")


def all_feeds(proposal: Proposal) -> Feeds:
    """The file as it is when a person takes the comment signs of its feeds away."""
    text = re.sub(r"^# ?(?=feeds:|  )", "", proposal.as_yaml(), flags=re.MULTILINE).replace("\n feeds:", "\nfeeds:")
    return Feeds.checked(yaml.safe_load(text), origin="proposal")


def test_all_feeds_of_a_table_are_proposed_as_lines_to_take_the_comment_signs_from() -> None:
    proposal = feeds("marketplace_id", "Client Name")
    found = [
        ("ATVPDKIKX0DER", "Acme"),
        ("atvpdkikx0der", "Acme"),
        ("A1PA6795UKMFR9", "Acme"),
        ("ATVPDKIKX0DER", "Béta"),
    ]
    choose_feed(proposal, [*((pair, 100 - n) for n, pair in enumerate(found)), ((None, "Acme"), 3), ((None, None), 5)])
    assert proposal.as_yaml().splitlines()[-5:] == [
        "# For all of them at once, each with a schema of its own:",
        "# feeds:",
        "#   us_acme: {source: {marketplace: ATVPDKIKX0DER, where: {Client Name: Acme}}}  # 199 rows",
        "#   de_acme: {source: {marketplace: A1PA6795UKMFR9, where: {Client Name: Acme}}}  # 98 rows",
        "#   us_b_ta: {source: {marketplace: ATVPDKIKX0DER, where: {Client Name: Béta}}}  # 97 rows",
    ]
    together = all_feeds(proposal)
    assert together.mistakes == {}
    assert together.of("us_b_ta").source.where["Client Name"].values == ("Béta",)
    assert together.of("de_acme").source.marketplace == "A1PA6795UKMFR9"


@given(values=st.lists(st.text(min_size=1), min_size=2, max_size=6, unique=True))
def test_whatever_tells_feeds_apart_their_names_can_be_used(values: list[str]) -> None:
    proposal = feeds("Client Name")
    choose_feed(proposal, [((value,), 1) for value in values])
    together = all_feeds(proposal)
    assert together.mistakes == {}
    assert sorted(together.of(name).source.where["Client Name"].values[0] for name in together.names) == sorted(values)


def test_one_feed_alone_is_not_proposed_as_several() -> None:
    proposal = feeds("country", "scope_type")
    choose_feed(proposal, [(("US", "asin"), 100), (("US", "brand"), 90), ((None, "asin"), 5)])
    assert "feeds:" not in proposal.as_yaml()


def test_a_single_value_is_fixed_so_that_a_second_one_never_joins_it() -> None:
    proposal = feeds("account_id")
    choose_feed(proposal, [(("acme",), 100)])
    assert proposal.content()["source"]["where"] == {"account_id": "acme"}
    assert "the only value there is" in proposal.as_yaml()


def test_a_column_without_values_is_declined() -> None:
    proposal = feeds("account_id")
    choose_feed(proposal, [((None,), 100)])
    assert proposal.content()["source"]["same_feed"] == ["account_id"]
    assert yaml.safe_load(proposal.as_yaml())["source"]["same_feed"] == ["account_id"]


def test_a_brands_rows_are_left_out_even_if_they_are_more() -> None:
    proposal = feeds("scope_type")
    said = choose_feed(proposal, [(("brand",), 900), (("asin",), 100)])
    assert said[0] == "scope_type asin: 100 rows, taken"


def test_a_number_is_compared_as_a_number() -> None:
    proposal = proposed(FLAT | {"account_id": "INTEGER NULLABLE"})
    choose_feed(proposal, [(("12",), 100)])
    assert proposal.content()["source"]["where"] == {"account_id": 12}


@example(names=[], value="\xa0", kind="STRING")
@example(names=["yes", "# no", "a: b"], value="two\nlines \x00\x85", kind="STRING")
@given(
    names=st.lists(
        st.text(st.characters(exclude_characters="`\\'\"."), min_size=1, max_size=20), max_size=5, unique=True
    ),
    value=st.text(max_size=30),
    kind=st.sampled_from(["STRING", "INTEGER", "TIMESTAMP", "JSON"]),
)
def test_whatever_a_table_has_the_text_is_yaml_and_says_the_content(names: list[str], value: str, kind: str) -> None:
    columns = FLAT | dict.fromkeys([*names, "client_name"], f"{kind} NULLABLE")
    proposal = proposed(columns, dict.fromkeys(columns, value) if kind == "STRING" else {})
    feed = "12" if kind == "INTEGER" else value
    choose_feed(proposal, [((feed,) * len(proposal.feeds), 3), (("1",) * len(proposal.feeds), 2)])
    said = yaml.safe_load(proposal.as_yaml())
    for key in proposal.missing:
        assert said["source"]["columns"].pop(key) is None
    assert said == proposal.content()
