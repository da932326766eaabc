"""The statements as they are rendered, without a database."""

from __future__ import annotations

import re

import pytest

from sqp_provider.core.contract import SOURCE_COLUMNS
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.period import SyncType
from sqp_provider.sql_files import bigquery_statement, named_statements, sql_folder


def extract(sync_type: SyncType) -> str:
    columns = {column.key: f"landed_row.`{column.source_name}`" for column in SOURCE_COLUMNS}
    return bigquery_statement(
        "extract",
        sync_type,
        source="p.d.t",
        snapshot="p.s.t",
        snapshot_hours=48,
        columns=columns,
        types=dict.fromkeys(columns, "STRING"),
        not_whole=list(columns),
        reported=SyncType.WEEKLY.period_type,
    )


@pytest.mark.parametrize("sync_type", SyncType)
def test_no_step_of_the_extract_is_called_like_a_column(sync_type: SyncType) -> None:
    """BigQuery takes such a name for the whole row; the emulator does not, so only this test sees it."""
    statement = extract(sync_type)
    steps = set(re.findall(r"^(?:with )?(\w+) as \(", statement, re.MULTILINE))
    read = set(re.findall(r"^ *(?:from|(?:\w+ )*join) (\w+)", statement, re.MULTILINE)) - {"unnest"}
    columns = set(re.findall(r"^(?! *from ).* as (\w+),?$", statement, re.MULTILINE))
    assert steps == read, "each step is found, and read by another"
    assert {"copy_count", "landed_rows", "versions", "avg_ctr"} <= columns
    assert (steps | {"landed_row"}) & columns == set()


@pytest.mark.parametrize("sync_type", SyncType)
def test_a_sign_that_bigquery_would_take_for_a_parameter_is_one(sync_type: SyncType) -> None:
    assert set(re.findall(r"@(\w+)", extract(sync_type))) == {"first_day", "last_day", "report_period", "marketplace"}


QUERIES = sorted(path.stem for path in (sql_folder() / "queries").glob("*.sql"))


@pytest.mark.parametrize("file", QUERIES)
def test_no_two_statements_of_a_file_share_a_name(file: str) -> None:
    text = (sql_folder() / "queries" / f"{file}.sql").read_text()
    assert len(named_statements(file)) == text.count("-- name: ") > 0


def test_a_worker_without_the_sql_folder_learns_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQP_SQL_DIR", "/nowhere")
    with pytest.raises(InvalidSettings, match=r"/nowhere has no extract\.sql\. .* set SQP_SQL_DIR"):
        sql_folder()
