"""What a proof says: the answer in one line, then what it rests on, as aligned text or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqp_provider.core.contract import FIGURES
from sqp_provider.core.proof import BUCKETS, MOST_SHOWN, Difference, DifferingRow, Side, Values, Verdict, shown

_NAME_COLUMNS, _TEXT_COLUMNS = 26, 100
_OWN = [figure.column for figure in FIGURES if figure.over_weeks == "sum"]

TRUNCATED = (
    "Amazon lists only the leading queries of an ASIN in each report, so that a query may be in the list of a week and "
    "not in that of the month or quarter, or the other way round. The two legitimately differ: neither is wrong, and "
    "nothing is to be corrected."
)
"""Why weeks do not add up to Amazon's own month."""


@dataclass(frozen=True)
class Line:
    """A name and what is said of it."""

    name: str
    text: str


@dataclass(frozen=True)
class Section:
    """Lines under a title."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Proof:
    """What was proved.

    :param answer: in one line.
    :param advice: why it is so and what to do; empty if there is nothing to say.
    :param statement: shows the source rows in BigQuery's console.
    """

    period: str
    verdict: Verdict
    answer: str
    advice: str = ""
    sections: Sequence[Section] = ()
    difference: Difference | None = None
    statement: str = ""
    feed: str | None = None
    bytes_read: int = field(default=0)

    def as_text(self) -> str:
        """Return the report as aligned text."""
        lines = [self.answer, *textwrap.wrap(self.advice, _NAME_COLUMNS + _TEXT_COLUMNS, break_on_hyphens=False)]
        for section in self.sections:
            lines += ["", section.title, *(line for each in section.lines for line in _aligned(each))]
        if self.statement:
            lines += ["", "Source rows: this statement shows them in BigQuery's console", self.statement]
        return "\n".join(lines)

    def as_object(self) -> dict[str, Any]:
        """Return the report for ``--json``."""
        found = self.difference
        return {
            **({"feed": self.feed} if self.feed else {}),
            "period": self.period,
            "verdict": self.verdict.value,
            "exit_code": self.verdict.exit_code,
            "answer": self.answer,
            "advice": self.advice,
            "sections": [asdict(each) for each in self.sections],
            "difference": found and _difference_object(found),
            "bytes_read": self.bytes_read,
            "statement": self.statement,
        }


def as_json(proofs: Sequence[Proof]) -> str:
    """Return one object, or a list of several feeds' objects."""
    objects = [proof.as_object() for proof in proofs]
    return json.dumps(objects[0] if len(objects) == 1 else objects, indent=2, ensure_ascii=False)


def unproved(period: str, why: str, advice: str = "", feed: str | None = None) -> Proof:
    """Return the report of a proof that could not be made."""
    return Proof(period, Verdict.UNPROVED, f"{period} could not be proved: {why}", advice, feed=feed)


def answer(period: str, reference: Side, stored: Side, difference: Difference) -> str:
    """Return the first line: ``weekly 2026-11-08..2026-11-14 equals the source: 19,001 rows on both sides …``."""
    if reference.equals(stored):
        rows = f"{stored.row_count:,} {'row' if stored.row_count == 1 else 'rows'}"
        return f"{period} equals the {reference.name}: {rows} on both sides, the same hash"
    return (
        f"{period} differs from the {reference.name}: {difference.count} "
        f"({reference.row_count:,} {reference.where}, {stored.row_count:,} in Postgres)"
    )


def sides(reference: Side, stored: Side, published: Mapping[str, Any]) -> Section:
    """Return counts, sums and hashes of both sides, and what the ledger remembers."""
    lines = [
        Line(name, text)
        for name, one, other in [
            ("rows", reference.row_count, stored.row_count),
            *((column, reference.sums.get(column), stored.sums.get(column)) for column in _OWN),
        ]
        for text in [f"{value(one)} {reference.where}, {value(other)} in Postgres"]
    ]
    lines.append(Line(f"hash, {reference.name} now", str(reference.row_hash)))
    lines.append(Line("hash, Postgres now", str(stored.row_hash)))
    if published.get("row_hash") is not None:
        lines.append(Line("hash, as published", str(published["row_hash"])))
    return Section("Compared", lines)


def differing(found: Difference, asked_first: Sequence[DifferingRow] = ()) -> Section:
    """Return the rows that differ."""
    rows = [*asked_first, *(row for row in found.rows if row not in asked_first)]
    lines = [Line(f"{shown(row.query)}, {shown(row.asin)}", _row_text(row)) for row in rows[:MOST_SHOWN]]
    if found.rows_estimated > len(lines):
        lines.append(Line("…", f"{len(lines):,} of {found.count} are shown"))
    return Section(f"Rows that differ ({found.count})", lines)


def read(found: Difference, bytes_read: int, reference: Side) -> Section:
    """Return what the proof has read besides all hashes."""
    one, other = found.rows_read
    lines = [Line("bytes read", f"{bytes_read:,} by BigQuery")]
    if found.buckets:
        read_alone = f"{found.buckets:,} of {BUCKETS:,} differ, {found.buckets_read:,} were read row by row"
        lines.append(Line("buckets of keys", read_alone))
        lines.append(Line("rows read", f"{one:,} {reference.where}, {other:,} in Postgres"))
    return Section("What it took", lines)


def rows_section(asked: str, count: int, rows: Sequence[Values]) -> Section:
    """Return the rows that are asked for: of one all columns, of several a line each."""
    if count == 1:
        (row,) = rows
        lines = [Line(name, value(row[name])) for name in _told(row)]
        unknown = ", ".join(name for name, found in row.items() if found is None)
        lines += [Line("null", unknown)] if unknown else []
        return Section(f'Row "{shown(row["query"])}", {shown(row["asin"])}', lines)
    title = f"Rows with {asked}: {count:,}"
    if count > len(rows):
        title += f", of which the {len(rows)} with the most impressions follow"
    return Section(
        title,
        [
            Line(
                f"{shown(row['query'])}, {shown(row['asin'])}", ", ".join(f"{name} {value(row[name])}" for name in told)
            )
            for row in rows
            for told in [[name for name in _told(row) if not name.startswith("period_")]]
        ],
    )


def _told(row: Values) -> list[str]:
    return [name for name, found in row.items() if found is not None and name not in ("query", "asin")]


def value(found: Any) -> str:
    """Return a value as a report shows it: ``1,204``, ``0.028333``, ``null``, ``2026-11-18 06:00:12 UTC``."""
    if found is None:
        return "null"
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, int):
        return f"{found:,}"
    if isinstance(found, datetime):
        return f"{found:%Y-%m-%d %H:%M:%S %Z}".strip()
    return shown(str(found))


def plain(found: Any) -> Any:
    """Return a value as JSON has it; a decimal as text, so that no digit is lost."""
    return str(found) if isinstance(found, (date, datetime, Decimal)) else found


def _row_text(row: DifferingRow) -> str:
    if row.found == "figures differ":
        return "; ".join(
            f"{column}: source {value(one)}, Postgres {value(other)}" for column, (one, other) in row.columns.items()
        )
    figures = ", ".join(
        f"{name} {value(one if other is None else other)}" for name, (one, other) in row.columns.items()
    )
    return f"{row.found}: {figures}"


def _difference_object(found: Difference) -> dict[str, Any]:
    return {
        "rows": found.rows_estimated,
        "is_exact": found.is_whole,
        "buckets": found.buckets,
        "buckets_read": found.buckets_read,
        "rows_read": {"source": found.rows_read[0], "postgres": found.rows_read[1]},
        "differing_rows": [
            {
                "query": row.query,
                "asin": row.asin,
                "found": row.found,
                "columns": {
                    column: {"source": plain(one), "postgres": plain(other)}
                    for column, (one, other) in row.columns.items()
                },
            }
            for row in found.rows[:MOST_SHOWN]
        ],
    }


def _aligned(line: Line) -> Iterator[str]:
    names = textwrap.wrap(line.name, _NAME_COLUMNS, break_on_hyphens=False) or [""]
    texts = textwrap.wrap(line.text, _TEXT_COLUMNS, break_on_hyphens=False) or [""]
    for number in range(max(len(names), len(texts))):
        name, text = (column[number] if number < len(column) else "" for column in (names, texts))
        yield f"  {name:<{_NAME_COLUMNS}}  {text}".rstrip()
