"""Whatever a file holds, it is read or refused with a sentence; it never stops the load of the others."""

from __future__ import annotations

import contextlib

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sqp_provider.landings.errors import UnusableExport
from sqp_provider.landings.export import read_export
from sqp_provider.landings.origin import ExportOptions
from tests.exports import AMERICAN, EXAMPLE, WEEKLY, export, line

CELLS = line().split('","')


def read(content: bytes) -> None:
    with contextlib.suppress(UnusableExport):
        read_export("US_Search_Query_Performance.csv", content, ExportOptions(asin="B00TEST001"))


@given(st.binary(max_size=300))
@example(b"\xff\xfe\x00")
@example(b"a\x00")
@settings(max_examples=200, deadline=None)
def test_any_bytes(content: bytes) -> None:
    read(content)


@given(st.text(max_size=40), st.sampled_from([WEEKLY, AMERICAN, EXAMPLE]), st.integers(0, 400))
@settings(max_examples=400, deadline=None)
def test_any_text_in_the_place_of_a_part(text: str, part: str, at: int) -> None:
    broken = part[:at] + text + part[at + len(text) :]
    parts = {WEEKLY: WEEKLY, AMERICAN: AMERICAN, EXAMPLE: line()} | {part: broken}
    read("\n".join([parts[WEEKLY], parts[AMERICAN], parts[EXAMPLE]]).encode(errors="ignore"))


@given(st.integers(0, len(CELLS) - 1), st.text(alphabet="0123456789.,%-+ eE٣²/:TZW", max_size=24))
@settings(max_examples=400, deadline=None)
def test_any_number_or_date_in_any_cell(cell: int, text: str) -> None:
    cells = [*CELLS[:cell], text, *CELLS[cell + 1 :]]
    read(export('"' + '","'.join(cells).strip('"') + '"').encode())


@given(
    st.from_regex(
        r"(ASIN|Brand|Reporting Range|Select (week|month|quarter|year))=\[[\"0-9A-Za-z |-]{0,40}\],?", fullmatch=True
    )
)
@example('Select week=["9999-12-26 - 9999-12-31"]')
@example('Select week=["2026-02-30 - 2026-02-31"]')
@settings(max_examples=200, deadline=None)
def test_any_first_line(first_line: str) -> None:
    read(export(line(), first_line=first_line).encode())
    read(export(line(day="9999-12-31"), first_line=first_line + WEEKLY).encode())
