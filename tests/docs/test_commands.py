"""Every command in the documentation is run: here, or by the test or CI step that ELSEWHERE names."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import yaml
from airflow.dag_processing.bundles.local import LocalDagBundle
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.git.bundles.git import GitDagBundle
from apprise import Apprise
from google.cloud import bigquery
from psycopg.conninfo import conninfo_to_dict

from dev.checkout import ROOT
from dev.sample_data.market import Market
from dev.sample_data.source import SampleSource
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.settings import TargetSettings
from sqp_provider.hooks.alert_channel import AlertChannel
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.hooks.postgres import SqpPostgresHook
from tests.fixtures import connection_to, settings_for
from tests.landing import WEEK, Landing, report_row
from tests.stages import Stages

UP = ("tests/integration/dev/test_up.py", 'make("{}")')
CLEAN = ("tests/integration/dev/checkout.py", 'make("{}")')
CI = (".ci/run", "make --no-print-directory {}")
ELSEWHERE = {
    "make up": UP,
    "make down": UP,
    "make clean": CLEAN,
    "make demo": CI,
    "make test": CI,
    "make test-long": CI,
    "make services-stop": CI,
}
"""Commands that are too heavy to run here: the file that runs them, and how it says so."""

ENVIRONMENT = ". .dev/env"

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
            if not statement.strip().startswith("create"):
                assert cursor.description
                assert cursor.fetchall() or not block.fenced, "a statement of a block shows something"


@pytest.mark.parametrize("block", of("yaml"))
def test_configuration(block: Block) -> None:
    feeds = Feeds.checked(yaml.safe_load(block.text), origin=block.place)
    feeds.refuse_mistakes()
    assert all(settings.source.mapped() for settings in feeds.settings.values())


@pytest.mark.parametrize("block", of("python"))
def test_program(block: Block, tmp_path: Path) -> None:
    """Each is a whole Dag file, which Airflow's own parser reads."""
    (tmp_path / "documented.py").write_text(block.text)
    bag = DagBag(tmp_path)
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    assert dag.task_ids


@pytest.fixture(scope="module")
def sample(bigquery_client: bigquery.Client, dataset: str) -> str:
    """A source table with a week of the sample."""
    source = SampleSource(bigquery_client, f"{dataset}.documented")
    source.create()
    source.land_weeks(Market(asins=2, queries=20, rows_per_week=40), WEEK)
    return source.table


@pytest.mark.parametrize("block", of("sh"))
def test_commands(block: Block, empty_database: str, sample: str, tmp_path: Path) -> None:
    # Into a table and databases of the test, instead of the developer's own, which `. .dev/env` names.
    here = [command for command in commands(block) if command not in ELSEWHERE and command != ENVIRONMENT]
    lines = [re.sub(r"(-m dev\.sample_data \w+)", rf"\1 --table {sample}", line) for line in here]
    own = {"SQP_POSTGRES_DSN": empty_database, "AIRFLOW_HOME": str(tmp_path)} | {
        name: os.environ[name] for name in os.environ if name.startswith("AIRFLOW__DATABASE__")
    }
    before = [ENVIRONMENT, *(f"export {name}={shlex.quote(value)}" for name, value in own.items())]
    said = bash([*before, *lines], "select 'here: ' || current_database();\n")
    if any(line.startswith("psql") for line in lines):
        assert f"here: {conninfo_to_dict(empty_database)['dbname']}" in said


@pytest.mark.parametrize("block", [each for each in of("sh") if "quickstart" in str(each.values[0])])
def test_each_step_of_the_quickstart_begins_in_a_new_shell(block: Block) -> None:
    first, *_ = commands(block)
    assert first == ENVIRONMENT or first.startswith("make ")


def bash(lines: list[str], asked: str = "") -> str:
    """Run lines in the checkout with these on standard input; return what was printed."""
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-eu", "-c", "\n".join(lines)],
        cwd=ROOT,
        input=asked,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{lines}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def a_folder_or_a_repository(value: str) -> None:
    """What Airflow's manager makes of the bundles."""
    (configured,) = json.loads(value)
    bundle = DagBundlesManager().get_bundle("sqp")
    assert f"{type(bundle).__module__}.{type(bundle).__name__}" == configured["classpath"]
    if isinstance(bundle, LocalDagBundle):
        assert str(bundle.path) == configured["kwargs"]["path"]
    else:
        assert isinstance(bundle, GitDagBundle)
        assert (bundle.tracking_ref, bundle.subdir) == ("main", "dags")
        assert bundle.hook
        assert bundle.hook.repo_url == configured["kwargs"]["repo_url"]


def a_service(value: str) -> None:
    """What the hook of the alerts makes of the connection."""
    channel, services = AlertChannel("sqp_alerts"), Apprise()
    channel.set_config_from_conn(conn=channel.get_connection("sqp_alerts"), apprise_obj=services)
    (url,) = services.urls()
    assert url.startswith("json://hooks.example.com/sqp")


def a_project_of_bigquery(value: str) -> None:
    """What the hook of the source makes of the connection."""
    assert SqpBigQueryHook().project_id == "my-project"
    assert SqpBigQueryHook()._get_field("key_path") == "/secrets/sqp.json"


def a_database(value: str) -> None:
    """What the hook of the target makes of the connection."""
    assert SqpPostgresHook(TargetSettings()).address() == ("postgres://db.example.com:5432", "warehouse")


READ_BY: dict[str, Callable[[str], None]] = {
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": a_folder_or_a_repository,
    "AIRFLOW_CONN_SQP_ALERTS": a_service,
    "AIRFLOW_CONN_SQP_BIGQUERY": a_project_of_bigquery,
    "AIRFLOW_CONN_SQP_POSTGRES": a_database,
}
"""The variables that blocks set, and what reads them."""

SETTING = re.compile(r"^(?:export )?([A-Z_]+)=", re.MULTILINE)


@pytest.mark.parametrize("block", [each for each in of("sh") if SETTING.search(each.values[0].text)])
def test_what_a_block_sets_is_read_by_what_it_is_for(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_GIT_SQP", '{"conn_type": "git", "login": "reader", "password": "token"}')
    for name in SETTING.findall(block.text):
        value = bash(["set -a", block.text, f'printf %s "${name}"'])
        monkeypatch.setenv(name, value)
        READ_BY[name](value)


def test_the_staging_dataset_is_made_as_the_documentation_says(bigquery_client: bigquery.Client) -> None:
    said = re.findall(r"`(create schema sqp_staging [^`]+)`", (ROOT / "docs" / "deployment.md").read_text())
    (statement,) = said
    name = f"sqp_test_{uuid4().hex[:12]}"
    bigquery_client.query_and_wait(statement.replace("sqp_staging", name))
    assert bigquery_client.get_dataset(name)
    bigquery_client.delete_dataset(name)


RUN: dict[str, Callable[..., None]] = {
    "sh": test_commands,
    "sql": test_statement,
    "yaml": test_configuration,
    "python": test_program,
}
