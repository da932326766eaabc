"""How many examples hypothesis makes, and what all tests of GoogleSQL together have done."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, Phase, settings

TALLY: Counter[str] = Counter()
"""Configurations and statements that were analyzed, rows that were evaluated, cells that were compared."""


def some(examples: int) -> settings:
    """Make always the same examples, so that a test that passed passes again; one that fails is not made smaller."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def many(examples: int) -> settings:
    """Make other examples each time."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
