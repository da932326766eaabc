"""What stands in the way of the sync in somebody's database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqp_provider.core.adoption import (
    ColumnFound,
    DatabaseFound,
    KeyFound,
    OthersFound,
    TableFound,
    obstacles,
)

WEEKS = TableFound("weekly_summary", "r", None, is_ours_to_change=True, owner="seller")


def column(name: str, kind: str, *, table: str = "weekly_summary") -> ColumnFound:
    return ColumnFound(
        table, name, kind, is_not_null=False, is_filled=False, is_generated=False, takes_bytes_apart=True
    )


KEY_COLUMNS = (
    column("period_start", "date"),
    column("period_end", "date"),
    column("query", "text"),
    column("asin", "character varying"),
)


def found(*columns: ColumnFound, keys: tuple[KeyFound, ...] = (), table: TableFound = WEEKS) -> list[str]:
    """What is in the way of a table with the key's columns and these."""
    own = [replace(each, table_name=table.name) for each in KEY_COLUMNS]
    named = {each.name for each in columns}
    own = [each for each in own if each.name not in named]
    return [str(each) for each in obstacles(DatabaseFound((table,), (*own, *columns), keys))]


def test_nothing_is_in_the_way_of_an_empty_schema_and_of_a_plain_table() -> None:
    assert obstacles(DatabaseFound()) == []
    assert found() == []
    assert found(column("total_clicks", "integer"), column("avg_ctr", "double precision")) == []


@pytest.mark.parametrize("kind", ["p", "r"])
def test_a_table_that_is_partitioned_by_our_column_is_kept(kind: str) -> None:
    assert found(table=replace(WEEKS, kind=kind, partition_key="RANGE (period_start)")) == []


def test_a_table_that_is_none_or_is_partitioned_otherwise_is_refused() -> None:
    rename = "Rename it (alter table weekly_summary rename to …), or move it to another schema."
    assert found(table=replace(WEEKS, kind="v")) == [
        f"weekly_summary is neither a plain table nor a partitioned one. {rename}"
    ]
    assert found(table=replace(WEEKS, kind="p", partition_key="LIST (asin)")) == [
        f"weekly_summary is partitioned by LIST (asin), not by RANGE (period_start). {rename}"
    ]


def test_a_table_of_somebody_else_is_refused_with_its_owner() -> None:
    assert found(table=replace(WEEKS, is_ours_to_change=False)) == [
        "weekly_summary belongs to seller, and only its owner may add columns, triggers and indexes. "
        "Migrate as seller, or make the role that migrates a member of it (grant seller to …)."
    ]


def test_a_column_of_theirs_needs_a_value_of_its_own() -> None:
    client = replace(column("client_id", "integer"), is_not_null=True)
    assert found(client) == [
        "weekly_summary.client_id must not be null and has no default, but the sync does not know what to write there. "
        "Give it a default, or drop its not null constraint (alter table weekly_summary alter column client_id …)."
    ]
    assert found(replace(client, is_filled=True)) == []
    assert found(replace(client, is_not_null=False)) == []


def test_a_missing_key_column_and_a_wrong_type_are_said() -> None:
    without = DatabaseFound((WEEKS,), KEY_COLUMNS[:3])
    assert [str(each) for each in obstacles(without)] == [
        "weekly_summary has no column asin. Add it (alter table weekly_summary add column asin …)."
    ]
    assert found(column("total_clicks", "real")) == [
        "weekly_summary.total_clicks is of type real, and the sync writes smallint, integer, bigint, numeric or double "
        "precision. Convert it (alter table weekly_summary alter column total_clicks type double precision using …)."
    ]
    assert found(column("period_start", "text"))[0].startswith(
        "weekly_summary.period_start is of type text, and the sync writes date."
    )


@pytest.mark.parametrize("name", ["bigquery_sync_id", "sync_log_id", "last_synced_at", "active_weeks"])
def test_what_a_sum_of_weeks_leaves_empty_must_be_allowed_to_be(name: str) -> None:
    kinds = {"bigquery_sync_id": "text", "sync_log_id": "bigint", "last_synced_at": "timestamp with time zone"}
    months = replace(WEEKS, name="monthly_summary")
    empty = column(name, kinds.get(name, "integer"), table="monthly_summary")
    assert found(empty, table=months) == []
    assert found(replace(empty, is_not_null=True), table=months) == [
        f"monthly_summary.{name} must not be null, but rows that are summed from weeks, or are Amazon's own, leave it "
        f"empty. Drop its not null constraint (alter table monthly_summary alter column {name} drop not null)."
    ]


def test_a_collation_that_takes_texts_for_equal_is_refused() -> None:
    assert found(replace(column("query", "text"), takes_bytes_apart=False)) == [
        "weekly_summary.query has a nondeterministic collation, which takes different texts for equal and would mix "
        "their rows. Give it another collation "
        '(alter table weekly_summary alter column query type text collate "default").'
    ]


def test_a_generated_count_is_refused_and_a_generated_rate_or_year_is_not() -> None:
    months = replace(WEEKS, name="monthly_summary")
    for name, kind in (("avg_ctr", "numeric"), ("year", "integer")):
        generated = replace(column(name, kind, table="monthly_summary"), is_generated=True, is_filled=True)
        assert found(generated, table=months) == []
    clicks = replace(column("total_clicks", "integer"), is_generated=True, is_filled=True)
    assert found(clicks) == [
        "weekly_summary.total_clicks is generated, but the sync has to write it. "
        "Make it a plain column (alter table weekly_summary alter column total_clicks drop expression)."
    ]


def key(*columns: str, table: str = "weekly_summary", nulls: bool = False) -> tuple[KeyFound, ...]:
    return (KeyFound(table, "theirs", columns, takes_nulls_as_equal=nulls),)


@pytest.mark.parametrize(
    "columns",
    [("period_start", "query", "asin"), ("asin", "query", "period_end"), ("id",), ("client", "query"), ("created_at",)],
)
def test_a_key_that_no_two_rows_of_ours_violate_is_kept(columns: tuple[str, ...]) -> None:
    theirs = (
        replace(column("id", "bigint"), is_filled=True),
        column("client", "text"),
        replace(column("created_at", "timestamp with time zone"), is_filled=True),
    )
    assert found(*theirs, keys=key(*columns)) == []


def test_a_key_over_expressions_is_not_judged() -> None:
    assert found(keys=(KeyFound("weekly_summary", "theirs", None, takes_nulls_as_equal=False),)) == []


def test_a_key_that_leaves_out_a_part_of_ours_is_refused() -> None:
    assert found(keys=key("query", "asin")) == [
        "weekly_summary, unique index theirs allows one row for each (query, asin), but a report has one for each "
        "query and asin of a week. Replace it by a unique index that also has period_start."
    ]
    assert found(keys=key("period_start"))[0].endswith("that also has query and asin.")
    assert found(column("client", "text"), keys=key("client", "query", "asin", nulls=True))[0].endswith("period_start.")


def test_year_and_month_name_a_month_and_year_alone_does_not() -> None:
    months = replace(WEEKS, name="monthly_summary")
    numbers = [column(name, "integer", table="monthly_summary") for name in ("year", "month")]
    assert found(*numbers, table=months, keys=key("year", "month", "query", "asin", table="monthly_summary")) == []
    (refused,) = found(*numbers, table=months, keys=key("year", "query", "asin", table="monthly_summary"))
    assert refused.endswith("of a month. Replace it by a unique index that also has period_start.")


def test_columns_and_keys_of_a_partitioned_table_are_not_judged() -> None:
    ours = replace(WEEKS, kind="p", partition_key="RANGE (period_start)")
    assert found(column("total_clicks", "real"), table=ours, keys=key("query", "asin")) == []


def test_what_others_have_is_passed_on() -> None:
    other = OthersFound("rate()", "has a name that the sync needs", "Rename it.")
    assert [str(each) for each in obstacles(DatabaseFound(others=(other,)))] == [
        "rate() has a name that the sync needs. Rename it."
    ]
