"""What the views over all feeds say of each, and whose they are."""

from __future__ import annotations

from typing import Any

import pytest

from sqp_provider.core.ownership import Owner
from sqp_provider.core.revision import SchemaVersion
from sqp_provider.core.source_settings import SourceSettings
from sqp_provider.core.together import Mark, SchemaFound, fixed_by_feed, why_left_out

US = Owner("https://airflow.example.com", "us")
TAKEN = {"feed", "asin", "status", "year"}


def fixed(**sources: dict[str, Any]) -> dict[str, dict[str, str | None]]:
    tables = {name: SourceSettings(table="a.b", **source) for name, source in sources.items()}
    return fixed_by_feed(tables, TAKEN)


def test_a_feed_says_what_it_fixes_and_nothing_of_what_another_does() -> None:
    marketplace = {"marketplace": "ATVPDKIKX0DER", "columns": {"marketplace": "marketplaceId"}}
    assert fixed(us=marketplace, acme={"where": {"Client Name": "Acme"}}, all_of_it={}) == {
        "us": {"client_name": None, "marketplace": "ATVPDKIKX0DER"},
        "acme": {"client_name": "Acme", "marketplace": None},
        "all_of_it": {"client_name": None, "marketplace": None},
    }


@pytest.mark.parametrize(
    ("path", "column"),
    [
        ("Client Name", "client_name"),
        ("marketplaceId", "marketplace_id"),
        ("request.marketplaceIds[0]", "marketplace_ids_0"),
        ("ob_seller_id", "ob_seller_id"),
        ("status", "where_status"),
        ("report.Year", "where_year"),
        ("Größe", "größe"),
        ("§", "where_column"),
        ("ä" * 40, "ä" * 31),
    ],
)
def test_the_column_has_the_name_of_the_source_in_snake_case(path: str, column: str) -> None:
    assert fixed(us={"where": {path: "a"}}) == {"us": {column: "a"}}


def test_two_columns_of_the_same_last_name_have_their_whole_paths() -> None:
    assert fixed(us={"where": {"account.id": "1", "client.id": "2"}}, ca={"where": {"account.id": "3"}}) == {
        "us": {"account_id": "1", "client_id": "2"},
        "ca": {"account_id": "3", "client_id": None},
    }


def test_a_marketplace_that_is_fixed_twice_stands_twice() -> None:
    source = {"marketplace": "A1", "columns": {"marketplace": "id"}, "where": {"marketplace": "US"}}
    assert fixed(us=source) == {"us": {"marketplace": "A1", "where_marketplace": "US"}}


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("Acme", "Acme"),
        (["US", "CA"], "US, CA"),
        (7, "7"),
        (1, "1"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (["a", None], "a, null"),
        ({"values": ["us"], "fold": True}, "us"),
    ],
)
def test_values_are_written_as_in_the_configuration(condition: Any, text: str) -> None:
    assert fixed(us={"where": {"client": condition}}) == {"us": {"client": text}}


def test_a_mark_is_read_as_it_was_written_and_other_comments_are_none() -> None:
    mark = Mark("My Airflow (old) together", "3f2a81c09d5e", "")
    assert Mark.of(str(mark)) == mark
    assert Mark.of("SQP Sync: schema sqp_all") is None
    assert Mark.of(None) is None


KNOWN = SchemaVersion("0004", "3f2a81c09d5e")


@pytest.mark.parametrize(
    ("differs", "because"),
    [
        ({}, None),
        ({"airflow": None, "feed": None}, None),
        ({"feed": None}, None),  # it was the only feed
        ({"schema_name": None}, None),
        ({"feed": "uk"}, "schema sqp_us belongs to feed uk of Airflow https://airflow.example.com"),
        ({"airflow": "b"}, "schema sqp_us belongs to feed us of Airflow b"),
        ({"airflow": "b", "feed": None}, "schema sqp_us belongs to Airflow b"),
        ({"schema_name": "sqp"}, "schema sqp_us was called sqp when it was migrated"),
        (
            {"revision": "0003"},
            "schema sqp_us is at version 0003 3f2a81c09d5e, and this code needs 0004 3f2a81c09d5e",
        ),
    ],
)
def test_a_feed_is_left_out_for_a_reason(differs: dict[str, Any], because: str | None) -> None:
    right = {
        "schema": "sqp_us",
        "revision": "0004",
        "files": "3f2a81c09d5e",
        "schema_name": "sqp_us",
        "airflow": US.airflow,
        "feed": "us",
    }
    assert why_left_out("sqp_us", SchemaFound(**right | differs), US, KNOWN) == because


def test_a_feed_without_a_schema_is_left_out() -> None:
    assert why_left_out("sqp_us", None, US, KNOWN) == "schema sqp_us was not migrated yet, or may not be read"
