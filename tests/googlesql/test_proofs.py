"""The statements of a proof in GoogleSQL's evaluator: the buckets of Postgres, and values written as literals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sqp_provider.core.literals import literal
from sqp_provider.core.period import SyncType
from sqp_provider.core.proof import bucket_of
from sqp_provider.sql_files import bigquery_statement
from tests.googlesql.examples import some
from tests.googlesql.googlesql import Rows, evaluate
from tests.googlesql.values import Columns

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


@given(text=st.text())
@some(300)
def test_a_text_that_is_written_as_a_literal_is_read_as_it_was(text: str) -> None:
    ((found,),) = (row.values() for row in evaluate(f"select {literal(text)} as written", {}))
    assert found == text
