"""What the settings say of a table, against what BigQuery says of it."""

from __future__ import annotations

from typing import Any

import pytest

from sqp_provider.core.settings import Settings
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.source.fit import problems
from sqp_provider.source.landing import Landing

COUNTS = ("impression", "click", "cart_add", "purchase")
FLAT = {
    "start_date": "DATE NULLABLE",
    "end_date": "DATE NULLABLE",
    "asin": "STRING NULLABLE",
    "search_query": "STRING NULLABLE",
    "search_query_score": "INTEGER NULLABLE",
    "search_query_volume": "INTEGER NULLABLE",
    **{f"asin_{count}_count": "INTEGER NULLABLE" for count in COUNTS},
    **{f"total_{count}_count": "INTEGER NULLABLE" for count in ("query_impression", *COUNTS[1:])},
}
MORE = {
    "things": "RECORD REPEATED",
    "things.n": "INTEGER NULLABLE",
    "numbers": "INTEGER REPEATED",
    "data": "JSON NULLABLE",
    "ingested": "INTEGER NULLABLE",
}


START = ("landed_row.`start_date`", 0, 0)


def landing(kinds: dict[str, str] | None = None, facts: dict[str, Any] | None = None, **source: Any) -> Landing:
    settings = Settings.checked({"source": {"table": "a.b"} | source}, origin="test").source
    return Landing(settings, [TableFacts("p.a.b", columns=FLAT | (kinds or {}), **(facts or {}))])


def test_the_default_table_fits_without_a_word() -> None:
    assert list(problems(landing())) == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"unnest": "asin_click_count"}, "source.unnest is `asin_click_count`, which is INTEGER NULLABLE"),
        ({"columns": {"clicks": "things.n"}}, "column `things.n` (for clicks) leads through the list `things`"),
        ({"columns": {"clicks": "numbers"}}, "column `numbers` (for clicks) is INTEGER REPEATED, expected one value"),
        ({"columns": {"clicks": "data"}}, "column `data` (for clicks) is JSON; add the path inside it"),
        ({"columns": {"ingested_at": "ingested"}}, "`{column: ingested, unit: milliseconds}`"),
        ({"same_feed": ["nobody"]}, "column `nobody` (in same_feed) is missing"),
    ],
)
def test_a_path_that_is_no_value_is_refused_with_what_to_write(source: dict[str, Any], said: str) -> None:
    assert said in "; ".join(problems(landing(MORE, **source)))


@pytest.mark.parametrize(
    ("name", "undecided"),
    [
        ("marketplace_country_code", True),
        ("Client Name", True),
        ("sellerId", True),
        ("account_id", True),
        ("country", True),
        ("scope_type", True),
        ("merchant_ids", True),
        ("ob_marketplace_id", True),
        ("selling_partner_id", True),
        ("Amazon Account Name", True),
        ("account_manager", False),
        ("client_clicks", False),
        ("brand", False),
        ("asin_name", False),
        ("ingested_by", False),
        ("discount", False),
    ],
)
def test_a_column_that_may_tell_feeds_apart_is_known_by_its_name(name: str, undecided: bool) -> None:
    kind = {name: "STRING NULLABLE"}
    assert [leaf.path for leaf in landing(kind).undecided] == [name] * undecided
    assert landing(kind, same_feed=[name]).undecided == []
    assert landing(kind, where={name.upper(): "x"}).undecided == []


@pytest.mark.parametrize(
    ("kinds", "path", "read"),
    [
        ({"account_id": "FLOAT NULLABLE"}, "account_id", "landed_row.`account_id`"),
        ({"account_id": "NUMERIC NULLABLE"}, "account_id", "landed_row.`account_id`"),
        ({"account": "JSON NULLABLE"}, "account", "to_json_string(landed_row.`account`)"),
        ({"seller": "RECORD NULLABLE", "seller.id": "STRING NULLABLE"}, "seller.id", "landed_row.`seller`.`id`"),
        ({"marketplaceIds": "STRING REPEATED"}, "marketplaceIds", "to_json_string(landed_row.`marketplaceIds`)"),
    ],
)
def test_a_column_of_any_type_may_tell_feeds_apart(kinds: dict[str, str], path: str, read: str) -> None:
    assert [(leaf.path, leaf.sql) for leaf in landing(kinds).undecided] == [(path, read)]


def test_the_first_entry_of_a_list_decides_about_the_list() -> None:
    own = landing({"marketplaceIds": "STRING REPEATED"}, where={"marketplaceIds[0]": "US"})
    assert own.undecided == []


def test_a_path_in_json_decides_about_the_column() -> None:
    kinds = {"account": "JSON NULLABLE"}
    assert landing(kinds, where={"account.id": "1"}).undecided == []


def test_a_condition_of_several_values_does_not_say_that_they_are_one_feed() -> None:
    kinds = {"country": "STRING NULLABLE"}
    assert [leaf.path for leaf in landing(kinds, where={"country": ["US", "CA"]}).undecided] == ["country"]
    assert landing(kinds, where={"country": ["US", "CA"]}, same_feed=["country"]).undecided == []
    assert landing(kinds, where={"country": ["US", None]}).undecided == []
    assert landing(kinds, where={"country": {"values": ["US", "us "], "fold": True}}).undecided == []


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({}, {"country": "STRING NULLABLE"}, "column `country` is missing in p.a.b, but STRING in p.a.c"),
        ({"country": "STRING NULLABLE"}, {}, "column `country` is STRING in p.a.b, but missing in p.a.c"),
        ({"end_date": "DATE REQUIRED"}, {"end_date": "DATE NULLABLE"}, ""),
        ({"end_date": "DATE NULLABLE"}, {"END_DATE": "DATE NULLABLE", "end_date": "DATE NULLABLE"}, ""),
        ({"end_date": "DATE NULLABLE"}, {"end_date": "DATETIME NULLABLE"}, "is DATE in p.a.b, but DATETIME in p.a.c"),
    ],
)
def test_tables_are_of_one_shape_if_the_same_can_be_read_from_each(
    first: dict[str, str], second: dict[str, str], said: str
) -> None:
    settings = landing().settings
    own = Landing(settings, [TableFacts("p.a.b", columns=FLAT | first), TableFacts("p.a.c", columns=FLAT | second)])
    found = "; ".join(problems(own))
    assert said in found
    assert bool(said) == bool(found)


def test_no_marketplace_column_is_asked_about_where_all_rows_are_of_one() -> None:
    kinds = {"marketplace_id": "STRING NULLABLE", "spec": "RECORD NULLABLE", "spec.MarketplaceId": "STRING NULLABLE"}
    assert [leaf.path for leaf in landing(kinds).undecided] == ["marketplace_id", "spec.MarketplaceId"]
    assert landing(kinds, columns={"marketplace": None}).undecided == []


@pytest.mark.parametrize(
    ("facts", "columns", "pruned"),
    [
        ({}, {}, None),
        ({"partitioned_by": "start_date"}, {}, None),  # the condition on the date itself stands alone
        ({"partitioned_by": "end_date"}, {}, ("landed_row.`end_date`", 0, 31)),
        ({"partitioned_by": "end_date"}, {"period_start": None}, None),
        (
            {"partitioned_by": "start_date"},
            {"period_start": ["start_date", "end_date"]},
            ("landed_row.`start_date`", 0, 0),
        ),
        ({"partitioned_by": "ts"}, {}, None),
        ({"partitioned_by": "ts", "requires_filter": True}, {}, ("landed_row.`ts`", None, 0)),
        ({"partitioned_by": "_PARTITIONTIME", "requires_filter": True}, {}, ("landed_row._PARTITIONTIME", None, 0)),
        (
            {"partitioned_by": "ts"},
            {"period_start": {"column": "ts", "time_zone": "Europe/London"}},
            ("landed_row.`ts`", 0, 0),
        ),
    ],
)
def test_one_condition_is_on_the_partitioning_column_alone(
    facts: dict[str, Any], columns: dict[str, Any], pruned: tuple[str, int | None, int] | None
) -> None:
    own = landing({"ts": "TIMESTAMP NULLABLE"}, facts, columns=columns)
    found = own.pruned(own.facts, 0)
    assert (found and (found.leaf.sql, found.shift, found.margin)) == pruned


def test_a_table_is_pruned_by_its_own_column_however_it_is_spelled() -> None:
    settings = landing(columns={"period_start": {"column": "ts", "time_zone": "UTC"}}).settings
    flat = {**FLAT, "ts": "TIMESTAMP NULLABLE"}
    other = {**FLAT, "TS": "TIMESTAMP NULLABLE", "loaded": "DATE NULLABLE"}
    by_day = TableFacts("p.a.c", columns=other, partitioned_by="TS")
    by_load = TableFacts("p.a.d", columns=other, partitioned_by="loaded", requires_filter=True)
    own = Landing(settings, [TableFacts("p.a.b", columns=flat), by_day, by_load])
    found = [own.pruned(table, 0) for table in own.tables]
    assert [each and (each.leaf.sql, each.shift) for each in found] == [
        None,
        ("landed_row.`TS`", 0),
        ("landed_row.`loaded`", None),
    ]
