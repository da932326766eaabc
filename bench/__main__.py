"""`make bench`: measure all contenders on one machine and database, with the same rows, in alternating order."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from bench import child
from bench.bars import verdicts
from bench.cases import CASES
from bench.chart import write_chart
from bench.kept import Kept
from bench.kept import lines as kept_lines
from bench.machine import describe
from bench.peers.run import PYTHON, peers
from bench.reads import Read
from bench.reads import lines as reads_lines
from bench.report import figures, table, write_json
from bench.rows import SourceRows
from bench.target import Server
from bench.trial import Measurement, Trial

EPILOG = (
    "python -m bench parsing --help, python -m bench feeds --help: what many feeds cost Airflow. "
    "python -m bench start --help: what Airflow adds to a sync. python -m bench prove --help: what a proof costs."
)
OF_A_CURVE = ("limit", "first")


def main() -> int:
    """Measure, print, write."""
    if sys.argv[1:2] in (["parsing"], ["feeds"], ["start"], ["prove"]):
        other = import_module(f"bench.{sys.argv[1]}.__main__")
        return int(other.main(sys.argv[2:]))
    arguments = _parser().parse_args()
    if arguments.peers and not PYTHON.exists():
        sys.exit("The other contenders are not installed. Run 'make bench', or give --no-peers.")
    child.start()
    found = Found(describe(Server()))
    try:
        for rows in [arguments.rows, *arguments.curve]:
            measure(rows, arguments, found)
    finally:  # if a step fails, report what was measured before
        if found.measured or found.reads:
            report(arguments, found)
    return 0


@dataclass
class Found:
    """What the run has measured so far."""

    machine: dict[str, Any]
    measured: list[Measurement] = field(default_factory=list)
    kept: dict[str, Kept] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each step of the benchmark has taken, by its name."""

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Note and print how long a step takes."""
        started = time.monotonic()
        yield
        self.seconds[step] = round(time.monotonic() - started, 1)
        say(f"  {step} ({self.seconds[step]:.0f} s)")


def report(arguments: argparse.Namespace, found: Found) -> None:
    """Print the figures and the bars, and write them as JSON and as a chart."""
    rows = figures(found.measured)
    print(table(rows), *kept_lines(found.kept), *reads_lines(found.reads), verdicts(rows), sep="\n")
    given = {name: str(value) if isinstance(value, Path) else value for name, value in vars(arguments).items()}
    described = {
        "machine": found.machine,
        "arguments": given,
        "seconds": found.seconds,
        "kept": {contender: asdict(kept) for contender, kept in found.kept.items()},
        "reads": [asdict(read) for read in found.reads],
    }
    write_json(arguments.json, described, found.measured)
    say(f"Everything measured is in {arguments.json}; it took {sum(found.seconds.values()) / 60:.1f} minutes")
    if arguments.chart:
        write_chart(arguments.chart, rows)


def measure(rows: int, arguments: argparse.Namespace, found: Found) -> None:
    """Measure one size. Every second repeat runs the contenders in reverse order."""
    in_full = rows == arguments.rows
    names = arguments.cases if in_full else OF_A_CURVE
    say(f"{rows:,} rows")
    with found.timed(f"{rows:,} rows: landing the source"):
        weeks = 3 if "rollup" in names else 2  # the week before, the measured week, and the week that joins its month
        source = SourceRows.landed(rows, arguments.asins, arguments.backfill_rows or max(1000, rows // 10), weeks)
    trial = Trial(source, Server(), found.measured, kept=found.kept, reads=found.reads)
    try:
        with found.timed(f"{rows:,} rows: publishing the week before, taking a snapshot"):
            trial.prepare()
        wanted = [(name, CASES[name]) for name in names]
        if arguments.peers and in_full:
            wanted += peers(trial, arguments.slow_rows, arguments.dlt_format)
        for number in range(1, arguments.repeats + 1):
            for name, case in wanted if number % 2 else wanted[::-1]:
                if case.once and number > 1:
                    continue
                with (
                    found.timed(f"{rows:,} rows, repeat {number}: {name}"),
                    trial.repeat(trial.published if case.published else trial.template, number) as repeat,
                ):
                    case.measure(repeat)
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
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
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
