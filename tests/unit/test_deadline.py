"""When the alert of a long run is due."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sqp_provider.core.settings import Settings
from sqp_provider.sync import overdue


def settings(**alerts: Any) -> Settings:
    return Settings.checked({"source": {"table": "amazon.report"}, "alerts": alerts}, origin="test")


def test_a_run_is_late_fifteen_minutes_after_it_was_created_unless_configured() -> None:
    for alerts, minutes in (({}, 15), ({"runs_longer_than_minutes": 40}, 40)):
        deadline = overdue(settings(conn_id="sqp_alerts", **alerts))
        assert deadline is not None
        assert deadline.interval == timedelta(minutes=minutes)


@pytest.mark.parametrize("alerts", [{}, {"conn_id": "sqp_alerts", "causes": ["failed"]}])
def test_there_is_no_deadline_where_nobody_wants_to_hear_of_it(alerts: dict[str, Any]) -> None:
    assert overdue(settings(**alerts)) is None
