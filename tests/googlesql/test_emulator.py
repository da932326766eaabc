"""Where the emulator answers otherwise than GoogleSQL does. GoogleSQL is right.

A test that fails because the emulator's answer has changed is good news: delete its line.
"""

from __future__ import annotations

import hashlib

import pytest
from google.cloud import bigquery

from tests.googlesql.googlesql import evaluate

DIFFERENCES = {
    # How a reject is written down.
    "to_json_string(9007199254740993)": ('"9007199254740993"', "9007199254740993"),
    "to_json_string(timestamp '2026-11-18 06:00:00+00')": ('"2026-11-18T06:00:00Z"', '"2026-11-18 06:00:00+00"'),
    "to_json_string(datetime '2026-11-18 06:00:00')": ('"2026-11-18T06:00:00"', '"2026-11-18 06:00:00"'),
    "to_json_string(1000.0)": ("1000", "1000.0"),
    "to_json_string(numeric '12.50')": ('"12.5"', "12.500000000"),
    # How a figure that is no whole number is quoted.
    "cast(1000.0 as string)": ("1000", "1000.0"),
    "cast(1e15 as string)": ("1e+15", "1000000000000000.0"),
    "cast(numeric '10.50' as string)": ("10.5", "10.500000000"),
    # Never asked: a pattern, or trunc(), comes first.
    "safe_cast('1e3' as int64)": (None, 1000),
    "safe_cast(10.5 as int64)": (11, 10),
    "cast(2.5 as int64)": (3, 2),
}
"""An expression, GoogleSQL's answer and the emulator's."""

ALIKE = {
    "lower('İstanbul ΣΑΣ')": "i\u0307stanbul σας",
    "div(-7, 2)": -3,
    "mod(-7, 2)": -1,
    "lpad('7', 6, '0')": "000007",
    "to_hex(md5('é'))": hashlib.md5("é".encode(), usedforsecurity=False).hexdigest(),
    "greatest(1, null)": None,
    "concat('a', null)": None,
    "extract(dayofweek from date '2026-11-08')": 1,
    "regexp_contains('B00TEST001\\n', r'^[A-Z0-9]{10}$')": False,
    "safe_cast('+7' as int64)": 7,
    "safe_cast(1e30 as int64)": None,
    "byte_length('İ')": 2,
}
"""What the statements rely on."""


def emulated(client: bigquery.Client, expression: str) -> object:
    (row,) = client.query_and_wait(f"select {expression} as answer")
    return row["answer"]


def by_googlesql(expression: str) -> object:
    (row,) = evaluate(f"select {expression} as answer", {})
    return row["answer"]


@pytest.mark.parametrize("expression", DIFFERENCES)
def test_googlesql_is_right_and_the_emulator_differs(expression: str, bigquery_client: bigquery.Client) -> None:
    answers = (by_googlesql(expression), emulated(bigquery_client, expression))
    assert answers == DIFFERENCES[expression]
    assert answers[0] != answers[1]


@pytest.mark.parametrize("expression", ALIKE)
def test_what_the_statements_rely_on_is_alike(expression: str, bigquery_client: bigquery.Client) -> None:
    assert by_googlesql(expression) == emulated(bigquery_client, expression) == ALIKE[expression]
