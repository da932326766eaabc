"""Sample figures up to the newest week that is due today, so that the first scheduled runs find them.

`make up` lands them; `python -m dev.up.sample` does it alone, in docker-compose.yaml.
"""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from dev import emulator
from dev.checkout import ROOT
from dev.sample_data.market import Market
from dev.sample_data.scenario import Scenario
from dev.sample_data.source import SampleSource
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import Settings


def due_weeks(now: datetime, settings: Settings) -> tuple[date, int]:
    """Return the newest week that is due, and the number of weeks from the start of the newest quarter that is due.

    On 2026-11-24 with the delays of the example configuration: `(date(2026, 11, 8), 19)`, from 2026-07-05 on.
    """
    delay = settings.schedule.delay
    week = Period.latest_due(SyncType.WEEKLY, now, delay(SyncType.WEEKLY))
    quarter = Period.latest_due(SyncType.QUARTERLY, now, delay(SyncType.QUARTERLY))
    return week.first_day, (week.first_day - quarter.first_day).days // 7 + 1


def land(client: bigquery.Client, settings: Settings, now: datetime) -> str:
    """Land the sample's weeks unless the newest has landed. Return what was done."""
    client.create_dataset(settings.source.staging_dataset, exists_ok=True)
    last_week, weeks = due_weeks(now, settings)
    if rows := landed(client, settings.source.tables[0], last_week):
        return f"landed before, week {last_week} has {rows:,} rows"
    for _ in Scenario(Market(), last_week, weeks).land(SampleSource(client, settings.source.tables[0])):
        pass
    return f"{weeks} weeks landed, the newest is {last_week}"


def landed(client: bigquery.Client, table: str, week: date) -> int:
    """Return how many rows the source has for a week; 0 without a table, as after a restart of the emulator."""
    sql = Path(__file__).with_name("landed.sql").read_text().replace("{table}", table)
    parameters = [bigquery.ScalarQueryParameter("week", "DATE", week)]
    try:
        (row,) = client.query(sql, job_config=bigquery.QueryJobConfig(query_parameters=parameters)).result()
    except NotFound:
        return 0
    return int(row["row_count"])


def main() -> None:
    """Land the sample in the emulator that BIGQUERY_EMULATOR_HOST names, into the table of the configuration file."""
    parser = argparse.ArgumentParser(prog="python -m dev.up.sample", description="Land the weeks that are due today.")
    parser.add_argument("--config", type=Path, default=ROOT / "dags" / "sqp_config.yaml", help="default: %(default)s")
    settings = Feeds.load(parser.parse_args().config).of(None)
    print(f"Sample data: {land(emulator.client(), settings, datetime.now(UTC))}", flush=True)


if __name__ == "__main__":
    main()
