"""Values in a statement for BigQuery's console."""

from __future__ import annotations

from datetime import date

import pytest

from sqp_provider.core.literals import literal, with_literals


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2026, 11, 8), "date '2026-11-08'"),
        (True, "true"),
        (7, "7"),
        ("wireless mouse", "'wireless mouse'"),
        ("it's", r"'it\'s'"),
        ("a\\' or true --", r"'a\\\' or true --'"),
        ("tab\tand\nline", r"'tab\u0009and\u000aline'"),
        ("日 é \N{ZERO WIDTH SPACE}", r"'日 é \u200b'"),
        ("\N{MUSICAL SYMBOL BEGIN BEAM}", r"'\U0001d173'"),
    ],
)
def test_a_value_is_written_as_googlesql_reads_it(value: date | str | bool | int, written: str) -> None:
    assert literal(value) == written


def test_an_at_in_a_text_a_name_or_a_comment_is_no_parameter() -> None:
    statement = "select '@day', r'[\\s]@day', `a@day` -- it's @day\nfrom t where day = @day and days = @days"
    assert with_literals(statement, {"day": 1, "days": "@day"}) == (
        "select '@day', r'[\\s]@day', `a@day` -- it's @day\nfrom t where day = 1 and days = '@day'"
    )


def test_a_parameter_after_a_comment_gets_its_value() -> None:
    statement = "select @day # it's @day\n, @day /* it's @day */, @day, @@error.message"
    assert with_literals(statement, {"day": 1}) == "select 1 # it's @day\n, 1 /* it's @day */, 1, @@error.message"


def test_a_parameter_without_a_value_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        with_literals("select @day", {})
