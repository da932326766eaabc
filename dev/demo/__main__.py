"""`make demo`: sync sample weeks, a month and a quarter through the Dags, then restate and sync a week again."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from dev import emulator
from dev.demo.report import Report
from dev.sample_data.source import SampleSource

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / ".dev" / "log" / "demo.log"
LAST_WEEK = date(2026, 11, 8)
WEEKS = 4
CHECKED_ON = date(2026, 11, 23)  # the sample's weeks are those before this day, whatever today is


class Demo:
    """The demo: sync weeks, a month and a quarter, sync one week again, and restate another at the source."""

    def __init__(self, report: Report, dags: Mapping[str, Any]) -> None:
        self.report = report
        self.dags = dags
        self.runs: list[tuple[str, Any]] = []
        self.checks: list[Any] = []

    def sync(self, sync_type: str, first_day: date, why: str) -> None:
        """Run the type's Dag for one period and print a line about it."""
        started = time.monotonic()
        with output_to(LOG):
            conf = {"period_start": first_day.isoformat()}
            run = self.dags[f"sqp_{sync_type}_sync"].test(run_after=datetime.now(UTC), run_conf=conf)
        self.runs.append((f"{sync_type} {first_day} {why}", run))
        (log,) = self.report.query("log", run_ids=[run.run_id])
        changed = ", ".join(f"{log[what]:,} {what}" for what in ("inserted", "updated", "deleted", "rejects"))
        outcome = f"{log['status']}, {log['outcome']}: {changed}"
        self.report.say(f"  {sync_type:<9} {first_day} {why:<10} {outcome}  ({time.monotonic() - started:.1f} s)")

    def check(self) -> list[dict[str, Any]]:
        """Let sqp_restatements compare the source with the ledger; print and return the periods to sync."""
        conf = {"periods": WEEKS, "dry_run": True}  # its own syncs need a scheduler, so the demo runs them
        run_after = datetime.combine(CHECKED_ON, datetime.now(UTC).timetz())  # the time tells two runs apart
        with output_to(LOG):
            self.checks.append(self.dags["sqp_restatements"].test(run_after=run_after, run_conf=conf))
        found = self.report.query("to_sync")
        for period in found:
            rows = f"{period['source_row_count']:,} rows at the source, {period['row_count'] or 0:,} published"
            self.report.say(f"  {period['sync_type']:<9} {period['period_start']} {period['status']:<10} {rows}")
        if not found:
            self.report.say("  every period equals the source")
        return found

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
        for period in self.check():
            self.sync(period["sync_type"], period["period_start"], "healed")
        self.report.say("sqp_restatements checks again and finds")
        self.check()

    def show(self) -> None:
        """Print the tables that a person would query."""
        run_ids = [run.run_id for _, run in self.runs]
        self.report.stage_times(self.runs)
        log = self.report.show("sync_log", "log", run_ids=run_ids)
        self.report.show("Quality checks of these runs", "checks", run_ids=run_ids)
        with_rejects = next((row["sync"] for row in log if row["outcome"] != "unchanged"), log[0]["sync"])
        self.report.show(f"Rejects of sync {with_rejects}", "rejects", sync_log_id=with_rejects)
        self.report.show("Status of each period (the view period_status)", "periods")
        self.report.show("Freshness", "freshness")
        self.report.show(f"Top queries of the week {LAST_WEEK}", "top_queries", period_start=LAST_WEEK)

    @property
    def failed(self) -> list[str]:
        """The runs and checks that failed, and the periods that still differ from the source."""
        runs = [title for title, run in self.runs if run.state != "success"]
        checks = [f"check {n}" for n, run in enumerate(self.checks, 1) if run.state != "success"]
        differing = [f"{p['sync_type']} {p['period_start']} is {p['status']}" for p in self.report.query("to_sync")]
        return [*runs, *checks, *differing]


@contextmanager
def output_to(path: Path) -> Iterator[None]:
    """Redirect everything that is printed, also by child processes, into a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with path.open("ab") as file:
        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)


def main() -> int:
    """Run the demo; return 0 if every run succeeded."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    print("Starting Airflow's task runner", flush=True)
    with output_to(LOG):
        from airflow.dag_processing.dagbag import DagBag  # slow to import, and it logs

        from sqp_provider.core.feeds import Feeds

        bag = DagBag(ROOT / "dags")
        settings = Feeds.load(ROOT / "dags" / "sqp_config.yaml").of(None)
    if bag.import_errors:
        print("\n".join(bag.import_errors.values()), file=sys.stderr)
        return 1
    emulator.client().create_dataset(settings.source.staging_dataset, exists_ok=True)
    demo = Demo(Report(os.environ["SQP_POSTGRES_DSN"], settings.target.schema_name), bag.dags)
    demo.run()
    demo.show()
    if demo.failed:
        print(f"\nFailed: {', '.join(demo.failed)}. See {LOG.relative_to(ROOT)}.", file=sys.stderr)
        return 1
    print(f'\n{len(demo.runs)} runs, all completed. To query the data: . .dev/env, then psql "$SQP_POSTGRES_DSN".')
    print("make up starts Airflow on this data and prints the address of its page SQP sync.")
    print("PostgreSQL and the BigQuery emulator keep running; make down stops them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
