"""What a statement reads, in words: bytes, and money if BigQuery's price is given."""

from __future__ import annotations

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")

LEAST_BILLED_BYTES = 10 * 2**20
"""On demand, BigQuery bills each query that reads a table for 10 MiB at least (its page "Pricing")."""


def size(count: int) -> str:
    """``size(1536) == "1.5 KiB"``; ``size(0) == "0 bytes"``."""
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{count} bytes" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def cost(count: int, price_per_tib: float | None, statements: int = 1) -> str:
    """Say what one or several statements read, and what that costs at a price per TiB.

    ``cost(2**40, 6.25)`` is ``1.0 TiB, costs 6.25``; ``cost(0, None)`` is ``0 bytes``. The currency is that of the
    price.
    """
    if price_per_tib is None:
        return size(count)
    billed = max(count, statements * LEAST_BILLED_BYTES)
    price = billed / 2**40 * price_per_tib
    return f"{size(count)}, costs {price:.2f}" if price >= 0.01 else f"{size(count)}, costs less than 0.01"
