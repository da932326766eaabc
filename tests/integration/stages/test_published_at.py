"""A publish has the time of its last statement: whoever asks for an earlier time gets what was seen then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from sqp_provider.hooks.postgres import Database
from sqp_provider.target.target import Target
from sqp_provider.target.versions import Versions
from tests.landing import WEEK, Landing, report_row
from tests.stages import Stages

LAST_STEP = {"as a whole": (Target, "put_in_place"), "row by row": (Versions, "copy")}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When each period had been written, by the clock of Postgres."""
    times: list[datetime] = []

    def noted(step: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(self: Any, *arguments: Any) -> Any:
            result = step(self, *arguments)
            database: Database = self.database
            (row,) = database.connection.execute("select clock_timestamp() as now").fetchall()
            times.append(row["now"])
            return result

        return wrapped

    for where, name in LAST_STEP.values():
        monkeypatch.setattr(where, name, noted(getattr(where, name)))
    return times


def published_at(stages: Stages) -> datetime:
    """The one time that the newest version, its month and its quarter have, in the history and in the ledger."""
    times = stages.query(
        "select version.published_at as version, ledger.published_at as ledger"
        " from period_version as version join synced_period as ledger using (sync_type, period_start)"
        " where version.version = (select max(version) from period_version)"
    )
    assert len(times) == 3
    (at,) = {at for row in times for at in row.values()}
    assert isinstance(at, datetime)
    return at


def test_a_publish_has_the_time_of_its_last_statement(landing: Landing, stages: Stages, seen: list[datetime]) -> None:
    rows = [report_row(f"query {number}") for number in range(1, 20)]
    landing.land(*rows, report_row("query 0"))
    assert stages.sync(WEEK).errors == {}
    assert published_at(stages) > max(seen)
    seen.clear()
    landing.replace(*rows, report_row("query 0", asin_click_count=51))
    assert stages.sync(WEEK).errors == {}
    assert published_at(stages) > max(seen)
