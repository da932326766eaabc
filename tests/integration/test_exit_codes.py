"""How ``sqp`` exits where its output, its arguments or its connections are odd: never as if a period differed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from sqp_provider.__main__ import main
from sqp_provider.proof import Prover
from tests.landing import WEEK, Landing, report_row
from tests.stages import Stages

Prove = Callable[..., int]


@pytest.fixture
def prove(landing: Landing, dataset: str, stages: Stages, tmp_path: Path) -> Prove:
    """Prove a synced week on the command line, and return the exit code."""
    file = tmp_path / "sqp_config.yaml"
    source = {"table": landing.table, "staging_dataset": dataset, "columns": {"ingested_at": "ingested_at"}}
    file.write_text(yaml.safe_dump({"source": source}))
    landing.land(report_row("café 🐈"))
    stages.sync(WEEK)
    return lambda *arguments: main(["prove", "weekly", "2026-11-08", "--config", str(file), *arguments])


@pytest.fixture
def printing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Print to a file descriptor, in an encoding."""

    @contextmanager
    def to(descriptor: int, encoding: str = "utf-8") -> Iterator[None]:
        with monkeypatch.context() as patched, open(descriptor, "w", encoding=encoding) as stream:
            patched.setattr(sys, "stdout", stream)
            yield

    return to


def test_who_reads_no_further_gets_the_exit_code_of_the_proof(
    prove: Prove, stages: Stages, printing: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for clicks, code in ((50, 0), (7, 1)):
        stages.query(f"update weekly_summary set total_clicks = {clicks}")
        reader, writer = os.pipe()
        os.close(reader)
        with printing(writer):
            assert prove() == code
    assert capsys.readouterr().err == ""


def test_an_output_in_ascii_has_escapes_which_leave_json_whole(
    prove: Prove, stages: Stages, printing: Any, tmp_path: Path
) -> None:
    stages.query("update weekly_summary set total_clicks = 7")
    text, found = tmp_path / "text", tmp_path / "json"
    with printing(os.open(text, os.O_CREAT | os.O_WRONLY), "ascii"):
        assert prove("--query", "Café 🐈", "--asin", "B00TEST001") == 1
    assert "total_clicks 50 \\u2192 7" in text.read_text()
    with printing(os.open(found, os.O_CREAT | os.O_WRONLY), "ascii"):
        assert prove("--json") == 1
    assert json.loads(found.read_text())["difference"]["differing_rows"][0]["query"] == "café 🐈"


def test_a_full_disk_is_said_and_is_no_difference(
    prove: Prove, printing: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with printing(os.open("/dev/full", os.O_WRONLY)):
        assert prove() == 2
    assert capsys.readouterr().err.startswith(
        "standard output cannot be written: [Errno 28] No space left on device. The end of what"
    )


def test_python_does_not_try_to_write_again_when_it_ends() -> None:
    command = [sys.executable, "-m", "sqp_provider", "--help"]
    with Path("/dev/full").open("w") as full:
        lost = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (lost.returncode, lost.stderr.count("\n")) == (1, 1)
    reader, writer = os.pipe()
    os.close(reader)
    unread = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (unread.returncode, unread.stderr) == (0, "")


def test_a_query_that_is_no_text_is_refused(prove: Prove, capsys: pytest.CaptureFixture[str]) -> None:
    assert prove("--query", os.fsdecode(b"a\xffb")) == 2
    told = capsys.readouterr()
    assert "could not be proved: the query a\\udcffb is no text, because it is not UTF-8.\nGive it as" in told.out
    assert told.err == ""


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ({"keyfile_dict": "{this is no JSON"}, "Invalid key JSON"),
        ({"keyfile_dict": '{"private_key": "x"}'}, "missing fields"),
        ({"key_path": "/nowhere/sqp.json"}, "No such file or directory: '/nowhere/sqp.json'"),
    ],
)
def test_a_key_that_cannot_be_used_is_said_with_its_connection(
    prove: Prove,
    key: dict[str, str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    connection = {"conn_type": "google_cloud_platform", "extra": {"project": "sqp-demo", **key}}
    monkeypatch.setenv("AIRFLOW_CONN_SQP_BIGQUERY", json.dumps(connection))
    capsys.readouterr()
    assert prove() == 2
    told = capsys.readouterr()
    answer, advice, *_ = told.out.splitlines()
    assert "could not be proved: the key of connection sqp_bigquery cannot be used: " in answer
    assert says in answer
    assert advice.startswith("Correct Keyfile JSON or Keyfile Path of the connection")
    assert told.err == ""


def test_an_error_that_nobody_has_foreseen_is_one_sentence_and_no_difference(
    prove: Prove, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("rows\nhash")

    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr(Prover, "_found", broken)
        assert prove() == 2
    told = capsys.readouterr().out
    assert told.splitlines()[0] == (
        "weekly 2026-11-08..2026-11-14 could not be proved: the proof broke: KeyError: 'rows\\nhash'."
    )
    with monkeypatch.context() as patched:
        patched.setattr(Prover, "prove", broken)
        assert prove() == 2
    assert capsys.readouterr().err == (
        "the command broke: KeyError: 'rows\\nhash'. Report this as a mistake of SQP Sync.\n"
    )


def test_other_commands_exit_with_1_and_say_what_to_do_without_a_task(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--table", "sqp-demo.amazon.report", "--conn-id", "nowhere"]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("The conn_id `nowhere` isn't defined. Nothing was changed. Create the connection")

    extra = {"project": "p", "is_anonymous": True, "api_endpoint": "http://127.0.0.1:1"}
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_NOBODY_THERE", json.dumps(connection))
    assert main(["doctor", "--table", "p.amazon.report", "--conn-id", "nobody_there"]) == 1
    said = "".join(capsys.readouterr())
    assert "task" not in said
    assert "The target is unchanged. Try again when BigQuery is back." in said
