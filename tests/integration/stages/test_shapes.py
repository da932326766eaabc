"""Every public shape of a landing, synced by the configuration alone."""

from __future__ import annotations

from uuid import uuid4

import pytest

from sqp_provider.core.presets import PRESETS
from tests.fixtures import settings_for
from tests.landing import Landing
from tests.shapes import EXPECTED, PUBLISHED, SHAPES, WEEK
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
