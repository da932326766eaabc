"""The measured cases. Each gets a new clone of the database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import psycopg

from bench import dag_run, limit, ours
from bench.child import in_child
from bench.memory import Measured
from bench.rows import BACKFILL_WEEKS, EARLIER, WEEK
from bench.trial import Repeat

LONG_READ_SECONDS = 90

NEXT_WEEK = WEEK + timedelta(weeks=1)


def week(repeat: Repeat) -> None:
    """Sync a week that lands, is unchanged, is restated by 1 %, is restated completely, and gets a late ASIN."""
    repeat.sync("first load", "landed")
    repeat.sync("unchanged", "landed")
    repeat.sync("1 % restated", "one_percent")
    repeat.sync("all restated", "restated")
    repeat.sync("late ASIN", "late_asin")


def first_load(repeat: Repeat) -> None:
    """Sync a week that lands, and nothing else: for curves over many sizes."""
    repeat.sync("first load", "landed")


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
    repeat.sync("first load, rolled up", "landed")
    settings = repeat.trial.source.settings("landed")
    for task_id, task in ours.Ours(repeat.target, settings).run(NEXT_WEEK, "second week"):
        repeat.measure("ours", "second week, rolled up", task_id, task)


def whole_run(repeat: Repeat) -> None:
    """Measure the wall time of a Dag run, from its creation until it has finished."""
    settings = repeat.trial.source.settings("landed")
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

    def step() -> Measured:
        found = in_child(ours.several_weeks, repeat.target.dsn, settings, weeks)
        return replace(found, seconds=found.result)

    repeat.measure("ours", f"backfill of {len(weeks)} weeks", "snapshots to published", step, rows)


def long_reader(repeat: Repeat) -> None:
    """Publish a week while somebody has read all weeks in a transaction that stays open for 90 seconds."""
    settings = repeat.trial.source.settings("landed")
    for task_id, task in ours.Ours(repeat.target, settings).run(WEEK, "behind a long reader"):
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

        repeat.measure("ours", "first load behind a long reader", task_id, behind_a_reader)


CASES: dict[str, Callable[[Repeat], None]] = {
    "limit": bare_table,
    "week": week,
    "first": first_load,
    "rollup": rollup,
    "dag": whole_run,
    "backfill": backfill,
    "reader": long_reader,
}
