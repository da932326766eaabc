"""The statements as they are rendered, without a database."""

from __future__ import annotations

import re

import pytest

from sqp_provider.core.contract import SOURCE_COLUMNS
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.source.landing import Landing
from sqp_provider.sql_files import bigquery_statement, named_statements, schema_files, sql_folder


def extract(sync_type: SyncType) -> str:
    """The statement of a table whose columns are all texts, with everything that the settings can ask for."""
    columns: dict[str, object] = {column.key: column.source_name for column in SOURCE_COLUMNS}
    for key in ("period_start", "period_end"):
        columns[key] = {"column": columns[key], "format": "%Y-%m-%d"}
    source = {"table": "d.t", "columns": columns, "marketplace": "US", "where": {"shop": "one"}}
    names = [column.source_name for column in SOURCE_COLUMNS] + ["shop", "Client Name"]
    facts = TableFacts("p.d.t", columns=dict.fromkeys(names, "STRING NULLABLE"))
    return bigquery_statement(
        "extract",
        sync_type,
        snapshot="p.s.t",
        snapshot_hours=48,
        landing=Landing(Settings.checked({"source": source}, origin="test").source, [facts]),
        reported=SyncType.WEEKLY.period_type,
    )


@pytest.mark.parametrize("sync_type", SyncType)
def test_no_step_of_the_extract_is_called_like_a_column(sync_type: SyncType) -> None:
    """BigQuery takes such a name for the whole row; the emulator does not, so only this test sees it."""
    statement = extract(sync_type)
    steps = set(re.findall(r"^(?:with )?(\w+) as \(", statement, re.MULTILINE)) | {"landed_row"}
    columns = set(re.findall(r"^(?! *from ).* as (\w+),?$", statement, re.MULTILINE))
    assert {
        "mapped",
        "placed",
        "collapsed",
        "newest",
        "normalised",
        "checked",
        "keyed",
        "merged",
        "bounded",
        "rated",
    } <= steps
    assert {"copy_count", "landed_rows", "versions", "avg_ctr"} <= columns
    assert steps & columns == set()


@pytest.mark.parametrize("sync_type", SyncType)
def test_a_sign_that_bigquery_would_take_for_a_parameter_is_one(sync_type: SyncType) -> None:
    found = set(re.findall(r"@(\w+)", extract(sync_type)))
    words = {f"report_{word}_{number}" for word in ("week", "month", "quarter") for number in (0, 1)}
    assert found == {"first_day", "last_day", "report_period", "where_0_0", "where_1_0", "feed_0"} | words


@pytest.mark.parametrize("sync_type", SyncType)
def test_each_step_of_the_extract_is_read_once(sync_type: SyncType) -> None:
    """BigQuery runs a step once for each time it is read."""
    statement = extract(sync_type)
    steps = re.findall(r"^(?:with )?(\w+) as \(", statement, re.MULTILINE)
    read = [len(re.findall(rf"\b(?:from|join) {step}\b", statement)) for step in steps]
    assert dict(zip(steps, read, strict=True)) == dict.fromkeys(steps, 1)


FILES = sorted(path.stem for path in (sql_folder() / "queries").glob("*.sql"))


@pytest.mark.parametrize("file", FILES)
def test_no_two_statements_of_a_file_share_a_name(file: str) -> None:
    text = (sql_folder() / "queries" / f"{file}.sql").read_text()
    assert len(named_statements(file)) == text.count("-- name: ") > 0


@pytest.mark.parametrize("file", FILES)
def test_every_statement_is_run_by_the_provider(file: str) -> None:
    """A check's statement to run again is asked for by the type of the check."""
    package = sql_folder().parent / "plugins" / "sqp_provider"
    code = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    assert [name for name in named_statements(file) if f'"{name}"' not in code] == []


def test_every_file_of_the_schema_is_put_in_force_but_the_tables() -> None:
    files = sorted(path.name for path in (sql_folder() / "schema").iterdir())
    assert files[0] == "0_tables.sql"
    assert [path.name for path in schema_files()] == files[1:]
    for path in schema_files():
        assert not re.search(r"^create table", path.read_text(encoding="utf-8"), re.MULTILINE | re.IGNORECASE)


def test_a_worker_without_the_sql_folder_learns_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQP_SQL_DIR", "/nowhere")
    with pytest.raises(InvalidSettings, match=r"/nowhere has no extract\.sql\. .* set SQP_SQL_DIR"):
        sql_folder()
