"""Every public shape of a landing, synced by the configuration alone."""

from __future__ import annotations

from uuid import uuid4

import pytest

from sqp_provider.core.presets import PRESETS
from tests.fixtures import settings_for
from tests.landing import Landing
from tests.shapes import CA, EXPECTED, PUBLISHED, SHAPES, WEEK
from tests.stages import Stages


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_week_is_published_from_every_shape(name: str, landing: Landing, dataset: str, stages: Stages) -> None:
    shape = SHAPES[name]
    table = f"{dataset}.shape_{uuid4().hex[:8]}"
    shape.create(landing.client, table)
    columns = {"columns": {}} | dict(shape.settings)
    own = Stages(settings_for(table, dataset, source=columns), stages.dsn)
    run = own.sync(WEEK)
    assert run.errors == {}
    figures = [
        tuple(str(row[each]) if each == "impression_share" else row[each] for each in PUBLISHED) for row in own.target()
    ]
    assert figures == EXPECTED
    assert own.query("select * from sync_rejects") == []


def test_every_preset_has_a_shape() -> None:
    assert {shape.preset for shape in SHAPES.values()} == set(PRESETS)


@pytest.mark.parametrize(("name", "column"), [("sp-api", "marketplace_id"), ("titles", "Client Name")])
def test_a_shape_with_two_feeds_is_refused_until_one_is_chosen(
    name: str, column: str, landing: Landing, dataset: str, stages: Stages
) -> None:
    table = f"{dataset}.shape_{uuid4().hex[:8]}"
    SHAPES[name].create(landing.client, table)
    own = Stages(settings_for(table, dataset, source={"landing": SHAPES[name].preset, "columns": {}}), stages.dsn)
    assert f"some have {column} A" in str(own.sync(WEEK).errors["extract"])
    assert own.target() == []


@pytest.mark.parametrize("name", ["sp-api-json, records", "openbridge", "scoped-weeks"])
def test_the_other_marketplace_of_a_shape_is_another_feed(
    name: str, landing: Landing, dataset: str, stages: Stages
) -> None:
    table = f"{dataset}.shape_{uuid4().hex[:8]}"
    SHAPES[name].create(landing.client, table)
    source = {"columns": {}} | dict(SHAPES[name].settings) | {"marketplace": CA}
    own = Stages(settings_for(table, dataset, source=source), stages.dsn)
    run = own.sync(WEEK)
    found = [row["total_impressions"] for row in own.target()]
    assert found == ([] if name == "scoped-weeks" else [9 * 765])
    assert bool(run.errors) == (name == "scoped-weeks")
