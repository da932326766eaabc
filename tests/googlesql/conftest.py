"""The end of GoogleSQL in this process, and what its tests did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.googlesql.engine import engine
from tests.googlesql.examples import TALLY


@pytest.fixture(scope="package", autouse=True)
def googlesql() -> Iterator[None]:
    """After the last test give its memory back, hundreds of megabytes, and print the figures for -s."""
    yield
    engine.cache_clear()
    print(f"\nGoogleSQL: {dict(TALLY)}")
