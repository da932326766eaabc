"""`make up` beside somebody who sits on the port that Airflow had."""

import socket
from pathlib import Path

import pytest

from dev.services import airflow
from dev.services.airflow import LISTENS_ON, Airflow
from dev.services.ports import HOST, Ports, is_free


@pytest.fixture
def ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ports:
    """The ports of a checkout where no Airflow runs."""
    monkeypatch.setattr(airflow, "STATE", tmp_path)
    return Ports(tmp_path / "ports.json")


def test_a_port_in_use_is_left_to_its_owner(ports: Ports) -> None:
    before = [ports.recall(name) for name in LISTENS_ON]
    url = Airflow(ports).url
    with socket.create_server((HOST, ports.recall("airflow_api"))):
        Airflow(ports).choose_ports()
    after = [ports.recall(name) for name in LISTENS_ON]
    assert after[0] != before[0]
    assert after[1:] == before[1:]
    assert is_free(after[0])
    assert Airflow(ports).url == f"http://{HOST}:{after[0]}" != url


def test_free_ports_stay(ports: Ports) -> None:
    before = [ports.recall(name) for name in LISTENS_ON]
    Airflow(ports).choose_ports()
    assert [ports.recall(name) for name in LISTENS_ON] == before
