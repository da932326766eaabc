"""`make bench BENCH_ARGS=start`: the seconds from a week's trigger until it is published, and whose they are."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.feeds.__main__ import ENDING, end, say
from bench.machine import describe
from bench.start.trial import EXECUTORS, Trial
from bench.target import Server


def main(words: Sequence[str] | None = None) -> int:
    """Measure each executor, print, write."""
    arguments = _parser().parse_args(words)
    for number in ENDING:  # so that what was started and created goes then too
        signal.signal(number, end)
    found = {"machine": describe(Server()), "arguments": vars(arguments) | {"json": str(arguments.json)}}
    executors = {
        executor: Trial(arguments.rows, arguments.runs, executor, arguments.minutes, say).measured()
        for executor in arguments.executors
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(found | {"executors": executors}, indent=1) + "\n")
    print("\n".join(lines(executors)))
    say(f"Everything measured is in {arguments.json}")
    return 0


def lines(executors: Mapping[str, Any]) -> Iterator[str]:
    """Return a line for each task, and one for the whole run."""
    row = "{:<22}{:>12}{:>12}{:>14}{:>12}".format
    for executor, found in executors.items():
        seconds = found["seconds"]
        yield (
            f"{executor}: {found['rows']:,} rows published {seconds['median']} s after the trigger "
            f"({seconds['least']} to {seconds['most']}, {found['runs']} runs)"
        )
        yield row("", "scheduling", "starting", "task process", "our execute")
        for name, parts in (found["tasks"] | {"all": found["parts"]}).items():
            yield row(name, *parts.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench start", description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="rows of a week")
    parser.add_argument("--runs", type=int, default=5, help="runs that are measured, one after the other")
    parser.add_argument("--executors", nargs="+", choices=list(EXECUTORS), default=list(EXECUTORS))
    parser.add_argument("--minutes", type=float, default=10, help="how long to wait for Airflow at most")
    parser.add_argument("--json", type=Path, default=Path("build/bench-start.json"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
