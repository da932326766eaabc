"""`make up`: Airflow in the background on sample data, with its Dags switched on, until the status page has answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
from google.api_core.exceptions import GoogleAPIError

from dev import emulator
from dev.checkout import LOGS, ROOT, STATE
from dev.services.airflow import USER, Airflow
from dev.services.errors import ServiceError
from dev.services.lock import locked
from dev.services.ports import Ports
from dev.services.progress import progress
from dev.up.client import Client
from dev.up.sample import land
from sqp_provider.core.settings import Settings

SYNCS = ("sqp_weekly_sync", "sqp_monthly_sync", "sqp_quarterly_sync")
# These are switched on after the syncs: sqp_restatements would start the same periods once more.
BESIDE_THE_SYNCS = ("sqp_restatements", "sqp_freshness", "sqp_migrate")
SYNC_SECONDS = 600

FAREWELL = """
The status page  {url}/plugin/sqp-sync
user             {user}
password         {password}

Running in the background: PostgreSQL, the BigQuery emulator, and Airflow's API server, scheduler, Dag processor and
triggerer. Their logs are in {logs}. sqp_restatements syncs the older weeks and months within a few minutes.
`make up` shows this again. `make down` stops everything and keeps PostgreSQL's data; `make clean` deletes the data."""


def up(airflow: Airflow) -> None:
    """Start what is missing, switch the Dags on, and print the addresses."""
    settings = Settings.load(ROOT / "dags" / "sqp_config.yaml")
    with locked(), progress("Sample data") as report:
        report(land(emulator.client(), settings, datetime.now(UTC)))
    with progress("Airflow (takes about a minute)") as report:
        with locked():
            started = airflow.start(os.environ)
        airflow.await_answer()
        report(f"{', '.join(started) or 'all of it'} {'started' if started else 'running already'}")
    with Client(airflow) as client:
        switch_on(client)
    logs = LOGS.relative_to(ROOT)
    print(FAREWELL.format(url=airflow.url, user=USER, password=airflow.password, logs=f"{logs}/"))


def switch_on(client: Client) -> None:
    """Unpause all Dags. Their schedules sync the newest periods, then sqp_restatements finds the earlier ones."""
    with progress("Dags") as report:
        for dag_id in SYNCS:
            client.unpause(dag_id)
        report("switched on")
    printed: set[str] = set()

    def all_printed() -> bool:
        for headline in answered(client.headlines(), printed):
            printed.add(headline["sync_type"])
            print(f"  {headline['answer']} {headline['reason']} {headline['todo'] or ''}".rstrip(), flush=True)
        return len(printed) == len(SYNCS)

    client.wait_until(all_printed, SYNC_SECONDS, "answer for week, month and quarter")
    for dag_id in BESIDE_THE_SYNCS:
        client.unpause(dag_id)


def answered(headlines: list[dict[str, Any]], printed: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the answers that are not printed yet and wait for no run: the period is published, or its run failed."""
    for headline in headlines:
        finished = headline["verdict"] in ("yes", "care") or (headline["verdict"] == "no" and headline["sync_log_id"])
        if finished and headline["sync_type"] not in printed:
            yield headline


def main() -> int:
    """Return 0 when the page has answers, or 1 after printing what is missing."""
    try:
        up(Airflow(Ports(STATE / "ports.json")))
    except (ServiceError, GoogleAPIError, httpx.HTTPError) as error:
        print(f"{error}\nRun `make up` to continue from here, or `make down` to stop everything.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
