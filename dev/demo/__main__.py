"""`make demo`: sync sample weeks through the Dag, restate one at the source, sync again, show what happened."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
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


class Demo:
    """The story: weeks arrive, one is synced twice, one is restated."""

    def __init__(self, report: Report, dag: Any) -> None:
        self.report = report
        self.dag = dag
        self.runs: list[tuple[str, Any]] = []

    def sync(self, week: date, why: str) -> None:
        """Run the Dag for one week and print a line about it."""
        started = time.monotonic()
        with output_to(LOG):
            run = self.dag.test(run_after=datetime.now(UTC), run_conf={"period_start": week.isoformat()})
        self.runs.append((f"{week} {why}", run))
        (log,) = self.report.query("log", run_ids=[run.run_id])
        changed = ", ".join(f"{log[what]:,} {what}" for what in ("inserted", "updated", "deleted", "rejects"))
        outcome = f"{log['status']}, {log['outcome']}: {changed}"
        self.report.say(f"  {week} {why:<22} {outcome}  ({time.monotonic() - started:.1f} s)")

    def tell(self) -> None:
        """Sync the weeks, one of them again unchanged, one again restated."""
        weeks = [LAST_WEEK - timedelta(weeks=n) for n in reversed(range(WEEKS))]
        self.report.say(f"Syncing {WEEKS} weeks through the Dag sqp_weekly_sync (its log: {LOG.relative_to(ROOT)})")
        for week in weeks:
            self.sync(week, "sync")
        self.sync(weeks[-1], "the same week again")
        restated = SampleSource(emulator.client()).restate(weeks[1], changed_percent=3)
        self.report.say(f"  The source restates {restated.landed:,} rows of {weeks[1]} and loses {restated.deleted:,}.")
        self.sync(weeks[1], "restated")

    def show(self) -> None:
        """Print what a person would look at."""
        run_ids = [run.run_id for _, run in self.runs]
        self.report.stage_times(self.runs)
        log = self.report.show("sync_log", "log", run_ids=run_ids)
        self.report.show("Quality checks of these runs", "checks", run_ids=run_ids)
        self.report.show(f"Rejects of sync {log[0]['sync']}", "rejects", sync_log_id=log[0]["sync"])
        self.report.show("Ledger: what is published, and since when", "ledger")
        self.report.show("Freshness", "freshness")
        self.report.show(f"Top queries of the week {LAST_WEEK}", "top_queries", period_start=LAST_WEEK)

    @property
    def failed(self) -> list[str]:
        """The runs that did not succeed."""
        return [title for title, run in self.runs if run.state != "success"]


@contextmanager
def output_to(path: Path) -> Iterator[None]:
    """Send everything that is printed, by child processes too, to a file for a while."""
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
    """Run the demo; 0 when every run succeeded."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    print("Starting Airflow's task runner", flush=True)
    with output_to(LOG):
        from airflow.dag_processing.dagbag import DagBag  # slow to import, and it logs

        from sqp_provider.core.settings import Settings

        bag = DagBag(ROOT / "dags")
        settings = Settings.load(ROOT / "dags" / "sqp_config.yaml")
    if bag.import_errors:
        print("\n".join(bag.import_errors.values()), file=sys.stderr)
        return 1
    emulator.client().create_dataset(settings.source.staging_dataset, exists_ok=True)
    demo = Demo(Report(os.environ["SQP_POSTGRES_DSN"], settings.target.schema_name), bag.dags["sqp_weekly_sync"])
    demo.tell()
    demo.show()
    if demo.failed:
        print(f"\nFailed: {', '.join(demo.failed)}. See {LOG.relative_to(ROOT)}.", file=sys.stderr)
        return 1
    print(f'\n{len(demo.runs)} runs, all completed. Look further: . .dev/env, then psql "$SQP_POSTGRES_DSN".')
    print("PostgreSQL and the BigQuery emulator keep running; make services-stop ends them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
