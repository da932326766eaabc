"""The figures of one run as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MOST_SAID = 10


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Say what was done, how fast, what it took, and what limits first."""
    runs, load = found["airflow"]["runs"], found["load"]
    yield (
        f"{found['rows']:,} rows landed; {runs['succeeded']} of {found['runs_expected']} runs succeeded in "
        f"{found['seconds']:.0f} s: {found['runs_per_minute']:.1f} runs, {found['tasks_per_minute']:.0f} tasks a minute"
    )
    yield from _exactness(found["compared"])
    yield f"a run takes {runs['run_seconds']} s (median), {runs['longest_run_seconds']} s at most"
    yield from _tasks(found["airflow"]["tasks"])
    yield _slots(found)
    yield from (f"  {count} times in the logs of tasks: {said}" for said, count in found["task_errors"].items())
    yield from _groups(load, runs["runs"])
    yield from _postgres(load["postgres"])
    for name, figures in found["metrics"].items():
        if name.startswith("scheduler.") and name.endswith("duration"):
            median, most = figures["median"], figures["largest"]
            yield f"{name}: {median} ms (median), {figures['p95']} ms (95 %), {most} ms at most"


def _exactness(compared: Mapping[str, Any]) -> Iterator[str]:
    periods = ", ".join(f"{count} {kind}" for kind, count in compared["periods"].items())
    yield f"differences: {len(compared['differences'])} of {periods} periods; not sure of {len(compared['unsure'])}"
    for kind in ("differences", "unsure", "errors"):
        yield from (f"  {kind}: {line}" for line in compared[kind][:MOST_SAID])


def _tasks(tasks: list[dict[str, Any]]) -> Iterator[str]:
    row = "{:12} {:>6} {:>7} {:>8} {:>15} {:>15} {:>15}".format
    yield row("task", "count", "failed", "retries", "to executor", "to start", "seconds")
    for task in tasks:
        pairs = (f"{task[f'{name}_median']} / {task[f'{name}_95']}" for name in ("queued", "starting", "seconds"))
        yield row(task["task_id"], task["tasks"], task["failed"], task["retries"], *pairs)
    yield "  (median / 95 %, in seconds)"


def _slots(found: Mapping[str, Any]) -> str:
    slots = int(found["arguments"]["parallelism"])
    used = sum(task["seconds"] for task in found["airflow"]["tasks"])
    return f"slots: tasks ran for {used:,.0f} s of the {slots * found['seconds']:,.0f} s that {slots} slots had"


def _groups(load: Mapping[str, Any], runs: int) -> Iterator[str]:
    spent = load["processors"]
    total = max(sum(spent.values()), 1)
    yield "processors: " + ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in spent.items())
    row = "{:24} {:>8} {:>8} {:>7} {:>8} {:>12} {:>10}".format
    yield row("", "CPU s", "of a run", "of all", "peak MB", "largest MB", "processes")
    for name, group in sorted(load["groups"].items(), key=lambda item: -item[1]["cpu_seconds"]):
        part = f"{group['cpu_seconds'] / max(spent['worked'], 1):.0%}"
        figures = (group["peak_mb"], group["largest_process_mb"], group["most_processes"])
        of_a_run = f"{group['cpu_seconds'] / max(runs, 1):.2f}"
        yield row(name, group["cpu_seconds"], of_a_run, part, *figures)


def _postgres(postgres: Mapping[str, Any]) -> Iterator[str]:
    yield f"Postgres: {postgres['wal']['wal_bytes'] / 2**20:,.0f} MB of WAL"
    for purpose, counted in postgres.items():
        if purpose != "wal":
            yield (
                f"  {purpose}: {counted['transactions']:,.0f} transactions, statements active for "
                f"{counted['active_seconds']:,.0f} s, {counted['blks_read']:,.0f} blocks read, "
                f"{counted['tuples_written']:,.0f} tuples written, grown by {counted['bytes'] / 2**20:,.0f} MB, "
                f"{counted['deadlocks']:.0f} deadlocks, {counted['peak_connections']} connections, longest wait for a "
                f"lock {counted['longest_lock_wait_seconds']} s"
            )
            yield f"    active statements, seen once a second: {counted['active_statements_seen']}"
