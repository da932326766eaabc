"""Google's analyzer and evaluator, asked by hand: what they refuse, and values of every kind."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sqp_provider.core.period import Period, SyncType
from tests.googlesql.configurations import Configuration
from tests.googlesql.extracted import source_over, sync_of
from tests.googlesql.googlesql import Refused, analyze, evaluate
from tests.googlesql.test_hard_rows import DEFAULT
from tests.landing import WEEK

SOURCE = {
    "p.d.t": {
        "day": "DATE",
        "landed": "TIMESTAMP",
        "asin": "STRING",
        "clicks": "FLOAT64",
        "clickData": {"own": "INT64"},
        "items": [{"n": "INT64"}],
        "body": "JSON",
        "_PARTITIONTIME": "TIMESTAMP",
    }
}
MISTAKES = {
    "select dya from `p.d.t`": "Unrecognized name: dya",
    "select clickData.onw from `p.d.t`": "Field name onw does not exist",
    "select items.n from `p.d.t`": "Cannot access field n on a value with type ARRAY",
    "select body['a'] + 1 from `p.d.t`": "No matching signature for operator +",
    "select 1 from `p.d.u`": "Table not found: `p.d.u`",
    "select asin from `p.d.t` where landed >= @first_day": "No matching signature for operator >=",
    "select asin from `p.d.t` where day = @frist_day": "Query parameter 'frist_day' not found",
    "select lower(clicks) from `p.d.t`": "No matching signature for function LOWER",
    "select clicks from `p.d.t` group by clicks": "Grouping by expressions of type FLOAT64 is not allowed",
    "select asin, count(*) from `p.d.t`": "neither grouped nor aggregated",
    "select day from `p.d.t` union all select asin from `p.d.t`": "incompatible types: DATE, STRING",
    "select if(asin = '', 1, 'one') from `p.d.t`": "No matching signature for function IF",
    "create table `p.d.n` as select 1": "CREATE TABLE columns must be named",
    "create table `p.d.n` as select 1 as n, 2 as n": "CREATE TABLE has columns with duplicate name n",
    "create table `p.d.n` options (expires = 1) as select 1 as n": "Unknown option: expires",
    "insert into `p.d.t` (asin) values ('')": "Statement not supported",
    "select asin from `p.d.t` where": "Syntax error",
}


@pytest.mark.parametrize("statement", MISTAKES)
def test_a_mistake_is_refused(statement: str) -> None:
    with pytest.raises(Refused) as refused:
        analyze(statement, SOURCE, {"first_day": "DATE"})
    assert MISTAKES[statement] in str(refused.value)


SEEDED = {
    "a column": ("landed_row.`asin_click_count`", "landed_row.`asin_clicks`", "asin_clicks"),
    "a step": ("from normalised", "from normalized", "Table not found"),
    "a type": (
        "landed_row.`asin` as",
        "landed_row.`start_date` as",
        "No matching signature for function REGEXP_REPLACE",
    ),
    "a group": (
        "    group by period_first, row_first, kept_query, kept_asin, reject_reason, raw, reject_line",
        "",
        "neither grouped nor aggregated",
    ),
    "a parameter": ("@last_day", "@lastday", "Query parameter 'lastday' not found"),
    "an option": ("expiration_timestamp", "expires_at", "Unknown option: expires_at"),
    "a column of a later step": ("        kept_query as query,\n", "", "Unrecognized name: query"),
}


@pytest.mark.parametrize("mistake", SEEDED)
def test_a_mistake_in_the_extract_is_refused(mistake: str) -> None:
    written, seeded, said = SEEDED[mistake]
    client, source = source_over(DEFAULT, [])
    statement = source.extract_statement(sync_of(Period.starting(SyncType.WEEKLY, WEEK)), "p.d.snapshot")
    kinds = {"first_day": "DATE", "last_day": "DATE", "report_period": "STRING"}
    analyze(statement, client.tables, kinds)
    assert written in statement
    with pytest.raises(Refused) as refused:
        analyze(statement.replace(written, seeded), client.tables, kinds)
    assert said in str(refused.value)


def test_a_column_that_changed_its_type_after_the_check_is_refused() -> None:
    """The extract of a table whose counts are whole numbers, over one where they are texts."""
    _, source = source_over(DEFAULT, [])
    changed = Configuration(DEFAULT.settings, {**DEFAULT.columns, "asin_click_count": "STRING"})
    statement = source.extract_statement(sync_of(Period.starting(SyncType.WEEKLY, WEEK)), "p.d.snapshot")
    kinds = {"first_day": "DATE", "last_day": "DATE", "report_period": "STRING"}
    with pytest.raises(Refused, match="No matching signature"):
        analyze(statement, {changed.table: changed.columns}, kinds)


KINDS = {
    "i": ("INT64", -(2**63), -(2**63)),
    "f": ("FLOAT64", 0.1, 0.1),
    "n": ("NUMERIC", "-12.5", Decimal("-12.5")),
    "b": ("BIGNUMERIC", "0.1234567890123456789012345678901234567", Decimal("0.1234567890123456789012345678901234567")),
    "s": ("STRING", "a\0b 🎧", "a\0b 🎧"),
    "o": ("BOOL", False, False),
    "d": ("DATE", "0001-01-01", date(1, 1, 1)),
    "l": ("DATETIME", "2026-11-18T23:59:58.000009", datetime(2026, 11, 18, 23, 59, 58, 9)),
    "t": ("TIMESTAMP", "2026-11-18T06:00:00.123456Z", datetime(2026, 11, 18, 6, 0, 0, 123456, tzinfo=UTC)),
    "j": ("JSON", '{"a":[1,null]}', '{"a":[1,null]}'),
    "r": ({"x": "INT64", "y": {"z": "STRING"}}, {"x": 1, "y": {"z": "é"}}, {"x": 1, "y": {"z": "é"}}),
    "a": ([{"x": "DATE"}], [{"x": "2026-11-08"}, {}], [{"x": date(2026, 11, 8)}, {"x": None}]),
}
"""A kind, a value as it lands and as it is answered."""


def test_a_value_of_every_kind_comes_back() -> None:
    columns = {name: kind for name, (kind, _, _) in KINDS.items()}
    landed = {name: value for name, (_, value, _) in KINDS.items()}
    rows = evaluate("select * from `p.d.t` order by i nulls last", {"p.d.t": columns}, {"p.d.t": [landed, {}]})
    assert rows == [{name: value for name, (_, _, value) in KINDS.items()}, dict.fromkeys(KINDS)]


def test_a_parameter_of_every_kind_is_sent() -> None:
    given = {name: (kind, value) for name, (kind, value, _) in KINDS.items()}
    (row,) = evaluate(f"select {', '.join(f'@{name}' for name in KINDS)}", {}, parameters=given)
    assert row == {f"f{n}_": value for n, (_, _, value) in enumerate(KINDS.values())}


def test_pseudo_columns_are_there_and_are_not_selected_by_a_star() -> None:
    landed = {"p.d.t": [{"_PARTITIONTIME": "2026-11-18T00:00:00Z", "asin": "B00TEST001"}]}
    statement = "select * except (day, landed, clicks, clickData, items, body) from `p.d.t` where _PARTITIONTIME > @day"
    found = evaluate(statement, SOURCE, landed, {"day": ("TIMESTAMP", "2026-11-17T00:00:00Z")})
    assert found == [{"asin": "B00TEST001"}]


def test_an_overflow_is_an_error_of_the_evaluator() -> None:
    with pytest.raises(Refused, match="int64 overflow"):
        evaluate("select sum(n) from unnest([9223372036854775807, 1]) as n", {})
