"""Ports are chosen once, remembered, and changed only when somebody else sits on them."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.services import airflow, ports
from dev.services.ports import HOST, is_free


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The memory of a checkout where nothing runs."""
    monkeypatch.setattr(ports, "FILE", tmp_path / "ports.json")
    return tmp_path / "ports.json"


def chosen(*running: str) -> dict[str, int]:
    ports.choose(running)
    return ports.remembered()


@contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.create_server((HOST, port)):
        assert not is_free(port)
        yield


def test_ports_are_remembered(file: Path) -> None:
    assert chosen() == chosen() == json.loads(file.read_text())


def test_everything_gets_a_port_of_its_own() -> None:
    assert len(set(chosen().values())) == 6


@pytest.mark.parametrize("name", ["postgres", "bigquery_rest", "airflow_api"])
def test_a_port_taken_by_somebody_else_is_replaced_and_the_others_are_kept(name: str) -> None:
    before = chosen()
    with taken(before[name]):
        after = chosen()
    assert after[name] != before[name]
    assert is_free(after[name])
    assert after | {name: before[name]} == before


def test_a_port_that_our_own_program_listens_on_is_kept() -> None:
    before = chosen()
    with taken(before["bigquery_grpc"]):
        assert chosen("bigquery") == before


def test_the_page_moves_with_its_port() -> None:
    with taken(chosen()["airflow_api"]):
        url = airflow.url()
        moved = chosen()["airflow_api"]
    assert airflow.url() == f"http://{HOST}:{moved}" != url


def test_a_damaged_file_is_written_anew(file: Path) -> None:
    file.write_text('{"postgres": ')
    assert chosen() == chosen()
