"""What is measured, case by case: each is given a fresh clone of the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from bench import dag_run, limit, ours
from bench.child import in_child
from bench.rows import BACKFILL_WEEKS, EARLIER, WEEK
from bench.trial import Repeat

NEXT_WEEK = WEEK + timedelta(weeks=1)


def week(repeat: Repeat) -> None:
    """A week's life: it lands, nothing changes, 1 % is restated, all of it is, an ASIN comes late."""
    repeat.sync("first load", "landed")
    repeat.sync("unchanged", "landed")
    repeat.sync("1 % restated", "one_percent")
    repeat.sync("all restated", "restated")
    repeat.sync("late ASIN", "late_asin")


def first_load(repeat: Repeat) -> None:
    """Only the week's landing: for curves over many sizes."""
    repeat.sync("first load", "landed")


def bare_table(repeat: Repeat) -> None:
    """The limit."""
    repeat.measure(
        "limit",
        "first load",
        "total",
        lambda: in_child(limit.prepare, repeat.target, repeat.trial.folder / "week.pgcopy"),
    )
    limit.forget(repeat.target)


def month(repeat: Repeat) -> None:
    """A month made of weeks, which is not there; the quarter is its own."""
    repeat.target.derive_months()
    repeat.sync("first load, new month", "landed")


def rollup(repeat: Repeat) -> None:
    """Month and quarter made of weeks: neither is there; then the second week joins both."""
    repeat.target.derive_months_and_quarters()
    repeat.sync("first load, rolled up", "landed")
    settings = repeat.trial.source.settings("landed")
    for task_id, task in ours.Ours(repeat.target, settings).run(NEXT_WEEK, "second week"):
        repeat.measure("ours", "second week, rolled up", task_id, task)


def whole_run(repeat: Repeat) -> None:
    """The Dag's wall time, from its creation to its end."""
    settings = repeat.trial.source.settings("landed")
    step = lambda: in_child(dag_run.prepare, repeat.target.dsn, settings, EARLIER, WEEK)  # noqa: E731
    repeat.measure("ours", "first load", "Dag run", step)


def backfill(repeat: Repeat) -> None:
    """Half a year, one week after the other, months and quarters following."""
    repeat.target.derive_months_and_quarters()
    weeks = [EARLIER + timedelta(weeks=n + 1) for n in range(BACKFILL_WEEKS)]
    settings = repeat.trial.source.settings("backfill")
    rows = len(weeks) * repeat.trial.source.backfill_rows
    step = lambda: in_child(ours.several_weeks, repeat.target.dsn, settings, weeks)  # noqa: E731
    repeat.measure("ours", f"backfill of {len(weeks)} weeks", "total", step, rows)


CASES: dict[str, Callable[[Repeat], None]] = {
    "limit": bare_table,
    "week": week,
    "first": first_load,
    "month": month,
    "rollup": rollup,
    "dag": whole_run,
    "backfill": backfill,
}
