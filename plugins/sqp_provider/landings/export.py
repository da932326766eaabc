"""One file of Amazon's CSV export: what it is of, and its rows as they land."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqp_provider.core.period import Period
from sqp_provider.landings.cells import read_rows
from sqp_provider.landings.columns import COLUMN_OF, HEADERS, NEEDED, REPORTING_DATE, folded
from sqp_provider.landings.errors import UnusableExport
from sqp_provider.landings.first_line import BRAND_VIEW, FirstLine, is_first_line, read_first_line
from sqp_provider.landings.origin import ExportOptions, asin_of, marketplace_of, period_of

SHOWN = 3
"""How many malformed lines of a file an error shows."""

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class Export:
    """One usable file.

    :param rows: by the names of the table's columns, as JSON has them.
    """

    asin: str
    marketplace: str
    period: Period | None
    rows: list[dict[str, Any]]

    def __str__(self) -> str:
        rows = f"{len(self.rows):,} row{'s' * (len(self.rows) != 1)}"
        return f"{self.asin}, {self.marketplace}, {self.period or 'no period'}, {rows}"


def read_export(name: str, content: bytes, options: ExportOptions) -> Export:
    """Read one file. ``name`` is the file's name, ``US_Search_Query_Performance_ASIN_View_Simple_Week_….csv``.

    :raises UnusableExport: says what was found and what to do; nothing of the file may be loaded then.
    """
    marketplace = marketplace_of(name, options)
    said, text, line = _without_first_line(_decoded(content))
    records = _records(text, line)
    columns = _columns(_header(records), options)
    rows, malformed = read_rows(records, columns)
    if malformed:
        shown = "; ".join(malformed[:SHOWN])
        more = f"; and {len(malformed) - SHOWN} more" if len(malformed) > SHOWN else ""
        raise UnusableExport(f"has {len(malformed)} malformed of {len(rows)} lines: {shown}{more}.")
    asin = asin_of(said, rows, options)
    period = period_of(said, rows, options) if rows else None
    return Export(asin, marketplace, period, [_landed(row, asin, marketplace, period) for row in rows])


def _decoded(content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    if encoding == "utf-8" and content[1:2] == b"\0":
        encoding = "utf-16-le"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnusableExport(
            f"is not {encoding.upper()} text: {error.reason} at byte {error.start}. A spreadsheet may have saved it in "
            "another encoding. Load the file as Amazon exported it, or save it as CSV UTF-8."
        ) from None


def _without_first_line(text: str) -> tuple[FirstLine, str, int]:
    """Return what the first line says, and the text after it with its line. The line is no CSV: its quotes are bare."""
    first, _, rest = text.partition("\n")
    return (read_first_line(first), rest, 2) if is_first_line(first) else (FirstLine(), text, 1)


def _records(text: str, line: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not empty, with its line. Spreadsheets write semicolons or tabs for commas."""
    head = text.splitlines()[:5]
    delimiter = max(",;\t", key=lambda each: max((line.count(each) for line in head), default=0))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = line - 1
    try:
        for record in reader:
            if any(cell.strip() for cell in record):
                yield line, record
            line = before + reader.line_num + 1
    except csv.Error as error:
        raise UnusableExport(f"is no CSV file from line {line} on: {error}. Export it again.") from None


def _header(records: Iterator[tuple[int, list[str]]]) -> list[str]:
    found = next(records, None)
    if found is None:
        raise UnusableExport("has no header. Export it again.")
    return found[1]


def _columns(header: list[str], options: ExportOptions) -> list[str | None]:
    """Return the column of each cell; None for one that is left out."""
    if any(folded(each).endswith(("brand count", "brand share")) for each in header):
        raise UnusableExport(BRAND_VIEW)
    known: dict[str, str | None] = {**COLUMN_OF, **options.headers, "": None}
    unknown = [each for each in header if folded(each) not in known]
    if unknown:
        raise UnusableExport(
            f"has headers that are not known: {', '.join(map(repr, unknown))}. Say which column each is, for example "
            f"--header '{unknown[0]}=asin_click_count', or leave it out with --header '{unknown[0]}='. "
            f"The columns are {', '.join(HEADERS)}."
        )
    columns = [known[folded(each)] for each in header]
    twice = sorted({each for each in columns if each and columns.count(each) > 1})
    if twice:
        raise UnusableExport(f"has more than one header for {', '.join(twice)}. Leave one out with --header 'Header='.")
    missing = [each for each in NEEDED if each not in columns]
    if missing:
        wanted = ", ".join(HEADERS[each][1][0] for each in missing)
        raise UnusableExport(
            f"lacks {wanted}, so it is no Search Query Performance export of the ASIN view. It has "
            f"{', '.join(filter(None, header))}."
        )
    return columns


def _landed(row: dict[str, Any], asin: str, marketplace: str, period: Period | None) -> dict[str, Any]:
    of_file = {
        "start_date": str(period.first_day) if period else None,
        "end_date": str(period.last_day) if period else None,
        "report_period": period.sync_type.period_type.report_period if period else None,
        "marketplace_id": marketplace,
        "asin": asin,
    }
    return {column: value for column, value in row.items() if column != REPORTING_DATE} | of_file
