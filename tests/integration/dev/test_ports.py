"""Ports are chosen once, remembered, and changed only when somebody else sits on them."""

import json
import socket
from pathlib import Path

from dev.services.ports import HOST, Ports, is_free


def test_a_port_is_remembered(tmp_path: Path) -> None:
    port = Ports(tmp_path / "ports.json").recall("postgres")
    assert Ports(tmp_path / "ports.json").recall("postgres") == port
    assert Ports(tmp_path / "ports.json").recall_free("postgres") == port


def test_services_get_different_ports(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    assert len({ports.recall(name) for name in ("postgres", "bigquery_rest", "bigquery_grpc")}) == 3


def test_a_port_taken_by_somebody_else_is_replaced_and_the_others_are_kept(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    rest, taken = ports.recall("bigquery_rest"), ports.recall("postgres")
    with socket.create_server((HOST, taken)):
        assert not is_free(taken)
        replaced = ports.recall_free("postgres")
    assert replaced != taken
    assert json.loads(ports.path.read_text()) == {"bigquery_rest": rest, "postgres": replaced}


def test_a_damaged_file_is_written_anew(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    ports.path.write_text('{"postgres": ')
    assert ports.recall("postgres") == ports.recall("postgres")
