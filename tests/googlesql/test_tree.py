"""What a statement's scans are filtered by, over statements written by hand."""

from __future__ import annotations

import pytest

from tests.googlesql.googlesql import analyze
from tests.googlesql.tree import Conjunct, Scan, scans

TABLES = {
    "p.d.t": {
        "day": "DATE",
        "last_day": "DATE",
        "asin": "STRING",
        "clickData": {"own": {"count": "INT64"}},
        "items": [{"n": "INT64"}],
        "_PARTITIONTIME": "TIMESTAMP",
    },
    "p.d.u": {"day": "DATE", "name": "STRING"},
}
PARAMETERS = {"first_day": "DATE", "last": "DATE"}


def conjunct(columns: str, parameters: str, *functions: str) -> Conjunct:
    return Conjunct(frozenset(columns.split()), frozenset(parameters.split()), functions)


ON_DAY = conjunct("day", "first_day last", "$between")
BETWEEN = "day between @first_day and @last"

FILTERED = {
    f"select 1 from `p.d.t` where {BETWEEN}": [Scan("p.d.t", (ON_DAY,))],
    f"select 1 from `p.d.t` where {BETWEEN} and (asin = '' and (clickData.own.count > 1 or asin is null))": [
        Scan(
            "p.d.t",
            (
                ON_DAY,
                conjunct("asin", "", "$equal"),
                conjunct("asin clickData.own.count", "", "$or", "$greater", "$is_null"),
            ),
        )
    ],
    f"select 1 from `p.d.t` where ({BETWEEN}) or (day is null and last_day = @last)": [
        Scan("p.d.t", (conjunct("day last_day", "first_day last", "$or", "$between", "$and", "$is_null", "$equal"),))
    ],
    "select 1 from `p.d.t` where ifnull(day, last_day) = @last": [
        Scan("p.d.t", (conjunct("day last_day", "last", "$equal", "ifnull"),))
    ],
    "select 1 from `p.d.t` where _PARTITIONTIME >= timestamp(@first_day)": [
        Scan("p.d.t", (conjunct("_PARTITIONTIME", "first_day", "$greater_or_equal", "timestamp"),))
    ],
    f"select item.n from `p.d.t`, unnest(items) as item where {BETWEEN} and item.n > 1": [
        Scan("p.d.t", (ON_DAY, conjunct("$array.item.n", "", "$greater")))
    ],
    f"select 1 from `p.d.t` as t join `p.d.u` as u using (day) where t.{BETWEEN} and name = ''": [
        Scan("p.d.t", (ON_DAY, conjunct("p.d.u.name", "", "$equal"))),
        Scan("p.d.u", (conjunct("p.d.t.day", "first_day last", "$between"), conjunct("name", "", "$equal"))),
    ],
    f"select 1 from `p.d.t` as t left join `p.d.u` as u using (day) where t.{BETWEEN}": [
        Scan("p.d.t", ()),
        Scan("p.d.u", ()),
    ],
    f"select 1 from (select asin from `p.d.t` where {BETWEEN}) where asin = ''": [Scan("p.d.t", (ON_DAY,))],
    "select 1 from `p.d.t` where exists (select 1 from `p.d.u` where name = asin)": [
        Scan("p.d.t", (conjunct("asin p.d.u.name", "", "$equal"),)),
        Scan("p.d.u", (conjunct("name p.d.t.asin", "", "$equal"),)),
    ],
    f"with w as (select asin from `p.d.t` where {BETWEEN}) select 1 from w join w as v on w.asin = v.asin": [
        Scan("p.d.t", (ON_DAY,)),
        Scan("p.d.t", (ON_DAY,)),
    ],
    f"create table `p.d.n` as with w as (select asin from `p.d.t` where {BETWEEN}), v as (select * from w) "
    "select asin from v union all select asin from w": [Scan("p.d.t", (ON_DAY,)), Scan("p.d.t", (ON_DAY,))],
    f"with w as (select asin from `p.d.t`) select 1 from `p.d.u` where {BETWEEN}": [Scan("p.d.u", (ON_DAY,))],
}


@pytest.mark.parametrize("statement", FILTERED)
def test_each_scan_has_its_conjuncts(statement: str) -> None:
    assert scans(analyze(statement, TABLES, PARAMETERS)) == FILTERED[statement]


@pytest.mark.parametrize(
    ("condition", "alone"),
    [
        (BETWEEN, True),
        (f"{BETWEEN} and (day is null or last_day is null)", True),
        (f"({BETWEEN}) or last_day is null", False),
        ("greatest(day, last_day) >= @first_day", False),
    ],
)
def test_whether_a_condition_on_one_column_stands_alone(condition: str, alone: bool) -> None:
    (scan,) = scans(analyze(f"select 1 from `p.d.t` where {condition}", TABLES, PARAMETERS))
    assert any(each.columns == {"day"} and each.parameters for each in scan.conjuncts) is alone
