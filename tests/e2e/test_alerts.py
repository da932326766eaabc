"""Every alert, received by a real webhook, sent by a real scheduler; a Dag of somebody else that follows the asset."""

from __future__ import annotations

import pytest

from sqp_provider.core.period import Period
from tests.e2e.airflow_ui import AirflowUI
from tests.e2e.synced import FIGURES, Synced
from tests.landing import report_row
from tests.webhook import SECRET, Webhook

pytestmark = pytest.mark.e2e


def land_malformed(sync: Synced, period: Period) -> None:
    """Land a row that becomes a reject, of which the checks warn."""
    dates = {"start_date": str(period.first_day), "end_date": str(period.last_day)}
    sync.landing.land(report_row("bad", asin="?", **dates))


def test_each_alert_is_received_once(sync: Synced, webhook: Webhook) -> None:
    failing = sync.new_period(figures=None)
    first = sync.trigger(failing)
    sync.finished(first, "failed", attempt=1)
    sync.ui.clear_run(first)
    sync.finished(first, "failed", attempt=2)
    sync.finished(sync.trigger(failing), "failed", attempt=1)
    sync.land(failing, FIGURES)
    sync.finished(sync.trigger(failing), "success", attempt=1)
    warned = sync.new_period()
    land_malformed(sync, warned)
    for _ in range(2):
        sync.finished(sync.trigger(warned), "success", attempt=1)

    assert webhook.titles(str(failing)) == [
        f"SQP sync failed: {failing}",
        f"SQP sync failed: {failing} (second failure in a row)",
        f"SQP sync recovered: {failing}",
    ]
    failure = webhook.about(f"SQP sync failed: {failing}")["message"]
    assert "Stage: extract. Error: SourceEmpty." in failure
    assert f"{sync.ui.server.url}/dags/sqp_weekly_sync/runs/manual__" in failure
    assert webhook.titles(str(warned)) == [f"SQP sync completed with warnings: {warned}"]


@pytest.mark.usefixtures("stale")
def test_each_stale_table_is_notified_once(webhook: Webhook) -> None:
    stale = sorted(each for each in webhook.titles() if "table stale" in each)
    assert stale == [f"SQP table stale: {table}_summary" for table in ("monthly", "quarterly", "weekly")]


def test_a_run_that_takes_long_is_notified_while_it_is_running(sync: Synced, webhook: Webhook) -> None:
    period = sync.new_period()
    with sync.loads_wait(period):
        run_id = sync.trigger(period)
        sync.ui.server.wait_until(lambda: webhook.titles(f"Run {run_id} "), "alert of a long run")
        assert sync.ui.run(run_id)["state"] == "running"
    sync.finished(run_id, "success", attempt=1)
    assert webhook.titles(f"Run {run_id} ") == ["SQP sync running long: sqp_weekly_sync"]


def test_a_dag_that_follows_the_asset_gets_the_published_period(sync: Synced) -> None:
    with AirflowUI(sync.ui.server, "follows") as follows:
        follows.unpause()
        period, run_id = sync.synced()

        def emitted() -> list[dict[str, object]]:
            found = []
            for run in follows.runs(state="success"):
                path = f"/dags/follows/dagRuns/{run['dag_run_id']}/taskInstances/read/xcomEntries/return_value"
                value = follows.call("GET", path, params={"deserialize": True})["value"]
                found += [event for event in value if event["period_start"] == str(period.first_day)]
            return found

        sync.ui.server.wait_until(emitted, "run of the Dag that follows")
        (event,) = emitted()
        follows.pause()
    log = sync.log(run_id)
    assert (event["sync_log_id"], event["inserted"], event["how"]) == (log["id"], 3, "attached")


def test_a_closed_port_leaves_the_sync_green(sync: Synced, webhook: Webhook) -> None:
    sync.synced()  # a clean week: after one with the same warning nothing would be sent
    received = len(webhook.messages)
    webhook.close()
    period = sync.new_period()
    land_malformed(sync, period)
    run_id = sync.trigger(period)
    sync.finished(run_id, "success", attempt=1)
    said = sync.ui.task_log(run_id, "log_finish")
    assert "Alert not sent, connection sqp_alerts did not accept it" in said
    assert SECRET not in said
    assert len(webhook.messages) == received
