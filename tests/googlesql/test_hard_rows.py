"""GoogleSQL's evaluator over the hard rows: each cell of a snapshot, each total and hash equals the recomputation."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.sample_data import source as sample_data
from dev.sample_data.words import UNUSUAL_TEXTS
from sqp_provider.core.contract import FIGURES
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.source_settings import SourceSettings
from tests.googlesql.cells import assert_cells
from tests.googlesql.configurations import Configuration
from tests.googlesql.examples import TALLY, many, some
from tests.googlesql.extracted import Extracted, extract
from tests.googlesql.googlesql import evaluate
from tests.integration.exactness.recompute import recompute, roll_up
from tests.integration.exactness.rows import MALFORMED, MOSTLY_SOUND, TRAPS, UNTOUCHED, with_copies
from tests.landing import COLUMNS, WEEK, report_row

Row = dict[str, Any]

DEFAULT = Configuration(SourceSettings(table="d.t", columns={"ingested_at": "ingested_at"}), COLUMNS)
NAMING = Configuration(
    SourceSettings(table="d.t", columns={"ingested_at": "ingested_at", "report_period": "report_period"}),
    COLUMNS | {"report_period": "STRING"},
)
WEEKLY = Period.starting(SyncType.WEEKLY, WEEK)


def raw_of(row: Mapping[str, Any]) -> Row:
    """How a reject is written down: integers that JSON cannot hold exactly as texts."""
    figures = {figure.source.key: row[figure.source.source_name] for figure in FIGURES if not figure.source.is_extra}
    return {
        "period_start": row["start_date"],
        "period_end": row["end_date"],
        "asin": row["asin"],
        "search_query": row["search_query"],
        **{key: str(n) if n is not None and abs(n) > 2**53 else n for key, n in figures.items()},
        "ingested_at": row["ingested_at"],
    }


def assert_equal_to_recomputation(raw: Sequence[Row], period: Period = WEEKLY) -> Extracted:
    found, expected = extract(DEFAULT, raw, period), recompute(raw, period)
    assert_cells(found, expected.rows, period)
    assert Counter(row["reject_reason"] for row in found.rejected) == Counter(expected.rejects)
    written = [json.dumps(raw_of(row)) for row in raw]
    for row in found.rejected:
        assert json.dumps(json.loads(row["raw"])) in written
    assert found.totals.balance.model_dump() == expected.balance
    assert found.totals.differing_rows == expected.differing
    TALLY["rejects"] += len(found.rejected)
    return found


def test_the_traps_of_earlier_systems() -> None:
    found = assert_equal_to_recomputation([*TRAPS, report_row("beyond JSON", asin_click_count=2**60)])
    enormous = next(row["raw"] for row in found.rejected if "beyond JSON" in row["raw"])
    assert f'"clicks":"{2**60}"' in enormous
    assert '"ingested_at":"2026-11-18T06:00:00Z"' in enormous


def test_queries_of_every_kind_arrive_as_they_are() -> None:
    found = assert_equal_to_recomputation([report_row(query) for query in UNTOUCHED])
    assert {row["query"] for row in found.accepted} == set(UNTOUCHED)


def test_each_malformed_row_has_its_reason_and_costs_no_neighbour() -> None:
    bad = [report_row(f"bad {n}") | change for n, (_, change) in enumerate(MALFORMED)]
    found = assert_equal_to_recomputation([report_row("good"), *bad])
    reasons = {json.dumps(json.loads(row["raw"])): row["reject_reason"] for row in found.rejected}
    assert [reasons[json.dumps(raw_of(row))] for row in bad] == [reason for reason, _ in MALFORMED]
    assert [row["query"] for row in found.accepted] == ["good"]


def test_queries_are_lowered_as_the_emulator_lowers_them() -> None:
    """tests/integration/stages/test_texts.py has the same rows."""
    queries = ("İstanbul", "istanbul", "ΣΑΣ", "σας", "σασ", "ΣΑΣ ΠΟΛΗ")
    found = assert_equal_to_recomputation([report_row(query) for query in queries])
    clicks = {row["query"]: row["total_clicks"] for row in found.accepted}
    assert clicks == {"i\u0307stanbul": 50, "istanbul": 50, "σας": 100, "σασ": 50, "σας πολη": 50}


def sample_rows(file: str, **parameters: tuple[Any, Any]) -> list[Row]:
    """The rows that a statement of the sample data inserts."""
    statement = Path(sample_data.__file__).with_name(f"{file}.sql").read_text(encoding="utf-8")
    query = re.split(r"^insert into `\{table\}`$", statement, maxsplit=1, flags=re.MULTILINE)[1]
    given = {"week": ("DATE", WEEK), "landed_after_days": ("INT64", 10), **parameters}
    return [
        {name: as_landed(value) for name, value in zip(COLUMNS, row.values(), strict=True)}
        for row in evaluate(query, {}, parameters=given)
    ]


def as_landed(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if isinstance(value, date) else value


def test_the_unusual_rows_of_the_sample_data() -> None:
    found = assert_equal_to_recomputation(sample_rows("unusual", texts=(["STRING"], UNUSUAL_TEXTS)))
    assert {row["query"] for row in found.accepted} == set(UNUSUAL_TEXTS)


def test_the_malformed_rows_of_the_sample_data() -> None:
    kinds = sample_data.MALFORMED_KINDS + sample_data.SOUND_KINDS
    found = assert_equal_to_recomputation(sample_rows("malformed", kinds=(["STRING"], kinds), copies=("INT64", 2)))
    assert len(found.accepted) == 2
    assert len(found.rejected) == 2 * (len(kinds) - 1) + 2  # of two conflicting copies each


@given(rows=st.lists(MOSTLY_SOUND, min_size=10, max_size=60))
@some(15)
def test_any_rows(rows: list[Row]) -> None:
    assert_equal_to_recomputation(with_copies(rows))


@pytest.mark.long
@given(rows=st.lists(MOSTLY_SOUND, min_size=10, max_size=60))
@many(20)
def test_many_rows(rows: list[Row]) -> None:
    assert_equal_to_recomputation(with_copies(rows))


@given(rows=st.lists(MOSTLY_SOUND, min_size=10, max_size=60))
@some(5)
def test_any_months_of_amazons_own(rows: list[Row]) -> None:
    """The same rows as of a month or quarter, beside a week's, which are not the month's."""
    for sync_type in (SyncType.MONTHLY, SyncType.QUARTERLY):
        period = Period.containing(sync_type, WEEK)
        days = {
            "2026-11-08": period.first_day.isoformat(),
            "2026-11-14": period.last_day.isoformat(),
        }
        raw = [
            row | {name: days.get(row[name], row[name]) for name in ("start_date", "end_date")}
            for row in with_copies(rows)
        ]
        kind = {"report_period": period.sync_type.period_type.report_period}
        landed = [*(row | kind for row in raw), *(row | {"report_period": "week "} for row in rows)]
        assert_cells(extract(NAMING, landed, period), recompute(raw, period).rows, period)


@given(rows=st.lists(MOSTLY_SOUND, min_size=10, max_size=60))
@some(5)
def test_any_months_summed_from_weeks(rows: list[Row]) -> None:
    """Weeks of two months: the one that ends in December is November's, the one that begins in October is not."""
    weeks = [Period.starting(SyncType.WEEKLY, date(2026, 10, 25) + timedelta(weeks=n)) for n in range(7)]
    raw = [in_week(row, weeks[n % len(weeks)]) for n, row in enumerate(with_copies(rows))]
    published = [row for week in weeks for row in recompute(raw, week).rows]
    for sync_type in (SyncType.MONTHLY, SyncType.QUARTERLY):
        period = Period.containing(sync_type, WEEK)
        assert_cells(extract(DEFAULT, raw, period), roll_up(published, period), period)


def in_week(row: Row, week: Period) -> Row:
    days = {"2026-11-08": week.first_day.isoformat(), "2026-11-14": week.last_day.isoformat()}
    return row | {name: days.get(row[name], row[name]) for name in ("start_date", "end_date")}
