"""The measured cases. Each gets a new clone of the database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import psycopg

from bench import dag_run, limit, ours, reads
from bench.child import in_child
from bench.figure import BEHIND_A_READER
from bench.kept import Kept
from bench.memory import Measured
from bench.rows import BACKFILL_WEEKS, EARLIER, LANDED, WEEK, SourceRows
from bench.trial import Repeat

LONG_READ_SECONDS = 90

NEXT_WEEK = WEEK + timedelta(weeks=1)


class Case(NamedTuple):
    """How a case is measured.

    :param published: it finds the week as it landed, published; else only the week before is there.
    :param once: it is measured in the first repeat only.
    """

    measure: Callable[[Repeat], None]
    published: bool = False
    once: bool = False


def first_load(repeat: Repeat) -> None:
    """Sync a week that lands."""
    repeat.sync("first load", LANDED)
    repeat.trial.kept["ours"] = Kept.by(repeat.target, repeat.target.partition(WEEK), rows_compared=True)


def unchanged(repeat: Repeat) -> None:
    """Sync a week again that is unchanged."""
    repeat.sync("unchanged", LANDED, again=True)


def one_percent(repeat: Repeat) -> None:
    """Sync a week of which 1 % is restated, scattered over all of it."""
    repeat.sync("1 % restated", "one_percent")


def all_restated(repeat: Repeat) -> None:
    """Sync a week that is restated completely."""
    repeat.sync("all restated", "restated")


def late_asin(repeat: Repeat) -> None:
    """Sync a week that gets one more ASIN and is otherwise as it was published."""
    repeat.sync("late ASIN", "late_asin")


def bare_table(repeat: Repeat) -> None:
    """Measure the limit."""
    repeat.measure(
        "limit",
        "first load",
        "total",
        lambda: in_child(limit.prepare, repeat.target, repeat.trial.folder / "week.pgcopy"),
    )
    limit.forget(repeat.target)


def rollup(repeat: Repeat) -> None:
    """Sync a week into a missing month and quarter that are summed from weeks, then a second week into both."""
    repeat.target.derive_months_and_quarters()
    repeat.sync("first load, rolled up", LANDED)
    repeat.sync("second week, rolled up", LANDED, NEXT_WEEK)


def whole_run(repeat: Repeat) -> None:
    """Measure the wall time of a Dag run, from its creation until it has finished."""
    settings = repeat.trial.source.settings(LANDED)
    step = lambda: in_child(dag_run.prepare, repeat.target.dsn, settings, EARLIER, WEEK)  # noqa: E731
    repeat.measure("ours", "first load", "Dag run", step)


def backfill(repeat: Repeat) -> None:
    """Sync half a year as one worker does in a backfill, with months and quarters that are summed from the weeks.

    What counts is the time from the snapshots to the published weeks: the emulator is not measured.
    """
    repeat.target.derive_months_and_quarters()
    weeks = [EARLIER + timedelta(weeks=n + 1) for n in range(BACKFILL_WEEKS)]
    settings = repeat.trial.source.settings("backfill")
    rows = len(weeks) * repeat.trial.source.backfill_rows
    snapshots = repeat.trial.snapshots

    def step() -> Measured:
        taken = {week: snapshots["backfill", week] for week in weeks if ("backfill", week) in snapshots}
        found = in_child(ours.several_weeks, repeat.target.dsn, settings, weeks, taken)
        snapshots.update({("backfill", week): snapshot for week, snapshot in found.result.snapshots.items()})
        return replace(found, seconds=found.result.seconds)

    repeat.measure("ours", f"backfill of {len(weeks)} weeks", "snapshots to published", step, rows)


def long_reader(repeat: Repeat) -> None:
    """Publish a week while somebody has read all weeks in a transaction that stays open for 90 seconds."""
    for task_id, task in repeat.tasks(BEHIND_A_READER, LANDED):
        if task_id != "publish":
            task()
            continue

        def behind_a_reader(task: Callable[[], Measured] = task) -> Measured:
            with psycopg.connect(repeat.target.dsn, application_name="a long reader") as reader:
                reader.execute("select count(*) from sqp.weekly_summary")
                leaves = threading.Timer(LONG_READ_SECONDS, reader.rollback)
                leaves.start()
                found = task()
                leaves.join()
            return found

        repeat.measure("ours", BEHIND_A_READER, task_id, behind_a_reader)


def counted_reads(repeat: Repeat) -> None:
    """Count what syncs and a daily check ask BigQuery for, with few rows of their own."""
    source = SourceRows.landed(reads.ROWS, asins=20, backfill_rows=reads.ROWS, weeks=2)
    try:
        settings = {state: source.settings(state) for state in (LANDED, "one_percent")}
        repeat.trial.reads += in_child(reads.prepare, repeat.target.dsn, settings).result
    finally:
        source.drop()


CASES: dict[str, Case] = {
    "limit": Case(bare_table),
    "first": Case(first_load),
    "unchanged": Case(unchanged, published=True),
    "one-percent": Case(one_percent, published=True),
    "late-asin": Case(late_asin, published=True),
    "all": Case(all_restated, published=True),
    "rollup": Case(rollup),
    "dag": Case(whole_run),
    "backfill": Case(backfill),
    "reader": Case(long_reader, once=True),
    "reads": Case(counted_reads, once=True),
}
