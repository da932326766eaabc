"""What ``sqp doctor --table`` proposes for a table: unchanged by hand, it loads as settings and syncs."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
import yaml
from google.cloud import bigquery

from sqp_provider.core.settings import Settings
from tests.shapes import EXPECTED, PUBLISHED, SHAPES, WEEK, Shape
from tests.stages import Stages
from tests.surveys import surveyed

ONE_GIB = 2**30
TODAY = date(2026, 11, 19)


def published(proposed: str, dataset: str, stages: Stages) -> list[tuple[Any, ...]]:
    """Sync the week with a proposal; only the tests' own staging dataset stands in for that of the proposal."""
    content = yaml.safe_load(proposed)
    content["source"]["staging_dataset"] = dataset
    content["source"]["retry_seconds"] = 1
    own = Stages(Settings.checked(content, origin="proposal"), stages.dsn)
    run = own.sync(WEEK)
    assert run.errors == {}
    return [tuple(str(row[name]) if "share" in name else row[name] for name in PUBLISHED) for row in own.target()]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_proposal_for_a_public_landing_syncs_without_a_change_by_hand(
    shape: Shape, bigquery_client: bigquery.Client, dataset: str, stages: Stages
) -> None:
    table = f"{dataset}.proposed_{uuid4().hex[:8]}"
    shape.create(bigquery_client, table)
    survey, proposed = surveyed(table, ONE_GIB, TODAY)
    assert survey.problems == []
    assert published(proposed, dataset, stages) == EXPECTED
