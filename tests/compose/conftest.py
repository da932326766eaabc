"""The stack of docker-compose.yaml in containers, on a daemon of the tests' own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.compose import daemon, images
from tests.compose.project import Project
from tests.e2e.airflow_server import free_ports

NewProject = Callable[[], AbstractContextManager[Project]]


@pytest.fixture(scope="session")
def docker() -> Iterator[str]:
    """The address of a daemon that has the stand-ins; without it the tests are skipped."""
    with daemon.running_or_skipped() as address:
        images.build(address)
        yield address


@pytest.fixture(scope="session")
def new_project(docker: str) -> NewProject:
    """Make a checkout, with its images built; afterwards nothing of it is left but these."""

    @contextmanager
    def prepared() -> Iterator[Project]:
        with tempfile.TemporaryDirectory(prefix="sqp-compose-") as folder:
            (port,) = free_ports(1)
            project = Project(Path(folder), docker, port)
            project.prepare()
            try:
                project.compose("--profile", "demo", "build")
                yield project
            finally:
                project.compose("--profile", "demo", "down", "--volumes", "--remove-orphans", "--timeout", "5")

    return prepared
