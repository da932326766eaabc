"""A year of weeks by `airflow backfill create` and by the UI's call, with each reprocessing behaviour."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sqp_provider.core.period import Period
from tests.e2e.synced import Synced

pytestmark = [pytest.mark.e2e, pytest.mark.long]

FIRST, LAST = date(2025, 1, 5), date(2025, 12, 28)
MISSING = date(2025, 6, 1)
"""A week that lands late."""
AGAIN = date(2025, 10, 5)
"""From here to the last, 13 weeks, what is completed is done again: once more the whole year takes too long."""


def test_backfill_a_year_then_again_with_each_behaviour(sync: Synced) -> None:
    weeks = [Period.starting(sync.sync_type, FIRST + timedelta(weeks=n)) for n in range(52)]
    assert weeks[-1].first_day == LAST
    year = {week.first_day: {"anker": 100 + n} for n, week in enumerate(weeks)}
    rows = [(week, year[week.first_day]) for week in weeks if week.first_day != MISSING]
    sync.land_many(rows)

    said = sync.ui.server.cli(
        *("backfill", "create", "--dag-id", sync.ui.dag_id, "--max-active-runs", "8"),
        *("--from-date", str(FIRST), "--to-date", str(LAST)),
    )
    assert "Traceback" not in said
    sync.ui.wait_for_backfill(1)
    assert attempts(sync) == dict.fromkeys(year, (1, "completed")) | {MISSING: (1, "failed")}
    assert published(sync) == {day: figures for day, figures in year.items() if day != MISSING}
    assert states(sync) == {"success": 51, "failed": 1}

    sync.land(Period.starting(sync.sync_type, MISSING), year[MISSING])
    for reprocess, first, expected in (
        ("none", FIRST, {MISSING: (1, "failed")}),
        ("failed", FIRST, {MISSING: (2, "completed")}),
        ("completed", AGAIN, {MISSING: (2, "completed")} | {day: (2, "completed") for day in year if day >= AGAIN}),
    ):
        sync.ui.wait_for_backfill(sync.ui.backfill(first, LAST, reprocess, max_active_runs=8))
        assert attempts(sync) == dict.fromkeys(year, (1, "completed")) | expected, reprocess
    assert published(sync) == year
    assert states(sync) == {"success": 52}


def attempts(sync: Synced) -> dict[date, tuple[int, str]]:
    """Attempt and status of the year's runs, by week; one row each."""
    statement = "select * from sync_log where run_id like 'backfill%' order by period_start"
    rows = sync.query(statement)
    assert all(row["attempt"] == len(row["sync_metadata"]["attempts"]) + 1 for row in rows)
    found = {row["period_start"]: (row["attempt"], row["sync_status"]) for row in rows}
    assert len(found) == len(rows)
    return found


def published(sync: Synced) -> dict[date, dict[str, int]]:
    """The year's weeks in the target."""
    statement = "select period_start, query, total_clicks from weekly_summary where period_start between %s and %s"
    rows = sync.query(statement, FIRST, LAST)
    return {row["period_start"]: {row["query"]: row["total_clicks"]} for row in rows}


def states(sync: Synced) -> dict[str, int]:
    """How many runs of the backfill have which colour."""
    colours = [run["state"] for run in sync.ui.runs(run_type="backfill")]
    return {colour: colours.count(colour) for colour in sorted(set(colours), reverse=True)}
