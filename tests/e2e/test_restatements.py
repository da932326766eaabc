"""sqp_restatements in a whole Airflow: it starts the Dags of what differs, once each, and waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sqp_provider.core.period import Period, SyncType
from tests.e2e.airflow_server import AirflowServer
from tests.e2e.airflow_ui import AirflowUI
from tests.e2e.synced import FIGURES, RESTATED, Synced
from tests.landing import Landing

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def monthly(airflow_server: AirflowServer, source: Landing, target: str) -> Iterator[Synced]:
    with AirflowUI(airflow_server, "sqp_monthly_sync") as ui:
        ui.unpause_and_wait()
        yield Synced(ui, SyncType.MONTHLY, source, target)


@pytest.fixture(scope="module")
def check(airflow_server: AirflowServer, weekly: Synced, monthly: Synced) -> Iterator[AirflowUI]:
    """The Dag, unpaused; its scheduled run has checked once before the tests land anything."""
    with AirflowUI(airflow_server, "sqp_restatements") as ui:
        ui.unpause_and_wait()
        yield ui


def checked(check: AirflowUI, sync_type: str, periods: int) -> list[dict[str, Any]]:
    """Run the Dag for some periods and return its syncs."""
    run_id = check.trigger(sync_types=[sync_type], periods=periods)
    (run,) = check.wait(run_id)
    assert run["state"] == "success"
    path = f"/dags/{check.dag_id}/dagRuns/{run_id}/taskInstances"
    tasks: list[dict[str, Any]] = check.call("GET", path)["task_instances"]
    return [task for task in tasks if task["task_id"] == f"sync_{sync_type}" and task["state"] != "skipped"]


def started_for(synced: Synced, period: Period) -> list[dict[str, Any]]:
    """The rows of sync_log of the runs that checks have started for a period, oldest first."""
    return synced.query(
        """select * from sync_log
        where sync_type = %s and period_start = %s and run_id like 'restatement__%%' order by id""",
        period.sync_type.value,
        period.first_day,
    )


def test_a_missing_week_then_a_restated_one_is_synced_once_each(
    sync: Synced, newest_due: Period, check: AirflowUI
) -> None:
    week = newest_due.with_previous(2)[1]
    sync.land(week, FIGURES)
    (task,) = checked(check, "weekly", 2)
    assert (task["state"], task["rendered_map_index"]) == ("success", f"sqp_weekly_sync {week.first_day}")
    assert sync.published(week) == FIGURES

    assert checked(check, "weekly", 2) == []
    sync.restate(week)
    (task,) = checked(check, "weekly", 2)
    assert task["state"] == "success"
    assert sync.published(week) == RESTATED
    logs = started_for(sync, week)[-2:]  # a check before the week has landed may have started a run, which failed
    assert [(log["sync_status"], log["attempt"]) for log in logs] == [("completed", 1)] * 2
    assert [log["sync_metadata"]["outcome"] for log in logs] == ["attached", "difference"]


def test_a_month_summed_from_weeks_is_synced_once_by_its_own_dag(monthly: Synced, check: AirflowUI) -> None:
    month = Period.latest_due(SyncType.MONTHLY, datetime.now(UTC), timedelta(days=7))
    week = Period.containing(SyncType.WEEKLY, month.first_day + timedelta(days=6))
    monthly.land(week, {"only in this month": 5})
    (task,) = checked(check, "monthly", 1)
    assert (task["state"], task["rendered_map_index"]) == ("success", f"sqp_monthly_sync {month.first_day}")
    assert monthly.published(month)["only in this month"] == 5
    ledger = monthly.ledger(month)
    assert ledger
    assert ledger["state"] == "synced"
    assert checked(check, "monthly", 1) == []
    (log,) = started_for(monthly, month)
    assert (log["dag_id"], log["sync_status"]) == ("sqp_monthly_sync", "completed")
