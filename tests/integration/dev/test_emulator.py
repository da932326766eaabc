"""One more emulator for a test session, beside the checkout's own."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from google.cloud import bigquery

from dev import emulator as client_of_emulator
from dev.checkout import ROOT
from dev.services.bigquery import another_emulator
from dev.services.errors import ServiceError
from tests.owned import PREFIX

CALLER = """
import sys
from pathlib import Path
from dev.services.bigquery import another_emulator
with another_emulator(Path(sys.argv[1])):
    print("answers", flush=True)
    sys.stdin.read()
"""


def test_it_is_empty_and_keeps_to_itself(
    tmp_path: Path, bigquery_client: bigquery.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with another_emulator(tmp_path) as emulator:
        for name, value in emulator.variables.items():
            monkeypatch.setenv(name, value)
        client = client_of_emulator.client()
        assert list(client.list_datasets()) == []
        client.create_dataset("only_here")
        assert "only_here" not in {dataset.dataset_id for dataset in bigquery_client.list_datasets()}
    assert not emulator.answers()


def test_it_ends_with_its_caller_even_when_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CALLER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "answers\n"
        (emulator,) = psutil.Process(caller.pid).children()
        caller.send_signal(signal.SIGKILL)
    psutil.wait_procs([emulator])


def test_one_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / ".duckdb").touch()  # a file where DuckDB's folder should be
    with (
        pytest.raises(ServiceError, match=r"The emulator exited while starting\.(?s:.)*emulator\.log:"),
        another_emulator(tmp_path),
    ):
        pytest.fail("it started")


def test_readers_and_writers_at_the_same_moment_get_their_own_rows(
    bigquery_client: bigquery.Client, dataset: str
) -> None:
    """Rows and columns of one answer came from another, one answer in seventeen."""

    def ask(number: int) -> int:
        columns = ", ".join(f"{number} as own_{number}_{each}" for each in range(12))
        table = f"{dataset}.own_{number}"
        wanted = [{f"own_{number}_{each}": number for each in range(12)}] * (200 + number)
        numbers = f"unnest(generate_array(1, {200 + number}))"
        bigquery_client.query_and_wait(f"create or replace table {table} as select {columns} from {numbers}")
        wrong = 0
        for _ in range(12):
            listed = bigquery_client.list_rows(f"{bigquery_client.project}.{table}")
            wrong += [dict(row) for row in listed] != wanted
            wrong += [dict(row) for row in bigquery_client.query_and_wait(f"select * from {table}")] != wanted
            bigquery_client.query_and_wait(f"create or replace table {table}_other as select 1 as x")
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 0


def test_more_tables_than_a_page_holds_are_listed(bigquery_client: bigquery.Client) -> None:
    """The emulator stopped at 1,000, so that a test found no new table after a thousand others."""
    dataset = f"{bigquery_client.project}.{PREFIX}{uuid4().hex[:12]}"
    bigquery_client.create_dataset(dataset)
    for number in range(1001):
        bigquery_client.create_table(bigquery.Table(f"{dataset}.table_{number}"))
    assert len(list(bigquery_client.list_tables(dataset))) == 1001
    bigquery_client.delete_dataset(dataset, delete_contents=True)
