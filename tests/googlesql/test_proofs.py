"""The statements of a proof in GoogleSQL's evaluator: the buckets of Postgres, and values written as literals."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqp_provider.core.literals import literal, with_literals
from sqp_provider.core.period import SyncType
from sqp_provider.core.proof import bucket_of
from sqp_provider.sql_files import bigquery_statement
from tests.googlesql.examples import some
from tests.googlesql.googlesql import Rows, evaluate
from tests.googlesql.values import Columns

DAY = date(2026, 11, 8)
ODD = "it's # @day -- `of` /* \\"
SNAPSHOT = "sqp-demo.staging.snapshot"
COLUMNS: Columns = {"asin": "STRING", "query": "STRING", "row_hash": "INT64", "reject_reason": "STRING"}
QUERIES = ("wireless mouse", "50% off", "it's", "日本 \N{HEADPHONE}", "a\\b", "e\N{COMBINING ACUTE ACCENT}")
KEYS: Rows = [{"asin": "B000000001", "query": query, "row_hash": number} for number, query in enumerate(QUERIES, 1)] + [
    {"asin": None, "query": None, "row_hash": 99, "reject_reason": "empty_query"}
]


def test_a_row_has_the_bucket_that_postgres_computes_and_a_reject_has_none() -> None:
    statement = bigquery_statement("buckets", SyncType.WEEKLY, snapshot=SNAPSHOT)
    found = evaluate(statement, {SNAPSHOT: COLUMNS}, {SNAPSHOT: KEYS})
    assert {row["bucket"]: (row["row_count"], row["row_hash"]) for row in found} == {
        bucket_of(query, "B000000001"): (1, number) for number, query in enumerate(QUERIES, 1)
    }


def test_the_rows_of_some_buckets_are_those_whose_key_lies_in_them() -> None:
    statement = bigquery_statement("bucket_rows", SyncType.WEEKLY, snapshot=SNAPSHOT)
    measures = dict.fromkeys(_measures(statement), "INT64")
    asked = ",".join(str(bucket_of(query, "B000000001")) for query in QUERIES[:2])
    found = evaluate(statement, {SNAPSHOT: {**measures, **COLUMNS}}, {SNAPSHOT: KEYS}, {"buckets": ("STRING", asked)})
    assert sorted(row["query"] for row in found) == ["50% off", "wireless mouse"]


def _measures(statement: str) -> list[str]:
    """The columns that the statement selects between the key and the hash."""
    selected = statement.split("select\n", 1)[1].split("from", 1)[0].replace("\n", "").split(",")
    return [name.strip() for name in selected if name.strip() not in COLUMNS]


COMMENTS = (
    "# it's @day\n",
    "-- it's @day\n",
    '# a " b ` c /* d @day\r',
    "--@day\r\n",
    "/* it's\n@day -- */",
    "/*/ @day /**/",
)
COLUMNS_WITHOUT_PARAMETERS = (
    *(
        "'@day'",
        '"@day"',
        r"'it\'s @day'",
        r"r'it\'s @day'",
        "'# @day'",
        '"-- @day"',
        "'/* @day'",
        "''",
        '""',
        "b'@day'",
    ),
    *("'''it's\n@day'''", '"""a "quoted" @day"""', r"R'''it\'''s @day'''", r'rb"\"@day"', r"'''it''s @day \\'''"),
    *("1 as `@day`", r"1 as `a\`@day`", "1 as `# b`", "1 as `it's @day`"),
)
"""Texts and names of every kind that BigQuery knows."""


@given(
    parts=st.lists(st.sampled_from((*COMMENTS, *COLUMNS_WITHOUT_PARAMETERS, "@day", "@query")), min_size=1, max_size=8)
)
@some(60)
def test_a_statement_answers_the_same_when_its_values_are_written_into_it(parts: list[str]) -> None:
    columns = [part if part in COMMENTS else f"{part}, " for part in parts]
    statement = f"select {''.join(columns)} 'end # of it' as last -- @day"
    asked = evaluate(statement, {}, parameters={"day": ("DATE", DAY), "query": ("STRING", ODD)})
    assert evaluate(with_literals(statement, {"day": DAY, "query": ODD}), {}) == asked


@pytest.mark.parametrize("part", [*COMMENTS, *COLUMNS_WITHOUT_PARAMETERS])
def test_what_names_no_parameter_is_left_as_it_is(part: str) -> None:
    written = with_literals(f"select {part}{'' if part in COMMENTS else ','} @day as day", {"day": DAY})
    (row,) = evaluate(written, {})
    assert (row["day"], part in written) == (DAY, True)


@given(text=st.text())
@some(300)
def test_a_text_that_is_written_as_a_literal_is_read_as_it_was(text: str) -> None:
    ((found,),) = (row.values() for row in evaluate(f"select {literal(text)} as written", {}))
    assert found == text
