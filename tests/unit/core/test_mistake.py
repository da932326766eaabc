"""A mistake as Pydantic finds it, in one sentence: the key, what was expected, what was found."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from sqp_provider.core.mistake import mistake


class Limits(BaseModel):
    """A section whose values must fit each other."""

    warn: int = 1
    fail: int = 2

    @model_validator(mode="after")
    def _warn_before_fail(self) -> Limits:
        if self.warn > self.fail:
            raise ValueError(f"warn {self.warn} is above fail {self.fail}")
        return self


class Content(BaseModel):
    """A whole file."""

    model_config = ConfigDict(extra="forbid", revalidate_instances="always")

    table: str
    causes: tuple[Literal["failed", "late"], ...] = ()
    limits: Limits = Limits()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({}, "table: is missing"),
        ({"table": "a.b", "tabel": "a.c"}, "tabel: is not a setting; check the spelling"),
        ({"table": 7}, "table: Input should be a valid string, found 7"),
        (
            {"table": "a.b", "causes": ["failed", "slow"]},
            "causes.1: Input should be 'failed' or 'late', found 'slow'",
        ),
        ({"table": "a.b", "limits": {"warn": 3}}, "limits: warn 3 is above fail 2"),
        ({"table": "a.b", "limits": Limits.model_construct(warn=4)}, "limits: warn 4 is above fail 2"),
        (["table"], "file: Input should be a valid dictionary or instance of Content, found [table]"),
        ({"table": True}, "table: Input should be a valid string, found true"),
        ({"table": None}, "table: Input should be a valid string, found null"),
        ({"table": date(2026, 11, 8)}, "table: Input should be a valid string, found 2026-11-08"),
    ],
)
def test_a_mistake_names_its_key_and_what_was_found_unless_that_is_a_section(content: Any, text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Content.model_validate(content)
    assert [mistake(detail) for detail in refused.value.errors()] == [text]
