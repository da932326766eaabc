"""`make demo`: sync sample weeks, months and quarters through the Dags, prove a figure, then three feeds."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import date, timedelta

from dev import emulator
from dev.demo.arriving import show_arriving_week
from dev.demo.feeds import SeveralFeeds
from dev.demo.report import Report, printable
from dev.demo.runs import LAST_WEEK, LOG, ROOT, Runs, parsed
from dev.sample_data.source import SampleSource

WEEKS = 4


class Demo(Runs):
    """One feed: sync weeks, a month and a quarter, one week again, restate another at the source, prove a figure."""

    def run(self) -> None:
        """Sync weeks, a month and a quarter, then one week again, then what the source restates."""
        weeks = [LAST_WEEK - timedelta(weeks=n) for n in reversed(range(WEEKS))]
        self.report.say(f"Syncing {WEEKS} weeks, a month and a quarter (Airflow's log: {LOG.relative_to(ROOT)})")
        for week in weeks:
            self.sync("weekly", week, "sync")
        self.sync("monthly", date(2026, 10, 1), "sync")
        self.sync("quarterly", date(2026, 7, 1), "sync")
        self.report.say("The same week again")
        self.sync("weekly", weeks[-1], "again")
        restated = SampleSource(emulator.client()).restate(weeks[1], changed_percent=3)
        lost = f"loses {restated.deleted:,}"
        self.report.say(f"The source restates {restated.landed:,} rows of week {weeks[1]} and {lost}")
        self.report.say("sqp_restatements checks the source and finds")
        for period in self.check(periods=WEEKS):
            self.sync(period["sync_type"], period["period_start"], "healed")
        self.tell(weeks[1])
        self.report.say("sqp_restatements checks again and finds")
        if not self.check(periods=WEEKS):
            self.report.say("  every period equals the source")
        show_arriving_week(self, SampleSource(emulator.client()))
        self.prove(weeks[-1])

    def tell(self, week: date) -> None:
        """Print what a restated week was, what it is, what moved most, and that it can be had as it was."""
        now, before = self.report.query("story", week=week)
        self.report.say(f"The story of week {week}")
        for label, version in (("it was", before), ("it is", now)):
            self.report.say(f"  {label:<12} {version['rows']:,} rows, {version['impressions']:,} impressions")
        for moved in self.report.query("moved_most", week=week):
            query = printable(moved["query"])
            self.report.say(f'  moved most   "{query}": {moved["before"]:,} to {moved["after"]:,} impressions')
        (was,) = self.report.query("as_it_was", week=week, at=before["published_at"])
        self.report.say(f"  weekly_as_of {was['rows']:,} rows, {was['impressions']:,} impressions")

    def prove(self, week: date) -> None:
        """Prove a figure, change it by hand, and prove it again before and after the daily check has healed it."""
        (figure,) = self.report.query("one_figure", period_start=week)
        command = ["sqp", "prove", "weekly", str(week), "--query", figure["query"], "--asin", figure["asin"]]
        self.report.say(printable(shlex.join(command)))
        self.proof(week, figure, expected=0)
        self.report.query("change_figure", period_start=week, **figure)
        self.report.say("Somebody adds a click to it by hand")
        self.proof(week, figure, expected=1)
        self.report.say("sqp_restatements checks the source and finds")
        for period in self.check(periods=WEEKS):
            self.sync(period["sync_type"], period["period_start"], "healed")
        self.proof(week, figure, expected=0)

    def show(self) -> None:
        """Print the tables that a person would query."""
        run_ids = [run.run_id for _, run in self.syncs]
        self.report.stage_times(self.syncs)
        log = self.report.show("sync_log", "log", run_ids=run_ids)
        self.report.show("Quality checks of these runs", "checks", run_ids=run_ids)
        with_rejects = next((row["sync"] for row in log if row["outcome"] != "unchanged"), log[0]["sync"])
        self.report.show(f"Rejects of sync {with_rejects}", "rejects", sync_log_id=with_rejects)
        self.report.show("Status of each period (the view period_status)", "periods")
        self.report.show("Freshness", "freshness")
        self.report.show(f"Top queries of the week {LAST_WEEK}", "top_queries", period_start=LAST_WEEK)


def main() -> int:
    """Run the demo; return 0 if every run succeeded and every feed equals its source."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    print("Starting Airflow's task runner", flush=True)
    dsn, client = os.environ["SQP_POSTGRES_DSN"], emulator.client()
    try:
        feeds, dags = parsed(ROOT / "dags" / "sqp_config.yaml")
        settings = feeds.of(None)
        client.create_dataset(settings.source.staging_dataset, exists_ok=True)
        demo = Demo(Report(dsn, settings.target.schema_name), dags, settings)
        demo.run()
        demo.show()
        several = SeveralFeeds(dsn, client, *parsed(ROOT / "dev" / "demo" / "feeds.yaml"))
        several.run()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    if failed := [*demo.failed, *several.failed]:
        print(f"\nFailed: {', '.join(failed)}. See {LOG.relative_to(ROOT)}.", file=sys.stderr)
        return 1
    count = len(demo.syncs) + several.sync_count
    print(f'\n{count} syncs, all completed. To query the data: . .dev/env, then psql "$SQP_POSTGRES_DSN".')
    print("To prove a figure again: . .dev/env, then the command sqp prove that is printed above.")
    print("make up starts Airflow on this data and prints the address of its page SQP sync.")
    print("PostgreSQL and the BigQuery emulator keep running; make down stops them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
