"""Sample figures up to the newest week that is due today, so that the first scheduled runs find them.

`make up` lands them; `python -m dev.up.sample` does it alone, in docker-compose.yaml.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from dev import emulator
from dev.checkout import ROOT
from dev.sample_data.market import Market
from dev.sample_data.scenario import Scenario
from dev.sample_data.shared import SharedTable, Value
from dev.sample_data.source import SampleSource
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.settings import Settings

DEFAULT = Market()


def due_weeks(now: datetime, settings: Settings) -> tuple[date, int]:
    """Return the newest week that is due, and the number of weeks from the start of the newest quarter that is due.

    On 2026-11-24 with the delays of the example configuration: `(date(2026, 11, 8), 19)`, from 2026-07-05 on.
    """
    delay = settings.schedule.delay
    week = Period.latest_due(SyncType.WEEKLY, now, delay(SyncType.WEEKLY))
    quarter = Period.latest_due(SyncType.QUARTERLY, now, delay(SyncType.QUARTERLY))
    return week.first_day, (week.first_day - quarter.first_day).days // 7 + 1


def land(client: bigquery.Client, settings: Settings, now: datetime, market: Market = DEFAULT) -> str:
    """Land the sample's weeks unless the newest has landed. Return what was done."""
    client.create_dataset(settings.source.staging_dataset, exists_ok=True)
    last_week, weeks = due_weeks(now, settings)
    shared = _shared(client, settings)
    source = shared.report if shared else SampleSource(client, settings.source.tables[0])
    if rows := landed(client, source.table, last_week):
        return f"landed before, week {last_week} has {rows:,} rows"
    for _ in Scenario(market, last_week, weeks).land(source):
        pass
    if shared:
        shared.land()
    return f"{weeks} weeks landed, the newest is {last_week}"


def land_each(client: bigquery.Client, feeds: Feeds, now: datetime, market: Market = DEFAULT) -> Iterator[str]:
    """Land the sample of each feed, and say what was done."""
    for name, settings in feeds.settings.items():
        done = land(client, settings, now, market)
        yield f"{name}: {done}" if name else done


def _shared(client: bigquery.Client, settings: Settings) -> SharedTable | None:
    """Return the feed's part of a table that others share, if conditions tell them apart."""
    own: dict[str, Value] = {
        str(place.column): condition.values[0]
        for place, condition in settings.source.conditions()
        if condition.values[0] is not None
    }
    return SharedTable(client, settings.source.tables[0], settings.feed or "report", own) if own else None


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
    feeds = Feeds.load(parser.parse_args().config, os.environ)
    for line in land_each(emulator.client(), feeds, datetime.now(UTC)):
        print(f"Sample data: {line}", flush=True)


if __name__ == "__main__":
    main()
