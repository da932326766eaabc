"""`make bench`: measure all contenders on one machine and database, with the same rows, in alternating order."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from bench import child
from bench.bars import verdicts
from bench.cases import CASES
from bench.chart import write_chart
from bench.machine import describe
from bench.peers.run import PYTHON, peers
from bench.report import figures, table, write_json
from bench.rows import SourceRows
from bench.target import Server
from bench.trial import Measurement, Repeat, Trial

EPILOG = "python -m bench parsing --help, python -m bench feeds --help: what many feeds cost Airflow."
STANDARD = ("limit", "week", "rollup", "dag", "backfill", "reader")


def main() -> int:
    """Measure, print, write."""
    if sys.argv[1:2] in (["parsing"], ["feeds"]):
        other = import_module(f"bench.{sys.argv[1]}.__main__")
        return int(other.main(sys.argv[2:]))
    arguments = _parser().parse_args()
    if arguments.peers and not PYTHON.exists():
        sys.exit("The other contenders are not installed. Run 'make bench', or give --no-peers.")
    child.start()
    server = Server()
    machine = describe(server)
    measured: list[Measurement] = []
    try:
        for rows in [arguments.rows, *arguments.curve]:
            names = arguments.cases if rows == arguments.rows else ["limit", "first"]
            measure(rows, names, arguments, measured, with_peers=arguments.peers and rows == arguments.rows)
    finally:  # if a step fails, report what was measured before
        if measured:
            report(arguments, machine, measured)
    return 0


def report(arguments: argparse.Namespace, machine: dict[str, Any], measured: list[Measurement]) -> None:
    """Print the figures and the bars, and write them as JSON and as a chart."""
    found = figures(measured)
    print(table(found))
    print(verdicts(found))
    given = {name: str(value) if isinstance(value, Path) else value for name, value in vars(arguments).items()}
    write_json(arguments.json, machine, given, measured)
    say(f"Everything measured is in {arguments.json}")
    if arguments.chart:
        write_chart(arguments.chart, found)


def measure(
    rows: int, names: list[str], arguments: argparse.Namespace, measured: list[Measurement], *, with_peers: bool
) -> None:
    """Measure one size. Every second repeat runs the contenders in reverse order."""
    say(f"{rows:,} rows: landing the source, publishing the week before")
    weeks = 3 if "rollup" in names else 2  # the week before, the measured week, and the week that joins its month
    source = SourceRows.landed(rows, arguments.asins, arguments.backfill_rows or max(1000, rows // 10), weeks)
    trial = Trial(source, Server(), measured)
    try:
        trial.prepare()
        wanted: list[tuple[str, Callable[[Repeat], None]]] = [(name, CASES[name]) for name in names]
        if with_peers:
            wanted += peers(trial, arguments.slow_rows, arguments.dlt_format)
        for number in range(arguments.repeats):
            for name, case in wanted if number % 2 == 0 else wanted[::-1]:
                started = time.monotonic()
                with trial.repeat() as repeat:
                    case(repeat)
                say(f"  repeat {number + 1}: {name} ({time.monotonic() - started:.0f} s)")
    finally:
        trial.drop()


def say(line: str) -> None:
    """Print a line about the progress."""
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, epilog=EPILOG)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of a week")
    parser.add_argument("--asins", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(STANDARD))
    parser.add_argument("--curve", nargs="*", type=int, default=[], help="further sizes, first load and limit only")
    parser.add_argument(
        "--backfill-rows", type=int, default=None, help="rows of each week of the backfill; default a tenth"
    )
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--slow-rows", type=int, default=100_000, help="rows for contenders that write row by row")
    parser.add_argument("--dlt-format", default="csv", choices=["csv", "parquet", "insert_values"])
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--chart", type=Path, default=None, help="an SVG file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
