"""Whatever the configuration and the types of its table: GoogleSQL's evaluator reads the same figures."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqp_provider.core.contract import SOURCE_COLUMNS
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.source_settings import SourceSettings
from tests.googlesql.cells import assert_cells
from tests.googlesql.configurations import Configuration, Spot, configurations
from tests.googlesql.examples import many, some
from tests.googlesql.extracted import extract
from tests.integration.exactness.recompute import recompute
from tests.integration.exactness.rows import MOSTLY_SOUND, with_copies
from tests.landing import COLUMNS, WEEK, report_row

Row = dict[str, Any]

SOUND_DAYS = {"start_date": WEEK.isoformat(), "end_date": "2026-11-14"}


EXAMPLES = given(configuration=configurations(), rows=st.lists(MOSTLY_SOUND, min_size=5, max_size=20))


def test_an_emoji_that_json_escapes_arrives_from_a_text() -> None:
    """GoogleSQL's json_value makes two unknown characters of it, unless the text is parsed as JSON before."""
    names = {key: str(place.column) for key, (place,) in SourceSettings(table="d.t").mapped().items()}
    paths: dict[str, Any] = {key: f"raw.{name}" for key, name in names.items()}
    paths |= {key: {"column": paths[key], "format": "%Y-%m-%d"} for key in ("period_start", "period_end")}
    spots = {key: Spot((name,), lambda value: value) for key, name in names.items()}
    settings = SourceSettings.model_validate({"table": "d.t", "columns": paths})
    configuration = Configuration(settings, {"raw": "STRING"}, spots, document="raw")
    row = report_row("wireless \U0001f3a7", ingested_at=None)
    landed = configuration.landed({key: row[name] for key, name in names.items()})
    assert "\\ud83c\\udfa7" in landed["raw"]
    week = Period.starting(SyncType.WEEKLY, WEEK)
    assert_cells(extract(configuration, [landed], week), recompute([row], week).rows, week)


@EXAMPLES
@some(12)
def test_a_week_is_the_same_under_any_configuration(configuration: Configuration, rows: list[Row]) -> None:
    assert_same_week(configuration, with_copies(rows))


@pytest.mark.long
@EXAMPLES
@many(20)
def test_a_week_is_the_same_under_many_configurations(configuration: Configuration, rows: list[Row]) -> None:
    assert_same_week(configuration, with_copies(rows))


def assert_same_week(configuration: Configuration, rows: list[Row]) -> None:
    week = Period.starting(SyncType.WEEKLY, WEEK)
    raw = [only_mapped(configuration, row | SOUND_DAYS) for row in rows]
    named = {"report_period": "WEEK", "marketplace": configuration.settings.marketplace}
    keys = {column.source_name: column.key for column in SOURCE_COLUMNS}
    landed = [configuration.landed({keys[name]: value for name, value in row.items()} | named) for row in raw]
    assert_cells(extract(configuration, landed, week), recompute(raw, week).rows, week)


def only_mapped(configuration: Configuration, row: Row) -> Row:
    """The row as a table holds it that lacks the columns which the configuration does not map."""
    mapped = configuration.settings.mapped()
    mapped = {column.source_name for column in SOURCE_COLUMNS if column.key in mapped} | set(SOUND_DAYS)
    return {name: row[name] if name in mapped else None for name in COLUMNS}
