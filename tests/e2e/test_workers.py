"""Many weeks on two Celery workers with a Redis between them, one of which is killed at its work."""

from __future__ import annotations

import logging
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from sqp_provider.core.period import Period, SyncType
from tests.conftest import new_database
from tests.e2e.airflow_server import AirflowServer, free_ports
from tests.e2e.airflow_ui import AirflowUI
from tests.e2e.conftest import DELAY
from tests.e2e.synced import FIGURES, Synced
from tests.e2e.workers import EXECUTOR, SLOTS, WORKERS, Workers, redis_path, running_on
from tests.fixtures import connection_to
from tests.integration.compose import Container, services
from tests.landing import Landing

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.e2e, pytest.mark.long]

FIRST = date(2025, 1, 5)
WEEKS = 20
HEALTH_PORT = "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT"
ENOUGH = 5
"""So many weeks are synced before the worker is killed."""


@pytest.fixture
def celery(
    server_dsn: str,
    migrated_template: Callable[[str], str],
    metadata_template: str,
    landing: Landing,
    dataset: str,
    newest_due: Period,
    tmp_path: Path,
) -> Iterator[Synced]:
    """The weekly Dag of an Airflow of its own with two workers."""
    redis_path()
    workers = Workers.on_a_free_port(tmp_path / "workers")
    config = tmp_path / "sqp_config.yaml"
    content = {
        "source": {
            "table": landing.table,
            "staging_dataset": dataset,
            "retry_seconds": 1,
            "columns": {"ingested_at": "ingested_at"},
        },
        "target": {"lock_timeout_seconds": 120},
        "schedule": {"retries": 2, "retry_delay_seconds": 0, "delay_days": {"weekly": DELAY.days}},
    }
    config.write_text(yaml.safe_dump(content))
    with (
        new_database(server_dsn, template=migrated_template(server_dsn)) as target,
        new_database(server_dsn, metadata_template) as metadata,
    ):
        environment = {
            "SQP_CONFIG": str(config),
            "AIRFLOW_CONN_SQP_POSTGRES": connection_to(target),
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "True",
            HEALTH_PORT: str(free_ports(1)[0]),
        }
        with (
            AirflowServer(
                tmp_path / "home",
                metadata,
                environment | workers.environment,
                executor=EXECUTOR,
                besides=workers.commands,
            ) as server,
            AirflowUI(server, "sqp_weekly_sync") as ui,
        ):
            synced = Synced(ui, SyncType.WEEKLY, landing, target)
            synced.land(newest_due, FIGURES)
            ui.unpause()
            yield synced


def test_kill_a_worker_in_the_middle_of_a_backfill(celery: Synced, newest_due: Period, tmp_path: Path) -> None:
    ui, started = celery.ui, time.monotonic()
    weeks = [Period.starting(SyncType.WEEKLY, FIRST + timedelta(weeks=n)) for n in range(WEEKS)]
    landed = {week: {"anker": 100 + n, "belkin": 200 + n, "cable": 300 + n} for n, week in enumerate(weeks)}
    celery.land_many(landed.items())
    doomed, survivor = WORKERS

    backfill = ui.backfill(weeks[0].first_day, weeks[-1].first_day, max_active_runs=8)
    ui.server.wait_until(lambda: len(completed(celery)) >= ENOUGH, f"{ENOUGH} synced weeks")
    with celery.publishes_wait():
        ui.server.wait_until(lambda: publishes_on(ui, doomed) == SLOTS, "publish in every slot")
        lost, done = running_on(ui, doomed), len(completed(celery))
        ui.server.kill(doomed)
        killed = time.monotonic()
    ui.wait_for_backfill(backfill)

    ui.server.wait_until(lambda: len(finished(ui)) == WEEKS + 1, "scheduled run")
    unfinished = celery.query("select run_id, error_message from sync_log where sync_status <> 'completed'")
    assert unfinished == [], finished(ui)
    assert worker_answers_health_check(celery, doomed, tmp_path) is False
    assert worker_answers_health_check(celery, survivor, tmp_path) is True
    # Redis gives what the dead worker had taken to the other one, and Airflow refuses to run it a second time.
    ui.server.wait_until(lambda: received_by_both(celery) >= SLOTS, "second delivery")
    log.info(
        *("%d weeks in %.0f s; %s killed after %.0f s and %d weeks, lost %s", WEEKS, time.monotonic() - started),
        *(doomed, killed - started, done, sorted(lost)),
    )
    assert {period: celery.published(period) for period in landed} == landed
    assert celery.published(newest_due) == FIGURES
    runs = finished(ui)
    assert runs == dict.fromkeys(runs, "success")
    rows = celery.query("select run_id, sync_status, attempt from sync_log")
    assert sorted(row["run_id"] for row in rows) == sorted(runs)
    assert {(row["sync_status"], row["attempt"]) for row in rows} == {("completed", 1)}
    # On a slow machine a publish that waited for the held lock until its time was up was tried again, too.
    tried_again = tries(ui, list(runs))
    assert set(lost) <= set(tried_again)
    assert {task_id for _, task_id in tried_again} == {"publish"}
    see_health_checks_of_api_server_and_scheduler(ui.server, tmp_path)


def completed(celery: Synced) -> list[str]:
    """The runs whose row says that they are completed."""
    return [row["run_id"] for row in celery.query("select run_id from sync_log where sync_status = 'completed'")]


def finished(ui: AirflowUI) -> dict[str, str]:
    """The runs that have finished, each with its colour."""
    return {run["dag_run_id"]: run["state"] for run in ui.runs() if run["state"] in ("success", "failed")}


def publishes_on(ui: AirflowUI, worker: str) -> int:
    """How many publishes a worker is at."""
    return sum(task_id == "publish" for _, task_id in running_on(ui, worker))


def received_by_both(celery: Synced) -> int:
    """How many tasks the broker gave to both workers, one after the other."""
    said = [celery.ui.server.log(worker).read_text(errors="replace") for worker in WORKERS]
    first, second = (set(re.findall(r"Task execute_workload\[(\S+?)\] received", each)) for each in said)
    return len(first & second)


def worker_answers_health_check(celery: Synced, worker: str, folder: Path) -> bool:
    """Ask a worker as docker-compose.yaml does, where a worker's name is that of its container."""
    environment = celery.ui.server.environment | {"HOSTNAME": worker}
    broker = environment["AIRFLOW__CELERY__BROKER_URL"]
    elsewhere = {"redis://:$(cat /run/secrets/redis_password)@redis:6379/0": broker}
    done = health_check("worker", folder, environment, elsewhere)
    assert ("pong" in done.stdout) == (done.returncode == 0), done.stdout
    return done.returncode == 0


def health_check(
    service: str, folder: Path, environment: dict[str, str], elsewhere: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a service's health check of docker-compose.yaml, with other addresses than a container's."""
    checked = {"healthcheck": services({"AIRFLOW_UID": "1000"})[service]["healthcheck"]}
    container = Container(checked, elsewhere)
    return container.run(container.healthcheck, folder, **environment)


def see_health_checks_of_api_server_and_scheduler(server: AirflowServer, folder: Path) -> None:
    """They answer while the two are alive, and not when they are gone."""
    here = {"8080": str(server.port), "8974": server.environment[HEALTH_PORT]}
    elsewhere = {f"localhost:{port}": f"127.0.0.1:{free}" for port, free in here.items()}
    for service in ("api-server", "scheduler"):
        assert health_check(service, folder, server.environment, elsewhere).returncode == 0, service
        server.kill(service)
        refused = 7
        assert health_check(service, folder, server.environment, elsewhere).returncode == refused, service


def tries(ui: AirflowUI, run_ids: list[str]) -> dict[tuple[str, str], int]:
    """How often each task was tried, of those that were more than once."""
    found = {(run_id, name): task["try_number"] for run_id in run_ids for name, task in ui.tasks(run_id).items()}
    return {key: number for key, number in found.items() if number > 1}
