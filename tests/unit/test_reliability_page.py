"""docs/reliability.md promises nothing without a test."""

from __future__ import annotations

import re

import pytest

from tests.pages import DOCS, TESTS, functions_of, rows

PAGE = (DOCS / "reliability.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))
PROMISES = rows(PAGE)


@pytest.mark.parametrize("text", SECTIONS.values(), ids=SECTIONS)
def test_each_section_promises_something(text: str) -> None:
    assert rows(text)


def test_each_promise_stands_there_once_and_is_a_sentence() -> None:
    assert all(len(row) == 2 for row in PROMISES)
    promises = [promise for promise, _ in PROMISES]
    assert len(set(promises)) == len(promises)
    assert [promise for promise in promises if not promise.endswith(".")] == []


@pytest.mark.parametrize(("promise", "tests"), PROMISES)
def test_each_promise_names_tests_that_exist(promise: str, tests: str) -> None:
    assert re.fullmatch(r"`[^`]+`(, `[^`]+`)*", tests), promise
    for test in re.findall(r"`([^`]+)`", tests):
        file, _, name = test.partition("::")
        written = functions_of(TESTS / "integration" / file)
        assert name in written if name else written, test
