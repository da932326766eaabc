"""The demo's second part: three feeds from one file, each with its Dags, its schema and its own restatements."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from google.cloud import bigquery

from dev.demo.report import Report
from dev.demo.runs import LAST_WEEK, LOG, ROOT, Runs, output_to
from dev.sample_data.agency import Agency
from sqp_provider.core.feeds import Feeds

RESTATED = "acme_de"
OF_WEEK: dict[str, Any] = {"sync_types": ["weekly"], "periods": 1}


class SeveralFeeds:
    """Two marketplaces of one table and a client with a table of its own."""

    def __init__(self, dsn: str, client: bigquery.Client, feeds: Feeds, dags: Mapping[str, Any]) -> None:
        self.client = client
        self.feeds = feeds
        self.dags = dags
        self.together = Report(dsn, feeds.together)
        self.of_each = {
            name: Runs(Report(dsn, feeds.of(name).target.schema_name), dags, feeds.of(name)) for name in feeds.names
        }
        self.agency = Agency(client)

    def run(self) -> None:
        """Migrate all feeds, sync a week of each, restate one of them, and compare each with its source."""
        say, names, started = self.together.say, ", ".join(self.feeds.names), time.monotonic()
        say(f"\nThree feeds from one file, dev/demo/feeds.yaml: {names}")
        for line in self.agency.land(LAST_WEEK):
            say(f"  {line}")
        self.migrate()
        say("Each feed has Dags of its own; sqp_weekly_sync__acme_us is one of them")
        for name, runs in self.of_each.items():
            runs.sync("weekly", LAST_WEEK, name)
        self.restate()
        self.together.show("sqp_all.weekly_summary, by feed", "feeds_weekly", period_start=LAST_WEEK)
        self.together.show("sqp_all.period_status, by feed", "feeds_status")
        right = len(self.of_each) - len(self.different)
        took = f"{time.monotonic() - started:.0f} s for these feeds"
        say(f"\n{right} of {len(self.of_each)} feeds equal their source: rows and sums, counted at both ends  ({took})")

    def migrate(self) -> None:
        """Run sqp_migrate, which has a mapped task for each feed, and print what it made.

        :raises RuntimeError: it failed, so that there is nothing to sync into.
        """
        started = time.monotonic()
        with output_to(LOG):
            migration = self.dags["sqp_migrate"].test(run_after=datetime.now(UTC))
        if migration.state != "success":
            raise RuntimeError(f"sqp_migrate failed, see {LOG.relative_to(ROOT)}.")
        schemas = ", ".join(settings.target.schema_name for settings in self.feeds.settings.values())
        self.together.say(
            f"sqp_migrate makes the schemas {schemas}, and {self.feeds.together} with views over all"
            f"  ({time.monotonic() - started:.1f} s)"
        )

    def restate(self) -> None:
        """Restate one feed at the source, let each feed's daily check look, and sync what differs."""
        say = self.together.say
        restated = self.agency.restate("DE", LAST_WEEK)
        say(f"The source restates {restated.landed:,} rows of {RESTATED} and loses {restated.deleted:,}")
        for name, runs in self.of_each.items():
            say(f"sqp_restatements__{name} checks the source and finds")
            found = runs.check(**OF_WEEK)
            for period in found:
                runs.sync(period["sync_type"], period["period_start"], "healed")
            if not found:
                say("  the week equals the source")

    @cached_property
    def different(self) -> list[str]:
        """The feeds whose published week has other rows or sums than the source. It shares no SQL with the sync."""
        published = {row.pop("feed"): row for row in self.together.query("feeds_totals", period_start=LAST_WEEK)}
        return [name for name in self.feeds.names if published.get(name) != self._at_source(name)]

    def _at_source(self, name: str) -> dict[str, Any]:
        """Count and add up the newest copy of each of the feed's rows."""
        source = self.feeds.of(name).source
        condition = next((values.values[0] for values in source.where.values()), None)
        statement = Path(__file__).with_name("feeds_source.sql").read_text(encoding="utf-8")
        statement = statement.replace("{table}", source.tables[0])
        statement = statement.replace("{condition}", "marketplace = @marketplace" if condition else "true")
        parameters = [
            bigquery.ScalarQueryParameter("week", "DATE", LAST_WEEK),
            bigquery.ScalarQueryParameter("marketplace", "STRING", condition),
        ]
        job = self.client.query(statement, job_config=bigquery.QueryJobConfig(query_parameters=parameters))
        (row,) = job.result()
        return {key: int(value) for key, value in row.items()}

    @property
    def sync_count(self) -> int:
        """How many syncs there were."""
        return sum(len(runs.syncs) for runs in self.of_each.values())

    @property
    def failed(self) -> list[str]:
        """What failed, by feed, and the feeds that differ from their source."""
        of_feeds = [f"{name}: {what}" for name, runs in self.of_each.items() for what in runs.failed]
        return [*of_feeds, *(f"{name} differs from its source" for name in self.different)]
