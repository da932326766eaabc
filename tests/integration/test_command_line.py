"""The command ``sqp``: what it does, what it prints, how it exits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sqp_provider import __version__
from sqp_provider.__main__ import main
from sqp_provider.sql_files import files_hash, newest_revision
from tests.fixtures import connection_to

NOWHERE = "postgresql://sqp:secret@127.0.0.1:1/x"
CONFIG = """
source: {table: amazon.report}
target: {schema: client_a}
schedule: {delay_days: {weekly: 2}}
freshness: {days_allowed: {monthly: 40}}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "sqp_config.yaml"
    file.write_text(CONFIG)
    return str(file)


def days(dsn: str, schema: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        query = f"select sync_type, delay_days, days_allowed from {schema}.period_type order by step"
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


def test_migrate_in_a_process_of_its_own(empty_database: str, config: str) -> None:
    command = [sys.executable, "-m", "sqp_provider", "migrate", "--config", config, "--dsn"]
    done = subprocess.run([*command, empty_database], capture_output=True, text=True, check=True)
    assert f"Schema client_a: revisions 0001, 0002, 0003, 0004, 0005, {newest_revision()} applied." in done.stderr
    assert "Schema client_a: functions, views and triggers of sql/schema are in force." in done.stderr
    failed = subprocess.run([*command, NOWHERE], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith("Cannot connect to Postgres at 127.0.0.1:1/x as sqp: ")
    assert "Traceback" not in failed.stderr
    assert "secret" not in failed.stderr


def test_migrate_writes_the_days_of_the_configuration(empty_database: str, config: str) -> None:
    assert main(["migrate", "--dsn", empty_database, "--config", config]) == 0
    assert days(empty_database, "client_a") == [("weekly", 2, 14), ("monthly", 7, 40), ("quarterly", 7, 135)]
    assert main(["migrate", "--dsn", empty_database, "--schema", "client_a"]) == 0
    assert days(empty_database, "client_a")[0] == ("weekly", 2, 14)


def test_take_over_names_the_new_owner(database: str) -> None:
    assert main(["take-over", "--dsn", database, "--airflow", "https://new.example.com/"]) == 0
    with psycopg.connect(database) as connection:
        owner = connection.execute("select airflow, files from sqp.schema_state").fetchone()
    assert owner == ("https://new.example.com", files_hash())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["migrate", "--dsn", NOWHERE], "Cannot connect to Postgres at 127.0.0.1:1/x as sqp"),
        (["migrate", "--dsn", NOWHERE, "--config", "/nowhere.yaml"], "/nowhere.yaml: cannot be read"),
        (["take-over", "--dsn", NOWHERE, "--airflow", "a"], "Cannot connect to Postgres"),
        (["take-over", "--dsn", NOWHERE, "--airflow", "a", "--schema", 'a"b'], "cannot be used: at most 55"),
    ],
)
def test_what_cannot_be_done_exits_with_1_and_says_why(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert says in capsys.readouterr().err


def test_a_schema_that_was_never_migrated_cannot_be_taken_over(
    empty_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["take-over", "--dsn", empty_database, "--airflow", "a"]) == 1
    assert capsys.readouterr().err == ("Schema sqp was never migrated, so it has no owner. Run 'sqp migrate' first.\n")


def test_migrate_works_after_somebody_deleted_the_owner(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("delete from sqp.schema_state")
        assert main(["migrate", "--dsn", database]) == 0
        state = "select airflow, files from sqp.schema_state"
        assert connection.execute(state).fetchall() == [(None, files_hash())]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["migrate"],
        ["take-over", "--dsn", NOWHERE],
        ["take-over", "--dsn", NOWHERE, "--airflow", ""],
        ["dance"],
        ["prove", "weekly"],
        ["prove", "weekly", "8 November"],
        ["prove", "daily", "2026-11-08"],
    ],
)
def test_wrong_arguments_exit_with_2(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SQP_POSTGRES_DSN", raising=False)
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--help"], "take-over"),
        (["migrate", "--help"], "Example: sqp migrate --dsn postgresql://sqp@db.example.com/warehouse"),
        (["take-over", "--help"], "Example: sqp take-over --airflow https://airflow.example.com"),
        (["delete-feed", "--help"], "Example: sqp delete-feed acme_us --config dags/sqp_config.yaml --yes"),
        (["doctor", "--help"], "Example: sqp doctor --config dags/sqp_config.yaml --price-per-tib 6.25"),
        (["prove", "--help"], 'Example: sqp prove weekly 2026-11-08 --query "wireless mouse" --asin B000000001'),
        (["--version"], f"airflow-provider-sqp {__version__}"),
    ],
)
def test_help_shows_an_example(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 0
    assert says in " ".join(capsys.readouterr().out.split())


def test_the_only_feed_of_a_configuration_is_migrated_over_its_connection(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SQP_POSTGRES_DSN", raising=False)
    config = tmp_path / "sqp_config.yaml"
    config.write_text("source: {table: amazon.report}\ntarget: {conn_id: warehouse, schema: figures}\n")
    assert main(["migrate", "--config", str(config)]) == 1
    assert "Create the connection in Airflow, or correct target.conn_id in sqp_config.yaml" in capsys.readouterr().err
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", connection_to(empty_database))
    assert main(["migrate", "--config", str(config)]) == 0
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select to_regclass('figures.weekly_summary') is not null").fetchone() == (True,)
