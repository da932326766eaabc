"""The runs of one feed's Dags, and a line about each."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from dev.demo.report import Report
from sqp_provider.core.period import SyncType
from sqp_provider.core.proof import Asked
from sqp_provider.core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / ".dev" / "log" / "demo.log"
LAST_WEEK = date(2026, 11, 8)
CHECKED_ON = date(2026, 11, 23)  # the sample's weeks are those before this day, whatever today is


class Runs:
    """What was run of a feed, in Airflow's own task runner."""

    def __init__(self, report: Report, dags: Mapping[str, Any], settings: Settings) -> None:
        self.report = report
        self.dags = dags
        self.settings = settings
        self.syncs: list[tuple[str, Any]] = []
        self.checks: list[Any] = []
        self.wrong_proofs: list[str] = []

    def sync(self, sync_type: str, first_day: date, why: str) -> None:
        """Run the type's Dag for one period and print a line about it."""
        started = time.monotonic()
        with output_to(LOG):
            conf = {"period_start": first_day.isoformat()}
            dag = self.dags[self.settings.dag_id(SyncType(sync_type))]
            run = dag.test(run_after=datetime.now(UTC), run_conf=conf)
        self.syncs.append((f"{sync_type} {first_day} {why}", run))
        (log,) = self.report.query("log", run_ids=[run.run_id])
        changed = ", ".join(f"{log[what]:,} {what}" for what in ("inserted", "updated", "deleted", "rejects"))
        outcome = f"{log['status']}, {log['outcome']}: {changed}"
        self.report.say(f"  {sync_type:<9} {first_day} {why:<10} {outcome}  ({time.monotonic() - started:.1f} s)")

    def check(self, day: date = CHECKED_ON, **conf: Any) -> list[dict[str, Any]]:
        """Let the daily check compare the source with the ledger; print and return the periods to sync."""
        run_after = datetime.combine(day, datetime.now(UTC).timetz())  # the time tells two runs apart
        with output_to(LOG):  # its own syncs need a scheduler, so the demo runs them
            dag = self.dags[self.settings.named("sqp_restatements")]
            self.checks.append(dag.test(run_after=run_after, run_conf={"dry_run": True, **conf}))
        found = self.differing()
        for period in found:
            rows = f"{period['source_row_count']:,} rows at the source, {period['row_count'] or 0:,} published"
            self.report.say(f"  {period['sync_type']:<9} {period['period_start']} {period['status']:<10} {rows}")
        return found

    def proof(self, week: date, figure: Mapping[str, str], expected: int) -> None:
        """Prove a week and a row of it; print the answer, and the row where it differs."""
        started = time.monotonic()
        with output_to(LOG):
            from sqp_provider.proof import Prover  # slow to import

            proof = Prover(self.settings, Asked(SyncType.WEEKLY, week, figure["query"], figure["asin"])).prove()
        seconds = f"({time.monotonic() - started:.1f} s)"
        self.report.say(f"  {proof.answer}, exit code {proof.verdict.exit_code}  {seconds}")
        for row in proof.difference.rows if proof.difference else ():
            both = (
                f"{column} {one} at the source, {other} in Postgres" for column, (one, other) in row.columns.items()
            )
            self.report.say(f'  "{row.query}", {row.asin}: {"; ".join(both)}')
        if proof.verdict.exit_code != expected:
            self.wrong_proofs.append(f"the proof of {week} ended with {proof.verdict.exit_code}, not {expected}")

    def differing(self) -> list[dict[str, Any]]:
        """Return the periods that differ from what the source had at the last check."""
        return self.report.query("to_sync")

    @property
    def failed(self) -> list[str]:
        """The runs, checks and proofs that failed, and the periods that still differ from the source."""
        syncs = [title for title, run in self.syncs if run.state != "success"]
        checks = [f"check {n}" for n, run in enumerate(self.checks, 1) if run.state != "success"]
        differing = [f"{p['sync_type']} {p['period_start']} is {p['status']}" for p in self.differing()]
        return [*syncs, *checks, *differing, *self.wrong_proofs]


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


def parsed(config: Path) -> tuple[Any, Any]:
    """Return a configuration's feeds and Dags.

    :raises RuntimeError: a Dag file or a feed has a mistake.
    """
    os.environ["SQP_CONFIG"] = str(config)
    with output_to(LOG):
        from airflow.dag_processing.dagbag import DagBag  # slow to import, and it logs

        from sqp_provider.core.feeds import Feeds

        bag = DagBag(ROOT / "dags")
        feeds = Feeds.load(config, os.environ)
    if bag.import_errors:
        raise RuntimeError("\n".join(bag.import_errors.values()))
    return feeds, bag.dags
