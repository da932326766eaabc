"""Every figure of the target, to the last digit, against a recomputation by other means. Zero differences."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest
from google.cloud import bigquery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import Settings
from tests.fixtures import settings_for
from tests.integration.exactness.recompute import recompute
from tests.integration.exactness.rows import EVERY_FIGURE, ROWS, TRAPS, with_copies
from tests.landing import COLUMNS, EVERY_EXTRA, EXTRA_COLUMNS, WEEK, Landing
from tests.stages import Run, Stages


@pytest.fixture
def settings_of_stages(landing: Landing, dataset: str) -> Settings:
    """Whatever part of the rows is malformed, the rest has to arrive."""
    return settings_for(landing.table, dataset, checks={"reject_rate_fail": 1.0}, target={"max_delete_fraction": 1.0})


@pytest.fixture
def tolerant(stages: Stages, settings_of_stages: Settings) -> Stages:
    return Stages(settings_of_stages, stages.dsn)


def assert_equal_to_recomputation(stages: Stages, run: Run, raw: list[dict[str, Any]], week: date = WEEK) -> None:
    expected = recompute(raw, Period.starting(SyncType.WEEKLY, week))
    actual = stages.target()
    assert [(row["query"], row["asin"]) for row in actual] == [(row["query"], row["asin"]) for row in expected.rows]
    for row, wanted in zip(actual, expected.rows, strict=True):
        assert row == wanted
    rejects = stages.query(
        "select reason from sync_rejects where sync_log_id = %s and attempt = %s", run["log_start"], 1
    )
    assert Counter(reject["reason"] for reject in rejects) == Counter(expected.rejects)
    metadata = stages.log(run)["sync_metadata"]
    assert metadata["rows"] == expected.balance
    assert metadata["snapshot"]["differing_rows"] == expected.differing
    assert run["extract"]["source_rows"] == sum(expected.balance.values()) - expected.balance["landed"]


def test_the_traps_of_earlier_systems(landing: Landing, tolerant: Stages) -> None:
    landing.replace(*TRAPS)
    run = tolerant.sync(WEEK)
    assert run.colour == "success"
    assert_equal_to_recomputation(tolerant, run, TRAPS)


@given(rows=st.lists(ROWS, min_size=1, max_size=40))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_week_over_any_other(
    rows: list[dict[str, Any]], landing: Landing, tolerant: Stages, bigquery_client: bigquery.Client
) -> None:
    """Each example replaces the source of the one before, so every publish but the first writes a difference."""
    raw = with_copies(rows)
    landing.replace(*raw)
    run = tolerant.sync(WEEK, allow_empty=True, force=True)
    assert run.errors == {}
    assert_equal_to_recomputation(tolerant, run, raw)


@given(rows=st.lists(EVERY_FIGURE, min_size=1, max_size=30))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_week_of_a_landing_that_has_every_figure(
    rows: list[dict[str, Any]], landing: Landing, dataset: str, tolerant: Stages, bigquery_client: bigquery.Client
) -> None:
    """Amounts land as text, FLOAT64 and NUMERIC, and none is rounded on the way."""
    columns = {"ingested_at": "ingested_at"} | EVERY_EXTRA
    tolerant.settings = settings_for(
        landing.table,
        dataset,
        source={"columns": columns},
        checks={"reject_rate_fail": 1.0},
        target={"max_delete_fraction": 1.0},
    )
    raw = with_copies(rows)
    landing.create(COLUMNS | EXTRA_COLUMNS)
    landing.land(*raw)
    run = tolerant.sync(WEEK, allow_empty=True, force=True)
    assert run.errors == {}
    assert_equal_to_recomputation(tolerant, run, raw)
