"""One more emulator for a test session, beside the checkout's own."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from google.cloud import bigquery

from dev import emulator as client_of_emulator
from dev.checkout import ROOT
from dev.services.bigquery import another_emulator
from dev.services.errors import ServiceError

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
