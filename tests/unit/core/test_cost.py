"""Bytes and money in words."""

from __future__ import annotations

import pytest

from sqp_provider.core.cost import cost, size


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 * 2**30, "5.0 GiB"),
        (3 * 2**40, "3.0 TiB"),
        (2**60, "1024.0 PiB"),
    ],
)
def test_a_size_has_the_largest_unit_that_fits(count: int, says: str) -> None:
    assert size(count) == says


def test_without_a_price_only_the_bytes_are_said() -> None:
    assert cost(2**40, None) == "1.0 TiB"


def test_a_price_per_tib_gives_money() -> None:
    assert cost(2**40, 6.25) == "1.0 TiB, costs 6.25"
    assert cost(2**39, 6.25) == "512.0 GiB, costs 3.12"


def test_each_statement_is_billed_for_ten_mebibytes_at_least() -> None:
    assert cost(0, 1000, statements=1) == "0 bytes, costs less than 0.01"
    assert cost(0, 1000, statements=52) == "0 bytes, costs 0.50"
    assert cost(2**40, 6.25, statements=52) == cost(2**40, 6.25)
