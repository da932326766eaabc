"""The services' life in a checkout of their own, next to the running services of this one."""

import os
import re
import signal
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from dev.checkout import ROOT
from tests.integration.dev.checkout import Checkout, started_in


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout with its services started, in a folder whose name wants quoting."""
    with started_in(tmp_path_factory.mktemp("second") / "it's a 100% checkout") as checkout:
        yield checkout


def test_starting_twice_reuses_what_runs(checkout: Checkout) -> None:
    before = checkout.pids(), checkout.sourced()
    again = checkout.start()
    assert again.count("running already") == 2
    assert "migrated" not in again
    assert (checkout.pids(), checkout.sourced()) == before


def test_two_checkouts_share_no_port(checkout: Checkout) -> None:
    port = re.compile(r"(?:127\.0\.0\.1|localhost):(\d+)|PORT=(\d+)")
    theirs, ours = (
        {first or second for first, second in port.findall(text)}
        for text in (checkout.sourced(), (ROOT / ".dev" / "env").read_text())
    )
    assert len(theirs) == len(ours) == 6
    assert not theirs & ours


def test_the_environment_file_is_private(checkout: Checkout) -> None:
    assert stat.S_IMODE((checkout.state / "env").stat().st_mode) == 0o600


def test_sourcing_the_environment_twice_changes_nothing_more(checkout: Checkout) -> None:
    assert checkout.sourced(times=2) == checkout.sourced()
    assert checkout.variable("PATH").startswith(f"{checkout.folder}/.venv/bin:")
    assert checkout.variable("AIRFLOW_HOME") == f"{checkout.state}/airflow"


def test_the_command_sqp_works_in_every_folder_and_finds_connections_and_configuration(checkout: Checkout) -> None:
    assert checkout.sourced("cd / && command -v sqp") == f"{checkout.state}/bin/sqp\n"
    proof = checkout.sourced('cd / && sqp prove weekly 2026-11-08 --query "wireless mouse" 2>&1 || echo "exit code $?"')
    assert proof.startswith("weekly 2026-11-08..2026-11-14 could not be proved: ")
    assert "sqp_migrate" in proof  # it has found the configuration and the target, which is not migrated yet
    assert proof.endswith("exit code 2\n")


def test_a_machine_without_a_psql_finds_postgresqls_own(checkout: Checkout) -> None:
    own = checkout.sourced('"${PATH##*:}/psql" -At "$SQP_POSTGRES_DSN" -c "select current_database()"')
    assert own == "sqp\n"


def test_the_database_asks_for_the_password(checkout: Checkout) -> None:
    dsn = checkout.variable("SQP_POSTGRES_DSN")
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select current_database(), current_setting('fsync')").fetchone() == ("sqp", "on")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(re.sub(":[^:@]+@", ":guessed@", dsn))


def test_the_metadata_database_is_migrated(checkout: Checkout) -> None:
    dsn = checkout.variable("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN").replace("+psycopg2", "")
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select count(*) from alembic_version").fetchone() == (1,)


def test_a_killed_service_is_started_again_where_it_was(checkout: Checkout) -> None:
    before, rest = checkout.pids(), checkout.variable("BIGQUERY_EMULATOR_HOST")
    os.kill(before["bigquery"], signal.SIGKILL)
    assert "BigQuery emulator: started" in checkout.start()
    assert checkout.variable("BIGQUERY_EMULATOR_HOST") == rest
    after = checkout.pids()
    assert after["bigquery"] != before["bigquery"]
    assert after["postgres"] == before["postgres"]


def test_stopping_keeps_the_target_and_ends_both(checkout: Checkout) -> None:
    dsn = checkout.variable("SQP_POSTGRES_DSN")
    with psycopg.connect(dsn) as connection:
        connection.execute("create table kept as select 42 as answer")
    assert checkout.services("stop").stdout.count("stopped") == 2
    assert checkout.pids() == {}
    assert checkout.services("stop").stdout.count("was not running") == 2
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)

    assert checkout.start().count("started") == 2
    assert checkout.variable("SQP_POSTGRES_DSN") == dsn
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)


def test_a_service_that_cannot_start_says_why_and_what_to_do(checkout: Checkout) -> None:
    checkout.services("stop")
    home = checkout.state / "bigquery"
    home.rename(aside := home.with_name("aside"))
    home.touch()  # a file where the emulator's folder should be
    try:
        failed = checkout.services("start")
    finally:
        home.unlink()
        aside.rename(home)
    assert failed.returncode == 1
    assert "BigQuery emulator: failed" in failed.stdout
    assert "Traceback" not in failed.stderr
    assert str(home) in failed.stderr
    checkout.start()


def test_removing_leaves_no_data_and_no_process(tmp_path: Path) -> None:
    with started_in(tmp_path / "short-lived") as checkout:
        processes = [*checkout.pids().values(), checkout.supervisord()]
        assert len(processes) == 3
        with psycopg.connect(checkout.variable("SQP_POSTGRES_DSN")) as connection:
            (data,) = connection.execute("show data_directory").fetchone() or ("",)
    assert not Path(data).exists()
    assert sorted(path.name for path in checkout.state.iterdir()) == ["services.lock", "uv", "venv"]
    for pid in processes:
        with suppress(psutil.NoSuchProcess):
            assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
