"""The reasons for which a source row is rejected."""

from __future__ import annotations

import re
from pathlib import Path

from sqp_provider.core.contract import REJECT_REASONS

STATEMENT = Path(__file__).parents[3] / "sql" / "source_rows.sql"


def test_each_reason_that_the_statement_gives_has_an_explanation() -> None:
    given = set(re.findall(r"then '(\w+)'|\"'(\w+)'\"", STATEMENT.read_text(encoding="utf-8")))
    assert {first or second for first, second in given} == REJECT_REASONS.keys()
