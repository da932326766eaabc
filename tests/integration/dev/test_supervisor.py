"""What is started ends as a whole, and nothing else ever does; tried with programs that are quick to start."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dev.services.ports import HOST
from tests.integration.dev.checkout import Checkout, removed_afterwards

QUICK = """
. .dev/quick
sh -c 'echo $$ >> .dev/children; exec sleep 600' &
setsid sh -c 'echo $$ >> .dev/children; exec sleep 600' &
exec sleep 600
"""
"""Instead of each of Airflow's components: it has a child beside it, and one in a session of its own."""


@pytest.fixture
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with removed_afterwards(tmp_path_factory.mktemp("quick") / "it's a 100% checkout") as checkout:
        configuration = checkout.folder / "dev" / "services" / "supervisord.conf"
        text, replaced = re.subn(r'-c ".* airflow .*"', ".dev/quick.sh", configuration.read_text())
        assert replaced == 4
        configuration.write_text(re.sub(r"^(stopasgroup=.*)", r"\1\nstopwaitsecs=1", text, flags=re.MULTILINE))
        (checkout.state / "quick.sh").write_text(QUICK)
        (checkout.state / "quick").touch()
        (checkout.state / "log").mkdir()
        yield checkout


def call(checkout: Checkout, statement: str, **variables: str) -> None:
    done = checkout.python("-c", f"from dev.services import supervisor; {statement}", **variables)
    assert done.returncode == 0, done.stderr


def start(checkout: Checkout, **variables: str) -> dict[str, int]:
    """Start the four, and wait until each has its two children."""
    before = len(children(checkout))
    missing = 4 - len(checkout.pids())
    call(checkout, "supervisor.launch(); supervisor.start('airflow')", **variables)
    wait_until(lambda: len(children(checkout)) == before + 2 * missing)
    return checkout.pids()


def children(checkout: Checkout) -> list[int]:
    written = checkout.state / "children"
    return [int(pid) for pid in written.read_text().split()] if written.exists() else []


def wait_until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.05)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_stopping_ends_everything_that_was_started(checkout: Checkout) -> None:
    everything = [*start(checkout).values(), *children(checkout), checkout.supervisord()]
    assert len(everything) == 4 + 8 + 1
    assert all(map(alive, everything))
    assert "Airflow: stopped" in checkout.services("stop").stdout
    assert not any(map(alive, everything))
    assert "Airflow" not in checkout.services("stop").stdout


def test_starting_again_changes_nothing(checkout: Checkout) -> None:
    before = start(checkout)
    assert start(checkout) == before


def test_a_killed_program_is_started_again_alone_and_its_children_are_ended(checkout: Checkout) -> None:
    before = start(checkout)
    others = children(checkout)
    (its_child,) = psutil.Process(before["scheduler"]).children()[:1]
    os.kill(before["scheduler"], signal.SIGKILL)
    wait_until(lambda: "scheduler" not in checkout.pids())
    assert its_child.is_running()
    after = start(checkout)
    assert after.keys() == before.keys()
    assert [name for name in before if after[name] != before[name]] == ["scheduler"]
    assert not its_child.is_running()
    assert len([pid for pid in others if alive(pid)]) == 6


@pytest.mark.parametrize("loss", ["supervisord is killed", "its socket is deleted"])
def test_what_a_lost_supervisord_left_is_ended_before_a_new_one_starts(checkout: Checkout, loss: str) -> None:
    before = [*start(checkout).values(), *children(checkout), checkout.supervisord()]
    if loss == "supervisord is killed":
        os.kill(before[-1], signal.SIGKILL)
    else:
        (checkout.state / "supervisor.sock").unlink()
    after = start(checkout)
    assert len(after) == 4
    assert not any(map(alive, before))


def test_a_pid_that_is_anothers_now_is_left_alone(checkout: Checkout) -> None:
    with subprocess.Popen(["/bin/sleep", "600"]) as innocent:
        (checkout.state / "supervisord.pid").write_text(str(innocent.pid))
        start(checkout)
        (checkout.state / "supervisord.pid").write_text(str(innocent.pid))
        checkout.services("stop")
        assert innocent.poll() is None
        innocent.kill()


def test_a_program_that_ignores_the_request_is_killed(checkout: Checkout) -> None:
    (checkout.state / "quick").write_text("trap '' TERM INT\n")
    everything = [*start(checkout).values(), *children(checkout)]
    checkout.services("stop")
    assert not any(map(alive, everything))


def test_all_four_end_when_the_page_has_lost_its_port_to_somebody_else(checkout: Checkout) -> None:
    choose = "from dev.services.__main__ import choose_ports, ports; choose_ports()"
    call(checkout, choose)
    before = start(checkout)
    port = json.loads((checkout.state / "ports.json").read_text())["airflow_api"]
    with socket.create_server((HOST, port)):
        call(checkout, choose)  # the page itself may be what listens there
        assert checkout.pids() == before
        os.kill(before["api-server"], signal.SIGKILL)
        wait_until(lambda: "api-server" not in checkout.pids())
        call(checkout, choose)
        assert checkout.pids() == {}
        assert json.loads((checkout.state / "ports.json").read_text())["airflow_api"] != port


def test_one_checkouts_stop_leaves_the_others_alone(checkout: Checkout, tmp_path: Path) -> None:
    before = start(checkout)
    with removed_afterwards(tmp_path / "a third one") as third:
        assert "was not running" in third.services("stop").stdout
    assert checkout.pids() == before


def test_the_environment_of_the_caller_arrives_unchanged(checkout: Checkout) -> None:
    odd = """100% of %(here)s, %s, "double", 'single', ; and # and ${HOME}"""
    pids = start(checkout, ODD=odd, PGPORT="1")
    assert psutil.Process(pids["triggerer"]).environ()["ODD"] == odd


def test_a_path_too_long_for_a_socket_is_no_obstacle(tmp_path: Path) -> None:
    with removed_afterwards(tmp_path / "/".join(["a folder with a long name"] * 4)) as deep:
        (deep.state / "log").mkdir()
        call(deep, "supervisor.launch()")
        assert not (deep.state / "supervisor.sock").exists()
        call(deep, "assert supervisor.supervisord()")
        supervisord = deep.supervisord()
    assert not alive(supervisord)
