"""`make up`: Airflow in the background on sample data, with its Dags switched on, until the status page has answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
from google.api_core.exceptions import GoogleAPIError

from dev import emulator
from dev.checkout import LOGS, ROOT, STATE
from dev.services import airflow
from dev.services.errors import ServiceError
from dev.services.lock import locked
from dev.services.progress import progress
from dev.up.client import Client, wait_until
from dev.up.sample import land
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import SyncType

SYNCS = tuple(sync_type.dag_id for sync_type in SyncType)
# After the syncs of the newest periods: a check beside them would start the same periods once more.
BESIDE_THE_SYNCS = ("sqp_restatements", "sqp_freshness", "sqp_migrate")
SYNC_SECONDS = 1800

FAREWELL = """
The status page  {url}/plugin/sqp-sync
user             {user}
password         {password}

Running in the background: PostgreSQL, the BigQuery emulator, and Airflow's API server, scheduler, Dag processor and
triggerer. What they say is in {logs}. sqp_restatements syncs the older weeks and months within a few minutes.
`make up` again shows this again; `make down` ends everything and keeps PostgreSQL's data, `make clean` deletes that."""


def up() -> None:
    """Start what is missing, switch the Dags on, and say where everything is."""
    settings = Feeds.load(ROOT / "dags" / "sqp_config.yaml").of(None)
    with locked(), progress("Sample data") as report:
        report(land(emulator.client(), settings, datetime.now(UTC)))
    started = subprocess.run([STATE / "venv" / "bin" / "python", "-m", "dev.services", "airflow"], cwd=ROOT)
    if started.returncode != 0:
        raise ServiceError("The page needs Airflow.")
    with Client() as client:
        switch_on(client)
    logs = LOGS.relative_to(ROOT)
    print(FAREWELL.format(url=airflow.url(), user=airflow.USER, password=airflow.password(), logs=f"{logs}/"))


def switch_on(client: Client) -> None:
    """Unpause all Dags: their schedules sync the newest periods, then the daily check finds those before."""
    with progress("Dags") as report:
        for dag_id in SYNCS:
            client.unpause(dag_id)
        report("switched on")
    printed: set[str] = set()

    def all_answered() -> bool:
        for headline in answered(client.headlines(), printed):
            printed.add(headline["sync_type"])
            print(f"  {headline['answer']} {headline['reason']} {headline['todo'] or ''}".rstrip(), flush=True)
        return len(printed) == len(SYNCS)

    wait_until(all_answered, SYNC_SECONDS, "answer for week, month and quarter")
    for dag_id in BESIDE_THE_SYNCS:
        client.unpause(dag_id)


def answered(headlines: list[dict[str, Any]], printed: set[str]) -> Iterator[dict[str, Any]]:
    """The headlines that wait for no run, because their period is published or failed, and are not printed yet."""
    for headline in headlines:
        finished = headline["verdict"] in ("yes", "care") or (headline["verdict"] == "no" and headline["sync_log_id"])
        if finished and headline["sync_type"] not in printed:
            yield headline


def main() -> int:
    """Return 0 when the page has answers, 1 with a sentence on what is missing."""
    try:
        up()
    except (ServiceError, GoogleAPIError, httpx.HTTPError) as error:
        print(f"{error}\n`make up` again goes on from here, `make down` ends everything.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
