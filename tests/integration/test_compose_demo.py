"""docker-compose.yaml without Docker: init, then the profile demo up to a synced week, one command after the other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns

import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from dev.up.syncs import sync_dags
from sqp_provider.core.feeds import Feeds
from tests.conftest import new_database
from tests.e2e.airflow_server import airflow, free_ports
from tests.fixtures import connection_to
from tests.integration.compose import (
    ROOT,
    VARIABLES,
    Container,
    container,
    running,
    services,
    write_secrets,
)
from tests.stages import Stages

pytestmark = pytest.mark.long

TWO_FEEDS = {
    "source": {"table": "agency.report"},
    "feeds": {"acme_us": {"source": {"where": {"marketplace": "US"}}}, "beta": {"source": {"table": "beta.report"}}},
}
SYNCS = ("sqp_weekly_sync", "sqp_monthly_sync", "sqp_quarterly_sync")


@dataclass
class Initialised:
    """What the other services find when init has finished."""

    folder: Path
    secrets: Path
    metadata: str
    target: str
    where: dict[str, str]

    def container(self, name: str, **elsewhere: str) -> Container:
        """A service that finds both databases and the secrets."""
        return container(name, self.secrets, **self.where | elsewhere)


@pytest.fixture(scope="module")
def initialised(server_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Initialised]:
    """Both databases after init's command, and the secrets that name them."""
    folder = tmp_path_factory.mktemp("compose")
    secrets = folder / "secrets"
    write_secrets("--demo", "--folder", str(secrets))
    parts = conninfo_to_dict(server_dsn)
    address = f"{parts['host']}:{parts['port']}"
    (secrets / "metadata_password").write_text(str(parts.get("password", "")))
    with new_database(server_dsn) as metadata, new_database(server_dsn) as target:
        where = {
            "airflow:%s@metadata:5432/airflow": f"{parts['user']}:%s@{address}/{conninfo_to_dict(metadata)['dbname']}",
            "/opt/airflow": str(ROOT),
        }
        connect(secrets, target)
        init = container("init", secrets, **where)
        done = init.run(init.command, folder, AIRFLOW_HOME=str(folder))
        assert done.returncode == 0, done.stdout[-3000:]
        yield Initialised(folder, secrets, metadata, target, where)


def test_init_migrates_both_databases(initialised: Initialised) -> None:
    assert tables(initialised.metadata, "public") >= {"dag", "dag_run", "task_instance"}
    assert tables(initialised.target, "sqp") >= {"sync_log", "weekly_summary", "synced_period"}


def test_init_finds_the_target_over_its_connection_and_knows_no_password_of_it() -> None:
    init = services(VARIABLES)["init"]
    assert "PGPASSWORD" not in init["environment"]
    assert "--dsn" not in init["command"][-1]


def test_init_migrates_every_feed_of_the_configuration_and_the_views_over_all(
    initialised: Initialised, server_dsn: str, tmp_path: Path
) -> None:
    config = tmp_path / "sqp_config.yaml"
    config.write_text(yaml.safe_dump(TWO_FEEDS))
    with new_database(server_dsn) as target:
        connect(initialised.secrets, target)
        try:
            init = initialised.container("init")
            done = init.run(init.command, tmp_path, AIRFLOW_HOME=str(tmp_path), SQP_CONFIG=str(config))
        finally:
            connect(initialised.secrets, initialised.target)
        assert done.returncode == 0, done.stdout[-3000:]
        for schema in ("sqp_acme_us", "sqp_beta"):
            assert tables(target, schema) >= {"sync_log", "weekly_summary"}, schema
        assert tables(target, "sqp") == set()
        with psycopg.connect(target) as connection:
            found = connection.execute("select count(*) from sqp_all.weekly_summary where feed = 'beta'").fetchone()
    assert found == (0,)


def test_what_the_demo_unpauses_are_the_syncs_of_each_feed_and_nothing_else() -> None:
    (pattern,) = re.findall("syncs='(.+)'", services(VARIABLES)["sample-data"]["command"][-1])
    for content in (TWO_FEEDS, {"source": {"table": "amazon.report"}}):
        feeds = Feeds.checked(content, origin="test")
        others = [settings.named("sqp_restatements") for settings in feeds.settings.values()]
        every = [*sync_dags(feeds), *others, "sqp_freshness", "sqp_migrate", "sqp_doctor", "sqp_prove"]
        assert [dag_id for dag_id in every if re.search(f"{pattern}$", dag_id)] == sync_dags(feeds)


def connect(secrets: Path, dsn: str) -> None:
    """Let the connection to Postgres lead to a database of the test."""
    file = secrets / "connections.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"sqp_postgres": json.loads(connection_to(dsn))}))


def tables(dsn: str, schema: str) -> set[str]:
    """The tables of a schema."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute("select tablename from pg_tables where schemaname = %s", [schema])
        return {str(name) for (name,) in found}


@pytest.fixture
def emulator(initialised: Initialised) -> Iterator[Initialised]:
    """The running service bigquery, on ports of this machine, with what its image's recipe prepares."""
    rest, grpc = map(str, free_ports(2))
    initialised.where |= {"0.0.0.0": "127.0.0.1", "bigquery:90": "127.0.0.1:90", "9050": rest, "9060": grpc}  # noqa: S104
    service = services(VARIABLES)["bigquery"]
    path = f"{ROOT / '.dev/venv/bin'}:{os.environ['PATH']}"
    service["environment"] |= {"PATH": path, "HOME": str(initialised.folder), "PYTHONPATH": ""}
    bigquery = Container(service, initialised.where | {"/tmp/uploads": str(initialised.folder / "uploads")})  # noqa: S108
    *_, prepare = (line for line in service["build"]["dockerfile_inline"].splitlines() if line.startswith("RUN "))
    assert bigquery.run(["sh", "-c", prepare.removeprefix("RUN ")], initialised.folder).returncode == 0
    assert bigquery.run(bigquery.healthcheck, initialised.folder).returncode == 1
    with running(bigquery, initialised.folder) as process:
        wait_until_healthy(bigquery, initialised.folder, process)
        yield initialised


def wait_until_healthy(service: Container, folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Ask its health check, as Docker does."""
    while service.run(service.healthcheck, folder).returncode:
        assert process.poll() is None, f"stopped with {process.returncode} before it was healthy"
        time.sleep(0.5)


def test_the_demo_lands_what_is_due_unpauses_the_syncs_and_a_week_syncs(
    emulator: Initialised, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = emulator.folder / "checkout"
    copytree(ROOT / "dev", checkout / "dev", ignore=ignore_patterns("__pycache__"))  # all that is mounted there
    home = {"AIRFLOW_HOME": str(emulator.folder), "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags")}
    home["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(ROOT / "plugins")
    parsed = emulator.container("dag-processor").run(airflow("dags", "reserialize"), emulator.folder, **home)
    assert parsed.returncode == 0, parsed.stdout[-3000:]

    sample_data = emulator.container("sample-data")
    done = sample_data.run(sample_data.command, checkout, **home)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "weeks landed" in done.stdout
    with psycopg.connect(emulator.metadata) as connection:
        paused = dict(connection.execute("select dag_id, is_paused from dag where dag_id like 'sqp%'").fetchall())
    assert paused.pop("sqp_restatements")
    assert {dag_id for dag_id, is_paused in paused.items() if not is_paused} == set(SYNCS)

    connections = json.loads(sample_data.mapped((emulator.secrets / "connections.json").read_text()))
    connections["sqp_postgres"] = json.loads(connection_to(emulator.target))
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    stages = Stages(Feeds.load(ROOT / "dags" / "sqp_config.yaml").of(None), emulator.target)
    run = stages.sync()  # without a period, as its schedule does: the newest that is due
    assert run.colour == "success", run.errors
    assert stages.log(run)["sync_status"] == "completed"
    (published,) = stages.query("select count(*) from weekly_summary")
    assert published["count"] > 10_000
