"""``sqp landings load``, through the real BigQuery client against the emulator, up to a synced week."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from google.cloud import bigquery

from sqp_provider.__main__ import main
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.landings import load as loading
from sqp_provider.landings.columns import TABLE
from sqp_provider.landings.errors import LandingRefused
from sqp_provider.landings.table import LandingTable
from tests.exports import BRAND, BRITISH, MONTHLY, WEEKLY, export, line
from tests.fixtures import connection_to
from tests.landing import Landing
from tests.stages import Stages

NAME = "US_Search_Query_Performance_ASIN_View_Simple_Week_2026_11_14"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The command line sets up logging for its process; the tests' process gets its own back."""
    before = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = before


@pytest.fixture
def table(bigquery_client: bigquery.Client, dataset: str) -> Landing:
    """The table's name; there is no such table yet."""
    return Landing(bigquery_client, f"{dataset}.exports_{uuid4().hex[:8]}")


def folder(path: Path, **files: str) -> Path:
    """Write files, by their names without the ending."""
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.csv").write_text(text, encoding="utf-8-sig")
    return path


def load(table: Landing, *arguments: object) -> int:
    return main(["landings", "load", *map(str, arguments), "--to", table.table])


def of_asin(asin: str, *lines: str) -> str:
    return export(*lines, first_line=WEEKLY.replace("B00TEST001", asin))


def test_it_creates_a_table_that_is_partitioned_and_clustered(
    table: Landing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load(table, folder(tmp_path, **{NAME: export()})) == 0
    created = table.client.get_table(f"{table.client.project}.{table.table}")
    assert {field.name: field.field_type for field in created.schema} == TABLE
    assert created.time_partitioning.field == "start_date"
    assert created.clustering_fields == ["marketplace_id", "asin"]
    assert f"Created {table.client.project}.{table.table}, partitioned by start_date" in capsys.readouterr().out


def test_a_file_lands_with_every_column_and_where_it_is_from(table: Landing, tmp_path: Path) -> None:
    assert load(table, folder(tmp_path, **{NAME: export(line("höchste 😀 ranks"))})) == 0
    (row,) = table.rows()
    assert str(row["start_date"]), str(row["end_date"]) == ("2026-11-08", "2026-11-14")
    assert row["search_query"] == "höchste 😀 ranks"
    assert (row["asin"], row["marketplace_id"], row["report_period"]) == ("B00TEST001", "ATVPDKIKX0DER", "WEEK")
    assert (row["asin_impression_count"], row["total_two_day_shipping_purchase_count"]) == (765, 50)
    assert (row["asin_impression_share"], row["total_median_click_price"]) == (Decimal("0.0765"), Decimal("19.99"))
    assert row["asin_median_purchase_price"] is None
    assert row["source_file"] == f"{NAME}.csv"
    assert len(row["source_sha256"]) == 64


def test_the_printed_lines_sync_what_was_loaded(
    table: Landing,
    tmp_path: Path,
    dataset: str,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = folder(
        tmp_path,
        **{NAME: export(line("a"), line("b")), f"{NAME} (1)": of_asin("B00TEST002", line("a"))},
        US_Search_Query_Performance_ASIN_View_Simple_Month_2026_10_31=export(
            line(day="2026-10-31"), first_line=MONTHLY
        ),
        UK_Search_Query_Performance_ASIN_View_Simple_Week_2026_11_14=export(line("a"), header=BRITISH),
    )
    assert load(table, files) == 0
    printed = capsys.readouterr().out
    assert "Loaded 4 of 4 files, 5 rows into" in printed
    assert "marketplace: A1F83G8C2ARO7P  # and a configuration of its own for ATVPDKIKX0DER" in printed
    content = yaml.safe_load(printed.partition("Lines for sqp_config.yaml:\n")[2])
    content["source"] |= {"staging_dataset": dataset, "marketplace": "ATVPDKIKX0DER"}
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(database))
    stages = Stages(Settings.checked(content, origin="printed"), database)
    assert stages.sync("2026-11-08").errors == {}
    figures = [
        (row["query"], row["asin"], row["total_impressions"], row["market_clicks"], str(row["impression_share"]))
        for row in stages.target()
    ]
    assert figures == [
        ("a", "B00TEST001", 765, 1000, "0.076500"),
        ("a", "B00TEST002", 765, 1000, "0.076500"),
        ("b", "B00TEST001", 765, 1000, "0.076500"),
    ]
    assert stages.sync("2026-10-01", SyncType.MONTHLY).errors == {}
    october = [row for row in stages.target(SyncType.MONTHLY) if str(row["period_start"]) == "2026-10-01"]
    assert [(row["total_purchases"], row["active_weeks"]) for row in october] == [(5, None)]
    assert stages.query("select * from sync_rejects") == []


def test_a_british_month_that_ends_on_a_sunday_syncs(
    table: Landing,
    tmp_path: Path,
    dataset: str,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first_line = MONTHLY.replace("2026", "2025").replace("October", "August")
    month = export(line(day="2025-08-31"), first_line=first_line, header=BRITISH)
    assert load(table, folder(tmp_path, UK_Search_Query_Performance_ASIN_View_Simple_Month_2025_08_31=month)) == 0
    content = yaml.safe_load(capsys.readouterr().out.partition("Lines for sqp_config.yaml:\n")[2])
    content["source"] |= {"staging_dataset": dataset}
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(database))
    stages = Stages(Settings.checked(content, origin="printed"), database)
    assert stages.sync("2025-08-01", SyncType.MONTHLY).errors == {}
    (row,) = stages.target(SyncType.MONTHLY)
    assert (row["query"], row["asin"], row["total_cart_adds"]) == ("wireless headphones", "B00TEST001", 10)


def test_many_files_are_loaded_by_few_jobs_and_none_is_divided(
    table: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {f"{NAME} ({n})": of_asin(f"B00TEST1{n:02}", line("a"), line("b"), line("c")) for n in range(30)}
    assert load(table, folder(tmp_path, **files)) == 0
    assert "Loaded 30 of 30 files, 90 rows" in (said := capsys.readouterr().out)
    assert "with 1 job." in said
    monkeypatch.setattr(loading, "ROWS_A_JOB", 40)
    more = Landing(table.client, f"{table.table}_again")
    assert load(more, tmp_path) == 0
    assert "with 3 jobs." in capsys.readouterr().out
    assert len(list(more.rows())) == 90


def test_a_file_that_was_loaded_is_skipped_under_any_name(
    table: Landing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = folder(tmp_path, **{NAME: export(), f"{NAME} (1)": export()})
    assert load(table, files) == 0
    assert f"skipped, has the same content as {files}/{NAME} (1).csv" in capsys.readouterr().out
    (files / f"{NAME}.csv").rename(files / f"{NAME} again.csv")
    assert load(table, files) == 0
    said = capsys.readouterr().out
    assert said.count(f"UTC as {NAME} (1).csv") == 2
    assert "Loaded 0 of 2 files, 0 rows" in said
    assert "2 skipped" in said
    assert len(list(table.rows())) == 1


def test_a_file_that_was_loaded_as_another_marketplace_is_refused(
    table: Landing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = folder(tmp_path, export=export())
    assert load(table, files, "--marketplace", "US") == 0
    assert load(table, files, "--marketplace", "CA") == 1
    said = capsys.readouterr().err
    assert "export.csv is B00TEST001 in A2EUQ1WTGCTBG2, but was loaded as B00TEST001 in ATVPDKIKX0DER on 20" in said
    assert "first delete the rows that have source_sha256 '" in said
    assert len(list(table.rows())) == 1


def test_nothing_of_a_malformed_file_is_loaded_and_everything_of_the_others_is(
    table: Landing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = folder(
        tmp_path,
        **{NAME: export(line("a"), line("b").replace('"765"', '"7,65"')), f"{NAME} (1)": of_asin("B00TEST002")},
        brand=export(first_line=BRAND),
    )
    assert load(table, files, "--marketplace", "US") == 1
    out, said = capsys.readouterr()
    assert "Loaded 1 of 3 files, 1 row" in out
    assert said.startswith("2 of 3 files cannot be loaded. Nothing of them was loaded:\n")
    assert f"{NAME}.csv has 1 malformed of 2 lines: line 4: asin_impression_count is '7,65', expected" in said
    assert "brand.csv is an export of the Brand view" in said
    assert [row["asin"] for row in table.rows()] == ["B00TEST002"]


def test_two_exports_of_one_week_that_differ_are_not_loaded_at_once(
    table: Landing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older, newer = export(), export(line().replace('"765"', '"766"'))
    files = folder(tmp_path, **{NAME: newer, f"{NAME} (1)": older})
    assert load(table, files) == 1
    assert f"{NAME}.csv has other figures for the query 'wireless headphones' than" in capsys.readouterr().err
    assert load(table, files / f"{NAME}.csv") == 0
    landed = sorted(table.rows(), key=lambda row: row["ingested_at"])
    assert [row["asin_impression_count"] for row in landed] == [765, 766]
    assert load(table, folder(tmp_path / "b", **{NAME: export(line("q"), line("q").replace('"765"', '"1"'))})) == 1
    assert "has the query 'q' twice, with different figures" in capsys.readouterr().err


def test_a_dry_run_needs_no_bigquery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SQP_BIGQUERY")
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST")
    files = folder(tmp_path, **{NAME: export()})
    assert main(["landings", "load", str(files), "--to", "amazon.exports", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert (
        f"{NAME}.csv: B00TEST001, ATVPDKIKX0DER, weekly 2026-11-08..2026-11-14, 1 row\nWould load 1 of 1 file, 1 row"
        in said
    )
    assert "  table: amazon.exports\n  marketplace: ATVPDKIKX0DER\n" in said


def test_options_reach_the_files(table: Landing, tmp_path: Path) -> None:
    text = export(first_line="").replace("Clicks: ASIN Count", "Klicks").replace("Search Query Score", "Rang")
    options = ["--asin", "B00TEST009", "--marketplace", "de", "--period", "weekly"]
    assert load(table, folder(tmp_path, export=text), *options, "--header", "klicks=clicks", "--header", "Rang=") == 0
    (row,) = table.rows()
    assert (row["asin"], row["marketplace_id"]) == ("B00TEST009", "A1PA6795UKMFR9")
    assert (row["asin_click_count"], row["search_query_score"]) == (50, None)


def test_a_table_that_cannot_take_exports_is_refused(
    table: Landing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = {name: kind for name, kind in TABLE.items() if name != "source_file"}
    table.create(columns | {"asin": "INT64", "account": "STRING not null"})
    assert load(table, folder(tmp_path, **{NAME: export()})) == 1
    said = capsys.readouterr().err
    assert "cannot take exports: column asin is INTEGER, expected STRING; column source_file is missing" in said
    assert "column account is REQUIRED, but no export has it. Nothing was loaded." in said


def test_a_table_without_partitions_takes_exports_with_a_word_about_it(
    table: Landing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table.create(TABLE | {"account": "STRING"})
    assert load(table, folder(tmp_path, **{NAME: export()})) == 0
    assert "is partitioned by nothing and clustered by nothing. Partitioned by start_date" in capsys.readouterr().out
    assert [row["account"] for row in table.rows()] == [None]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.csv", "--to", "d.t"], "nowhere.csv is no file and no folder. Nothing was loaded."),
        (["empty", "--to", "d.t"], "empty has no file that ends in .csv. Nothing was loaded."),
        (["full", "--to", "t"], "--to t names no table; expected dataset.table."),
        (["full", "--to", "d.t", "--connection", "nowhere"], "set AIRFLOW_CONN_NOWHERE, or name another with"),
        (
            ["full", "--to", "missing.t"],
            "There is no BigQuery dataset sqp-demo.missing. Nothing was loaded. Create it",
        ),
    ],
)
def test_what_cannot_be_loaded_says_why(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "full", x=export())
    (tmp_path / "empty").mkdir()
    assert main(["landings", "load", *arguments]) == 1
    assert says in capsys.readouterr().err


def test_a_bigquery_that_does_not_answer_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = json.loads(os.environ["AIRFLOW_CONN_SQP_BIGQUERY"])
    elsewhere["extra"]["api_endpoint"] = "http://127.0.0.1:1"
    monkeypatch.setenv("AIRFLOW_CONN_SQP_BIGQUERY", json.dumps(elsewhere))
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST")
    with pytest.raises(LandingRefused) as refused:
        LandingTable(SqpBigQueryHook("sqp_bigquery", retry_seconds=0.1), "d.t")
    assert str(refused.value).startswith("BigQuery dataset sqp-demo.d did not succeed: ")
    assert str(refused.value).endswith("Run it again when BigQuery answers: files that were loaded before are skipped.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["x.csv"],
        ["--to", "d.t"],
        ["x.csv", "--to", "d.t", "--period", "daily"],
        ["x.csv", "--to", "d.t", "--marketplace", "XX"],
        ["x.csv", "--to", "d.t", "--header", "Klicks"],
        ["x.csv", "--to", "d.t", "--header", "Klicks=klicks"],
    ],
)
def test_wrong_arguments_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["landings", "load", *arguments])
    assert exited.value.code == 2
