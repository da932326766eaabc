"""The words of an alert."""

from __future__ import annotations

import pytest

from sqp_provider.core.alerts import ordinal


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (2, "second"),
        (3, "third"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (20, "20th"),
        (21, "21st"),
        (22, "22nd"),
        (23, "23rd"),
        (101, "101st"),
        (111, "111th"),
        (113, "113th"),
    ],
)
def test_ordinals_are_those_of_english(number: int, word: str) -> None:
    assert ordinal(number) == word
