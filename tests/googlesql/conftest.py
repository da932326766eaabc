"""What the tests of GoogleSQL compared, to be seen with -s."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.googlesql.cells import COMPARED


@pytest.fixture(scope="session", autouse=True)
def compared() -> Iterator[None]:
    """Print the figures after the last test."""
    yield
    print(f"\nevaluated by GoogleSQL and compared: {dict(COMPARED)}")
