"""The emulator translates a statement once for all tables of one shape; nobody may notice."""

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery

from dev.services.translations import Names


def test_names_are_hidden_and_restored() -> None:
    text = "select t.a from `p-1.d.t` as t join `p-1.d.u` on t.a = u.a where t.b = 'd.t'"
    names, others = Names(), Names()
    hidden = names.hidden(text)
    assert names.restored(hidden) == text
    assert others.hidden(text.replace("d.t`", "e.v`").replace("d.u`", "e.w`")) == hidden


def test_each_table_keeps_its_own_rows_names_and_types(bigquery_client: bigquery.Client, dataset: str) -> None:
    def query(statement: str, table: str) -> list[tuple[object, ...]]:
        rows = bigquery_client.query_and_wait(statement.replace("?", f"`{bigquery_client.project}.{dataset}.{table}`"))
        return [row.values() for row in rows]

    for table, value in (("one", "1"), ("two", "numeric '2.5'"), ("one", "numeric '7.5'")):
        query(f"create or replace table ? as select {value} as value", table)
        expected = repr(query(f"select avg({value})", table))
        assert repr(query("select avg(value) from ?", table)) == expected
        query("create or replace table ? as select 3 as value", f"{table}_copy")
        assert repr(query("select avg(value) from ?", table)) == expected
    assert {"one", "two", "one_copy", "two_copy"} <= {each.table_id for each in bigquery_client.list_tables(dataset)}


@pytest.mark.parametrize("statement", ["select * from ?", "select * from ? where ("], ids=["no table", "no sense"])
def test_an_error_names_the_table_that_was_asked_for(
    statement: str, bigquery_client: bigquery.Client, dataset: str
) -> None:
    for table in ("absent", "missing"):
        with pytest.raises(GoogleAPICallError, match=table):
            bigquery_client.query(statement.replace("?", f"`{bigquery_client.project}.{dataset}.{table}`")).result()
