"""docker-compose.yaml in containers: all services, two workers, one killed, restarts, an upgrade."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.checkout import ROOT
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import Period, SyncType
from tests.compose.conftest import NewProject
from tests.compose.project import UID, Project

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]  # the first test waits for the images

DELAY = Feeds.load(ROOT / "dags" / "sqp_config.yaml").of(None).schedule.delay(SyncType.WEEKLY)
NEWEST = Period.latest_due(SyncType.WEEKLY, datetime.now(UTC), DELAY).first_day
"""The week of the scheduled run, which starts as soon as the Dag is unpaused."""

FIRST, *BACKFILLED, AFTER_RESTART, AFTER_UPGRADE = (NEWEST - timedelta(weeks=n) for n in range(8, 0, -1))
CREATE_STAGING_DATASET = "from dev import emulator; emulator.client().create_dataset('sqp_staging')"
SMALL = ("--asins", "20", "--queries", "40", "--rows-per-week", "300")


@pytest.fixture(scope="module")
def project(new_project: NewProject) -> Iterator[Project]:
    """All services but the demo's, healthy, on a source of small weeks; the weekly Dag is unpaused."""
    with new_project() as project:
        config = project.folder / "dags" / "sqp_config.yaml"
        config.write_text(config.read_text().replace("\ntarget:\n", "\ntarget:\n  lock_timeout_seconds: 600\n"))
        project.up()
        land(project)
        project.unpause("sqp_weekly_sync")
        yield project


def land(project: Project) -> None:
    """Start the emulator, which has forgotten its data, and land all weeks and the one after, should it become due."""
    project.compose("up", "--detach", "bigquery")
    project.wait_until(project.healthy, "healthy emulator")
    last = NEWEST + timedelta(weeks=1)
    run = ("run", "--rm", "--no-deps", "-T", "sample-data", "python")
    project.compose(*run, "-c", CREATE_STAGING_DATASET)
    project.compose(*run, "-m", "dev.sample_data", "weeks", "--weeks", "10", "--last-week", str(last), *SMALL)


def test_every_service_is_up_and_none_runs_as_root(project: Project) -> None:
    containers = {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in project.containers()}
    init = containers.pop("init")
    assert (init["State"]["Status"], init["State"]["ExitCode"]) == ("exited", 0)
    assert {name: each["State"]["Health"]["Status"] for name, each in containers.items()} == dict.fromkeys(
        ("metadata", "target", "redis", "api-server", "scheduler", "dag-processor", "triggerer", "worker", "bigquery"),
        "healthy",
    )
    users = {name: Path(f"/proc/{each['State']['Pid']}").stat().st_uid for name, each in containers.items()}
    of_the_image = {"metadata": 999, "target": 999, "bigquery": 1000}
    assert users == dict.fromkeys(containers, UID) | of_the_image


def test_no_secret_is_in_a_container_s_settings(project: Project) -> None:
    known = json.dumps(project.containers())
    secrets = {path.name: path.read_text() for path in (project.folder / "secrets").iterdir()}
    passwords = {name: text for name, text in secrets.items() if not name.endswith(".json")}
    assert len(passwords) == 6
    assert [name for name, text in passwords.items() if text in known] == []


def test_the_ui_is_published_to_this_machine_alone_and_asks_for_a_login(project: Project) -> None:
    assert project.compose("port", "api-server", "8080").strip() == f"127.0.0.1:{project.port}"
    assert httpx.get(f"{project.url}/sqp-sync/").status_code == httpx.codes.UNAUTHORIZED


def test_a_week_is_synced_on_a_worker_and_the_status_page_says_so(project: Project) -> None:
    run = project.sync(FIRST)
    assert run["state"] == "success"
    (worker,) = project.containers("worker")
    hosts = {task["hostname"] for task in project.tasks(run["dag_run_id"]) if task["hostname"]}
    assert hosts == {worker["Config"]["Hostname"]}
    assert project.periods()[str(FIRST)] == "synced"
    page = httpx.get(f"{project.url}/sqp-sync/", headers={"Authorization": f"Bearer {project.token}"}, timeout=60)
    assert page.is_success
    assert FIRST.strftime("%Y-%m-%d") in page.text


def test_of_two_workers_one_is_killed_at_its_work_and_every_week_is_synced(project: Project) -> None:
    project.up("--scale", "worker=2")
    doomed, survivor = project.containers("worker")
    wanted = {
        "dag_id": "sqp_weekly_sync",
        "from_date": f"{BACKFILLED[0]}T00:00:00Z",
        "to_date": f"{BACKFILLED[-1]}T00:00:00Z",
        "max_active_runs": len(BACKFILLED),
    }
    with project.publishes_wait():
        backfill = project.call("POST", "/api/v2/backfills", json=wanted)["id"]
        project.wait_until(lambda: publishing(project, doomed) and publishing(project, survivor), "publish on both")
        lost = publishing(project, doomed)
        os.kill(doomed["State"]["Pid"], signal.SIGKILL)
    path = f"/api/v2/backfills/{backfill}"
    project.wait_until(lambda: project.call("GET", path)["completed_at"], "the backfill's end")

    runs = {task["dag_run_id"] for task in project.tasks() if task["dag_run_id"].startswith("backfill")}
    assert {project.run(run_id)["state"] for run_id in runs} == {"success"}
    periods = project.periods()
    assert {week: periods[str(week)] for week in BACKFILLED} == dict.fromkeys(BACKFILLED, "synced")
    tries = {task["dag_run_id"]: task["try_number"] for task in project.tasks() if task["task_id"] == "publish"}
    assert {run_id for run_id, number in tries.items() if number > 1} >= set(lost)
    assert project.query("select count(*) from sqp.sync_log where sync_status <> 'completed'") == "0"
    # Docker has started it again, without a person.
    project.wait_until(project.healthy, "healthy workers")
    assert {each["Id"]: each["RestartCount"] for each in project.containers("worker")}[doomed["Id"]] == 1


def publishing(project: Project, worker: dict[str, Any]) -> list[str]:
    """The runs whose publish a worker is at."""
    host = worker["Config"]["Hostname"]
    running = project.tasks(state="running")
    return [task["dag_run_id"] for task in running if (task["task_id"], task["hostname"]) == ("publish", host)]


def test_after_a_restart_of_the_databases_and_the_broker_the_next_week_is_synced(project: Project) -> None:
    project.compose("restart", "metadata", "target", "redis")
    project.wait_until(project.healthy, "healthy services")
    assert project.sync(AFTER_RESTART)["state"] == "success"
    assert project.periods()[str(AFTER_RESTART)] == "synced"


def test_an_upgrade_migrates_the_schema_and_keeps_what_was_synced(project: Project) -> None:
    assert project.sync(FIRST)["state"] == "success"
    before = project.query("select count(*) from sqp.weekly_summary")
    project.compose("--profile", "demo", "down")
    add_revision(project.folder / "sql" / "migrations" / "versions")
    project.up("--build")
    land(project)
    assert "revisions 9999 applied" in project.compose("logs", "init")
    assert project.query("select obj_description('sqp.sync_log'::regclass)") == "upgraded"
    assert project.query("select count(*) from sqp.weekly_summary") == before
    assert project.sync(AFTER_UPGRADE)["state"] == "success"


def add_revision(versions: Path) -> None:
    """Add a revision after the newest, as a later release has."""
    newest = max(path.stem for path in versions.glob("[0-9]*.sql"))
    script = (versions / f"{newest}.py").read_text()
    revision, before = "9999", newest[:4]
    script = re.sub(r'^revision = ".*"$', f'revision = "{revision}"', script, flags=re.MULTILINE)
    script = re.sub(r'^down_revision = ".*"$', f'down_revision = "{before}"', script, flags=re.MULTILINE)
    (versions / f"{revision}_later.py").write_text(script)
    (versions / f"{revision}_later.sql").write_text("comment on table sync_log is 'upgraded';\n")
