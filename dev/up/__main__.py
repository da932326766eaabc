"""`make up`: Airflow in the background on sample data, with its Dags switched on, until the status page has answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
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
from dev.up.sample import land_each
from dev.up.syncs import sync_dags
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.feeds import Feeds

OF_ALL_FEEDS = ("sqp_freshness", "sqp_migrate")
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
    feeds = Feeds.load(Path(os.environ.get("SQP_CONFIG") or ROOT / "dags" / "sqp_config.yaml"), os.environ)
    feeds.refuse_mistakes()
    with locked(), progress("Sample data") as report:
        report("; ".join(land_each(emulator.client(), feeds, datetime.now(UTC))))
    started = subprocess.run([STATE / "venv" / "bin" / "python", "-m", "dev.services", "airflow"], cwd=ROOT)
    if started.returncode != 0:
        raise ServiceError("The page needs Airflow.")
    with Client() as client:
        switch_on(client, feeds)
    logs = LOGS.relative_to(ROOT)
    print(FAREWELL.format(url=airflow.url(), user=airflow.USER, password=airflow.password(), logs=f"{logs}/"))


def switch_on(client: Client, feeds: Feeds) -> None:
    """Unpause all Dags: their schedules sync the newest periods, then the daily check finds those before."""
    with progress("Dags") as report:
        for dag_id in sync_dags(feeds):
            client.unpause(dag_id)
        report("switched on")
    printed: set[tuple[str | None, str]] = set()

    def all_answered() -> bool:
        for feed in feeds.settings:
            for headline in answered(client.headlines(feed)):
                if (feed, headline["sync_type"]) not in printed:
                    printed.add((feed, headline["sync_type"]))
                    print(f"  {told(headline, feed)}", flush=True)
        return len(printed) == len(sync_dags(feeds))

    wait_until(all_answered, SYNC_SECONDS, "answer for week, month and quarter")
    # After the syncs of the newest periods: a check beside them would start the same periods once more.
    for dag_id in (*(settings.named("sqp_restatements") for settings in feeds.settings.values()), *OF_ALL_FEEDS):
        client.unpause(dag_id)


def answered(headlines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The headlines that wait for no run, because their period is published or failed."""
    for headline in headlines:
        if headline["verdict"] in ("yes", "care") or (headline["verdict"] == "no" and headline["sync_log_id"]):
            yield headline


def told(headline: dict[str, Any], feed: str | None) -> str:
    """``acme_us: The week … can be trusted.``; without a name where there is one feed."""
    said = f"{headline['answer']} {headline['reason']} {headline['todo'] or ''}".rstrip()
    return f"{feed}: {said}" if feed else said


def main() -> int:
    """Return 0 when the page has answers, 1 with a sentence on what is missing."""
    try:
        up()
    except (ServiceError, InvalidSettings, GoogleAPIError, httpx.HTTPError) as error:
        print(f"{error}\n`make up` again goes on from here, `make down` ends everything.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
